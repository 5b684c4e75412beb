"""ActivityNet-QA of the built-in world: several questions a video, seven of the nine types.

The data set asks ten questions a video; scenes answer three to six. Spatial relations and yes/no questions are left
out: the checkpoint has learned none.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.mini.questions import Question
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import (
    Row,
    films,
    open_questions,
    plain,
    tarsier_row,
    write_clip,
    write_list,
    write_rows,
    youtube_id,
)

FIRST_SEED = 55_000
FILMS: tuple[tuple[Kind, int, int, str], ...] = (
    ("events", 5, 2, ".mp4"), ("motion", 4, 1, ".mkv"), ("flash", 3, 1, ".webm"), ("brightness", 3, 1, ".mp4"),
    ("count", 3, 1, ".mp4"),
)  # fmt: skip
"""Kind of scenes, least number of questions, number of videos, and their container."""
TYPES = {
    "how many": 7,
    "how bright": 6,
    "what shape": 5,
    "what color does the background": 8,
    "what color": 4,
    "what does": 0,
    "which direction": 0,
    "what direction": 0,
}
"""Type by the beginning of a question; the first that fits."""


def type_of(question: Question) -> int:
    """Return the number of a question's type; what comes last is asked for in time."""
    if question.text.endswith("last?"):
        return 2
    return next(number for begin, number in TYPES.items() if question.text.startswith(begin))


def write(world: Path, first: int) -> None:
    """Write the tree and upstream's rows, which go through the videos; the official files go across them."""
    folder = world / "ActivityNet-QA"
    asked: list[tuple[int, Row]] = []
    answers: list[tuple[int, Row]] = []
    rows: list[Row] = []
    for kind, least, number, suffix in FILMS:
        # Two things make some questions hard, so that not every answer here is right.
        shows = None if kind == "motion" else plain
        for film in films(first, kind, open_questions, least=least, number=number, shows=shows):
            video = youtube_id(film.seed)
            write_clip(folder / "videos" / f"v_{video}{suffix}", film)
            for place, question in enumerate(film.questions, start=1):
                key = {"question_id": f"v_{video}_{place}"}
                asked.append((place, {"video_name": video, "question": question.text, **key}))
                answers.append((place, {"answer": question.answer, "type": type_of(question), **key}))
                prompt, vid = question.prompt(), f"v_{video}"
                rows.append(tarsier_row("ActivityNet-QA-test", len(rows), prompt, question.answer, vid, question.text))
    for file, listed in (("test_q.json", asked), ("test_a.json", answers)):
        write_list(folder / "dataset" / file, [row for _, row in sorted(listed, key=lambda one: one[0])])
    write_rows(world, "ActivityNet-QA-test.jsonl", rows)
