"""LongVideoBench of the built-in world: two to five options, four groups of durations; upstream has no rows of it.

The groups only stand for theirs: the longest video here lasts a minute.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import Row, chosen, films, write_clip, write_list, youtube_id

FIRST_SEED = 420_000
TASKS = {
    "action_sequence": "SSS",
    "action_next": "E3E",
    "state_change": "SAA",
    "moving_direction": "O2E",
    "moving_attribute": "S2A",
    "object_count": "S2O",
}
"""Category of each kind of questions."""
FILMS: tuple[tuple[int, int, Kind, int], ...] = (
    (15, 32, "events", 2), (15, 64, "motion", 1), (60, 160, "events", 1), (60, 96, "count", 1),
    (600, 240, "events", 1), (3600, 480, "motion", 1),
)  # fmt: skip
"""Duration group, frames, kind of scenes, and number of videos."""
TOPICS: dict[Kind, str] = {"events": "NP-News-Programs", "motion": "LT-Lifestyle-Travel-Guides",
                           "count": "KA-Knowledge-Art"}  # fmt: skip
QUESTIONS_PER_VIDEO = 3
"""The last ones of a film, since the first are all of one kind."""


def write(world: Path, first: int) -> None:
    """Write the tree: the list of questions, and the videos."""
    folder = world / "LongVideoBench"
    official: list[Row] = []
    for place, (group, n_frames, kind, number) in enumerate(FILMS):
        for film in films(first + 100 * place, kind, chosen(*TASKS), least=2, number=number):
            name, film = youtube_id(film.seed), film.lasting(n_frames)  # noqa: PLW2901
            write_clip(folder / "videos" / f"{name}.mp4", film)
            for count, question in enumerate(film.questions[-QUESTIONS_PER_VIDEO:]):
                official.append({
                    "video_id": name,
                    "question": question.text,
                    "question_wo_referring_query": question.text,
                    "candidates": list(question.options),
                    "correct_choice": question.options.index(question.answer),
                    "topic_category": TOPICS[kind],
                    "question_category": TASKS[question.task],
                    "level": "L1-Perception" if kind == "count" else "L2-Relation",
                    "id": f"{name}_{count}",
                    "video_path": f"{name}.mp4",
                    "subtitle_path": f"{name}_en.json",
                    "duration_group": group,
                    "starting_timestamp_for_subtitles": 0,
                    "duration": film.seconds,
                    "view_count": 0,
                })  # fmt: skip
    write_list(folder / "lvb_val.json", official)
