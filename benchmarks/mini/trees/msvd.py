"""MSVD of the built-in world, and MSVD-QA, which ask about the same clips.

Splits are ranges of numbers, and those of the two differ: what MSVD-QA counts as val up to 1450 is test of MSVD from
1301 on. Upstream's captions have a capital, a full stop and no apostrophes.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.mini import prompts
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.wordings import references
from benchmarks.mini.trees.writing import (
    Film,
    Row,
    films,
    open_questions,
    plain,
    tarsier_row,
    write_clip,
    write_lines,
    write_list,
    write_rows,
    youtube_id,
)

FIRST_SEED = 45_000
FILMS: tuple[tuple[Kind, int, tuple[int, ...]], ...] = (
    ("events", 5, (1207, 1316, 1502, 1577)), ("motion", 4, (1248, 1611, 1702)), ("flash", 3, (1433, 1733, 1801)),
    ("brightness", 3, (1854, 1969)), ("count", 3, (1390, 1970)),
)  # fmt: skip
"""Kind of scenes, least number of questions, and the numbers of the clips."""
QA_VAL = range(1201, 1451)
QA_TEST = range(1451, 1971)
CAPTION_TEST = range(1301, 1971)
TEST_ASKED = (1502, 1733)
"""Of the test split of MSVD-QA; the val split asks about all of its clips."""
REFERENCES = 8
FIRST_QUESTION = 30_933


def write(world: Path, first: int) -> None:
    """Write both trees and upstream's rows of both."""
    shown: dict[int, Film] = {}
    for kind, least, numbers in FILMS:
        found = films(first, kind, open_questions, least=least, number=len(numbers), shows=plain)
        shown |= zip(numbers, found, strict=True)
    names = {number: _name(shown[number]) for number in sorted(shown)}
    for number, name in names.items():
        write_clip(world / "MSVD" / "YouTubeClips" / f"{name}.avi", shown[number])
    mapping = [f"{name} vid{number}" for number, name in names.items()]
    for folder in ("MSVD", "MSVD-QA"):
        write_lines(world / folder / "youtube_mapping.txt", mapping)
    _write_questions(world, shown, names)
    _write_captions(world, {names[number]: shown[number] for number in names if number in CAPTION_TEST})


def _name(film: Film) -> str:
    begin = film.seed % 90
    return f"{youtube_id(film.seed)}_{begin}_{begin + round(film.seconds)}"


def _write_questions(world: Path, shown: dict[int, Film], names: dict[int, str]) -> None:
    official: dict[str, list[Row]] = {"val": [], "test": []}
    rows: list[Row] = []
    for number, name in names.items():
        split = "val" if number in QA_VAL else "test"
        if split == "test" and number not in TEST_ASKED:
            continue
        # Two captions may have led to the same question, so the data set asks some twice.
        for question in (*shown[number].questions, *shown[number].questions[: number % 2]):
            count = sum(map(len, official.values()))
            asked = {"question": question.text, "video_id": number}
            official[split].append({"answer": question.answer, "id": FIRST_QUESTION + count, **asked})
            if split == "val":
                prompt = question.prompt()
                rows.append(tarsier_row("MSVD-QA-val", len(rows), prompt, question.answer, name, question.text))
    for split, questions in official.items():
        write_list(world / "MSVD-QA" / f"{split}_qa.json", questions)
    write_rows(world, "MSVD-QA-val.jsonl", rows)


def _write_captions(world: Path, test: dict[str, Film]) -> None:
    told = {name: references(film, REFERENCES) for name, film in test.items()}
    lines = [f"{name} {caption}" for name, captions in told.items() for caption in captions]
    write_lines(world / "MSVD" / "AllVideoDescriptions.txt", lines)
    rows = [
        tarsier_row("MSVD-Caption-test", idx, prompts.CAPTION, [_recased(caption) for caption in captions], name)
        for idx, (name, captions) in enumerate(told.items())
    ]
    write_rows(world, "MSVD-Caption-test.jsonl", rows)


def _recased(caption: str) -> str:
    return f"{caption[0].upper()}{caption[1:]}.".replace("'", " ")
