"""Video-MME of the built-in world: three questions of four options on each video, of three lengths.

The official table is a parquet file. Here it is JSON lines of the same rows, which need no further package.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.mini.questions import Question
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import (
    Row,
    chosen,
    films,
    tarsier_row,
    write_clip,
    write_lines,
    write_rows,
    youtube_id,
)

FIRST_SEED = 35_000
FILMS: tuple[tuple[str, int, Kind, int], ...] = (
    ("short", 32, "events", 2), ("short", 30, "motion", 1),
    ("medium", 96, "events", 1), ("medium", 96, "count", 1),
    ("long", 240, "events", 1), ("long", 240, "motion", 1),
)  # fmt: skip
"""Duration, frames, kind of scenes, and number of videos."""
FIRST_VIDEO = {"short": 1, "medium": 301, "long": 601}
QUESTIONS_PER_VIDEO = 3
TASK_TYPES = {
    "action_sequence": "Temporal Reasoning",
    "action_next": "Action Reasoning",
    "state_change": "Temporal Perception",
    "object_count": "Counting Problem",
    "moving_direction": "Action Recognition",
    "shape": "Object Recognition",
    "moving_attribute": "Attribute Perception",
    "attribute": "Attribute Perception",
}
DOMAINS = {"events": ("Film & Television", "Animation"), "motion": ("Sports Competition", "Athletics"),
           "count": ("Knowledge", "Technology")}  # fmt: skip


def write(world: Path, first: int) -> None:
    """Write the tree and upstream's rows, which name a video by its number instead of its file."""
    folder = world / "Video-MME"
    official: list[Row] = []
    rows: list[Row] = []
    count = dict(FIRST_VIDEO)
    for place, (duration, n_frames, kind, number) in enumerate(FILMS):
        keep = chosen(*TASK_TYPES, options=4)
        for film in films(first + 500 * place, kind, keep, least=QUESTIONS_PER_VIDEO, number=number):
            video, name = f"{count[duration]:03d}", youtube_id(film.seed)
            count[duration] += 1
            write_clip(folder / "data" / f"{name}.mp4", film.lasting(n_frames))
            domain, sub_category = DOMAINS[kind]
            about = {"duration": duration, "domain": domain, "sub_category": sub_category}
            for place_in, question in enumerate(film.questions[:QUESTIONS_PER_VIDEO], start=1):
                official.append(_official(question, video, name, place_in, about))
                extra = about | {"task_type": TASK_TYPES[question.task]}
                prompt = question.prompt()
                rows.append(tarsier_row("Video-MME", len(rows), prompt, question.letter, video, extra=extra))
    write_lines(folder / "videomme" / "test-00000-of-00001.jsonl", map(json.dumps, official))
    write_rows(world, "Video-MME.jsonl", rows)


def _official(question: Question, video: str, name: str, place: int, about: dict[str, str]) -> Row:
    return {
        "video_id": video,
        **about,
        "url": f"https://www.youtube.com/watch?v={name}",
        "videoID": name,
        "question_id": f"{video}-{place}",
        "task_type": TASK_TYPES[question.task],
        "question": question.text,
        "options": [f"{letter}. {option}" for letter, option in zip("ABCD", question.options, strict=True)],
        "answer": question.letter,
    }
