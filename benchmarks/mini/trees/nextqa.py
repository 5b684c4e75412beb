"""NExT-QA of the built-in world: all eight types of question, five options each.

Scenes have no causes, so the types stand for kinds of questions: what they test is that types are carried along.
"""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.mini import prompts
from benchmarks.mini.questions import Question
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import Film, Row, chosen, films, tarsier_row, write_clip, write_object, write_rows

FIRST_SEED = 25_000
DATASET = "Next-QA-val-multi_choice"
TYPES = {
    "fine_flash": "CW",
    "moving_attribute": "CH",
    "action_next": "TN",
    "object_count": "DC",
    "brightness": "DL",
    "attribute": "DO",
}
"""Type by kind of question; see `kind_of` for the other two."""
FILMS: tuple[tuple[Kind, int, int], ...] = (
    ("events", 4, 3), ("count", 2, 2), ("flash", 2, 2), ("motion", 1, 2), ("brightness", 2, 1),
)  # fmt: skip
"""Kind, least number of questions of five options, and number of clips."""
FIRST_VIDEO = 9_900_000_000
"""Videos are named by ten digits."""


def kind_of(question: Question) -> str:
    """Return the type of a question: what came first in a clip is previous, what came last is current."""
    early = question.text.endswith(("first?", "beginning of the video?"))
    return TYPES.get(question.task, "TP" if early else "TC")


def write(world: Path, first: int) -> None:
    """Write the tree and upstream's rows, which go through the videos; the official file goes across them."""
    folder = world / "NExT-QA"
    shown: list[Film] = []
    for kind, least, number in FILMS:
        shown += films(
            first, kind, chosen(*TYPES, "action_sequence", "state_change", options=5), least=least, number=number
        )
    official: list[tuple[int, list[object]]] = []
    rows: list[Row] = []
    paths: dict[str, str] = {}
    for film in shown:
        video = str(FIRST_VIDEO + film.seed)
        paths[video] = f"{film.seed % 1000:04d}/{video}"
        write_clip(folder / "NExTVideo" / f"{paths[video]}.mp4", film)
        size = film.scene
        for qid, question in enumerate(film.questions):
            cells = [video, size.n_frames, size.width, size.height, question.text]
            answer = question.options.index(question.answer)
            official.append((qid, [*cells, answer, qid, kind_of(question), *question.options]))
            asked = f"{question.text}\n{prompts.lettered(question.options)}"
            prompt = question.prompt("nextqa")
            rows.append(tarsier_row(DATASET, len(rows), prompt, question.letter, video, asked))
    heading = ["video", "frame_count", "width", "height", "question", "answer", "qid", "type"]
    with (folder / "val.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*heading, *(f"a{number}" for number in range(5))])
        table.writerows(cells for _, cells in sorted(official, key=lambda one: one[0]))
    write_rows(world, "Next-QA-val-multi_choice.jsonl", rows)
    write_object(folder / "map_vid_vidorID.json", paths)
