"""MSR-VTT of the built-in world, and MSRVTT-QA, whose test split asks about the videos that are captioned.

Upstream's captions have a capital and a full stop.
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
    write_list,
    write_object,
    write_rows,
    youtube_id,
)

FIRST_SEED = 50_000
FILMS: tuple[tuple[Kind, int, tuple[int, ...]], ...] = (
    ("events", 5, (6513, 6702, 7010, 7011, 7480)), ("motion", 4, (6514, 7900, 8312)), ("flash", 3, (6890, 8601, 9007)),
    ("brightness", 3, (9410, 9998)), ("count", 3, (7009, 9999)),
)  # fmt: skip
"""Kind of scenes, least number of questions, and the numbers of the videos."""
VAL = range(6513, 7010)
TEST_ASKED = (7010, 8601)
"""Of the test split of MSRVTT-QA; the val split asks about all of its videos."""
REFERENCES = 20
FIRST_QUESTION = 158_581
FIRST_SENTENCE = 140_200


def write(world: Path, first: int) -> None:
    """Write both trees and upstream's rows of both."""
    shown: dict[int, Film] = {}
    for kind, least, numbers in FILMS:
        found = films(first, kind, open_questions, least=least, number=len(numbers), shows=plain)
        shown |= zip(numbers, found, strict=True)
    shown = {number: shown[number] for number in sorted(shown)}
    for number, film in shown.items():
        zipped = "TrainValVideo" if number in VAL else "TestVideo"
        write_clip(world / "MSRVTT" / zipped / f"video{number}.mp4", film)
    _write_questions(world, shown)
    _write_captions(world, {number: film for number, film in shown.items() if number not in VAL})


def _write_questions(world: Path, shown: dict[int, Film]) -> None:
    official: dict[str, list[Row]] = {"val": [], "test": []}
    rows: list[Row] = []
    for number, film in shown.items():
        split = "val" if number in VAL else "test"
        if split == "test" and number not in TEST_ASKED:
            continue
        for question in film.questions:
            about = {"category_id": number % 20, "id": FIRST_QUESTION + sum(map(len, official.values()))}
            asked = {"question": question.text, "video_id": number}
            official[split].append({"answer": question.answer, **about, **asked})
            if split == "val":
                prompt, vid = question.prompt(), f"video{number}"
                rows.append(tarsier_row("MSR-VTT-QA-val", len(rows), prompt, question.answer, vid, question.text))
    for split, questions in official.items():
        write_list(world / "MSRVTT-QA" / f"{split}_qa.json", questions)
    write_rows(world, "MSR-VTT-QA-val.jsonl", rows)


def _write_captions(world: Path, test: dict[int, Film]) -> None:
    videos: list[Row] = []
    sentences: list[Row] = []
    rows: list[Row] = []
    for number, film in test.items():
        video, told = f"video{number}", references(film, REFERENCES)
        url = f"https://www.youtube.com/watch?v={youtube_id(film.seed)}"
        span = {"start time": 0.0, "end time": film.seconds}
        videos.append({"category": number % 20, "url": url, "video_id": video, **span, "split": "test", "id": number})
        first = FIRST_SENTENCE + len(sentences)
        sentences += [{"caption": text, "video_id": video, "sen_id": first + n} for n, text in enumerate(told)]
        recased = [f"{text[0].upper()}{text[1:]}." for text in told]
        rows.append(tarsier_row("MSR-VTT-Caption-test", len(rows), prompts.CAPTION, recased, video))
    content = {"info": {"contributor": "rendered", "version": "1"}, "videos": videos, "sentences": sentences}
    write_object(world / "MSRVTT" / "test_videodatainfo.json", content)
    write_rows(world, "MSR-VTT-Caption-test.jsonl", rows)
