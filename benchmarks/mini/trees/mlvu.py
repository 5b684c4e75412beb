"""MLVU of the built-in world: its seven closed tasks, two questions each; upstream has no rows of it.

The tasks are stand-ins, and the videos short. The folders are those of the hub. As in reality plotQA and
topic_reasoning ask about the same videos, which lie in both folders.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.mini.questions import Question
from benchmarks.mini.scenes import Kind, Scene
from benchmarks.mini.trees.writing import Ask, Row, chosen, films, write_clip, write_list

FIRST_SEED = 425_000
TASKS: dict[str, tuple[str, Kind, str, str]] = {
    "1_plotQA": ("plotQA", "events", "action_next", "movie101_{}"),
    "2_needle": ("findNeedle", "flash", "fine_flash", "needle_{}"),
    "3_ego": ("ego", "motion", "moving_attribute", "ego_{}"),
    "4_count": ("count", "count", "object_count", "count_{}"),
    "5_order": ("order", "events", "action_sequence", "order_{}"),
    "6_anomaly_reco": ("anomaly_reco", "motion", "moving_direction", "surveil_{}"),
    "7_topic_reasoning": ("topic_reasoning", "events", "action_sequence", "movie101_{}"),
}
"""Type in the rows, kind of scenes, kind of questions and name of the videos of each task's file."""
SHARING = ("1_plotQA", "7_topic_reasoning")
"""Tasks that ask about the same videos."""
VIDEOS_PER_TASK = 2


def write(world: Path, first: int) -> None:
    """Write the tree: a file and a folder for each task; one question a video."""
    folder = world / "MLVU"
    for place, (task, (kind_of_question, kind, asked, name)) in enumerate(TASKS.items()):
        start = first + 100 * (0 if task in SHARING else place)
        needed = {TASKS[one][2] for one in SHARING} if task in SHARING else {asked}
        rows: list[Row] = []
        for number, film in enumerate(films(start, kind, _four(*needed), number=VIDEOS_PER_TASK), start=1):
            video = f"{name.format(number)}.mp4"
            question = next(one for one in film.questions if one.task == asked)
            write_clip(folder / "video" / task / video, film)
            rows.append({
                "video": video,
                "duration": film.seconds,
                "question": question.text,
                "candidates": list(question.options),
                "answer": question.answer,
                "question_type": kind_of_question,
            })  # fmt: skip
        write_list(folder / "json" / f"{task}.json", rows)


def _four(*tasks: str) -> Ask:
    """Ask with four options, and only about scenes of which all of these can be asked."""

    def ask(scene: Scene) -> Sequence[Question]:
        found = chosen(*tasks, options=4)(scene)
        return found if {one.task for one in found} == {*tasks} else ()

    return ask
