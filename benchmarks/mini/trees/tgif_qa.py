"""TGIF-QA of the built-in world: animated gifs, and questions that one frame answers."""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.mini.clips import write_gif
from benchmarks.mini.questions import Question
from benchmarks.mini.rendering import render_bytes
from benchmarks.mini.scenes import Kind, Scene
from benchmarks.mini.trees.writing import Row, films, open_questions, plain, tarsier_row, write_rows

FIRST_SEED = 60_000
FILMS: tuple[tuple[Kind, int, int], ...] = (("brightness", 3, 3), ("motion", 2, 3), ("count", 3, 2))
"""Kind of scenes, least number of questions, and number of gifs."""
TYPES = {"how many": 1, "how bright": 3, "what color": 2, "what shape": 0}
"""Type by the beginning of a question: object, number, colour; how bright it is stands in for a location."""
FIRST_KEY = 20_000
FIRST_ID = 9_000


def write(world: Path, first: int) -> None:
    """Write the tree and upstream's rows."""
    folder = world / "TGIF-QA"
    lines: list[list[object]] = []
    rows: list[Row] = []
    for kind, least, number in FILMS:
        # Two things make some questions hard, so that not every answer here is right.
        shows = None if kind == "motion" else plain
        for film in films(first, kind, _in_one_frame, least=least, number=number, shows=shows):
            gif = f"tumblr_mini{film.seed:05d}_{film.scene.width}"
            write_gif(folder / "gifs" / f"{gif}.gif", render_bytes(film.scene))
            for question in film.questions:
                key = FIRST_KEY + len(rows)
                about = [_type(question), f"FRAMEQA{FIRST_ID - len(rows)}", key, film.told("caption").lower()]
                lines.append([gif, question.text, question.answer, *about])
                prompt = question.prompt()
                rows.append(tarsier_row("TGIF-QA-test", len(rows), prompt, question.answer, gif, question.text))
    with (folder / "Test_frameqa_question.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(["gif_name", "question", "answer", "type", "vid_id", "key", "description"])
        table.writerows(lines)
    write_rows(world, "TGIF-QA-test.jsonl", rows)


def _in_one_frame(scene: Scene) -> list[Question]:
    return [one for one in open_questions(scene) if "direction" not in one.text]


def _type(question: Question) -> int:
    return next(number for begin, number in TYPES.items() if question.text.startswith(begin))
