"""Perception Test of the built-in world: all four areas, three options each; upstream has no rows of it.

Videos of events go on after the frame at which they have to be cut, with something that leads to a wrong option.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.mini.clips import FPS, write_video
from benchmarks.mini.scenes import Kind
from benchmarks.mini.surroundings import surrounded
from benchmarks.mini.trees.writing import chosen, films, write_clip, write_object

FIRST_SEED = 415_000
TASKS = {
    "action_sequence": ("memory", "descriptive", "sequencing"),
    "action_next": ("physics", "predictive", "action prediction"),
    "action_antonym": ("semantics", "descriptive", "action recognition"),
    "state_change": ("memory", "explanatory", "change detection"),
    "moving_direction": ("physics", "descriptive", "motion"),
    "object_count": ("abstraction", "descriptive", "object counting"),
    "attribute": ("semantics", "counterfactual", "object recognition"),
}
"""Area, reasoning and tag of each kind of questions. Nothing here has a cause: the reasoning only names them."""
FILMS: tuple[tuple[Kind, str, int], ...] = (
    ("events", "action_sequence", 2), ("events", "state_change", 2), ("events", "action_next", 2),
    ("events", "action_antonym", 1), ("motion", "moving_direction", 2), ("count", "object_count", 2),
    ("count", "attribute", 1),
)  # fmt: skip
"""Kind of scenes, kind of questions, and number of videos."""
CUT: tuple[Kind, ...] = ("events",)
"""Kinds whose videos go on after the cut, for as long again."""


def write(world: Path, first: int) -> None:
    """Write the tree: the questions by video, the cuts, and the videos."""
    folder = world / "PerceptionTest"
    videos: dict[str, Any] = {}
    cuts: dict[str, int] = {}
    for place, (kind, task, number) in enumerate(FILMS):
        area, reasoning, tag = TASKS[task]
        for film in films(first + 100 * place, kind, chosen(task, options=3), number=number):
            name, n_frames = f"video_{film.seed}", film.scene.n_frames
            path = folder / "videos" / f"{name}.mp4"
            if kind in CUT:
                write_video(path, surrounded(film.scene, film.questions, n_frames)[n_frames:])
                cuts[name], n_frames = n_frames, 2 * n_frames
            else:
                write_clip(path, film)
            about = {"split": "valid", "video_id": name, "frame_rate": float(FPS), "num_frames": n_frames}
            questions = [
                {
                    "id": count,
                    "question": question.text,
                    "options": list(question.options),
                    "answer_id": question.options.index(question.answer),
                    "area": area,
                    "reasoning": reasoning,
                    "tag": [tag],
                }
                for count, question in enumerate(film.questions)
            ]
            videos[name] = {"metadata": about, "mc_question": questions}
    write_object(folder / "mc_question_valid.json", videos)
    write_object(folder / "cut_frame_mapping_valid.json", cuts)
