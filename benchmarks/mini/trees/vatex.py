"""VATEX of the built-in world: ten captions a video, written as sentences. No video is missing."""

from __future__ import annotations

from pathlib import Path

from benchmarks.mini import prompts
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.wordings import references
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

FIRST_SEED = 65_000
FILMS: tuple[tuple[Kind, int], ...] = (("events", 5), ("motion", 3), ("flash", 2), ("brightness", 2))
"""Kind of scenes and number of videos."""
REFERENCES = 10


def write(world: Path, first: int) -> None:
    """Write the tree and upstream's rows."""
    folder = world / "VATEX"
    official: list[Row] = []
    rows: list[Row] = []
    for kind, number in FILMS:
        for film in films(first, kind, open_questions, number=number, shows=plain):
            begin = film.seed % 300
            video = f"{youtube_id(film.seed)}_{begin:06d}_{begin + 10:06d}"
            write_clip(folder / "videos" / f"{video}.mp4", film)
            captions = [f"{caption[0].upper()}{caption[1:]}." for caption in references(film, REFERENCES)]
            official.append({"videoID": video, "enCap": captions})
            rows.append(tarsier_row("VATEX-test", len(rows), prompts.CAPTION, captions, video))
    write_list(folder / "vatex_public_test_english_v1.1.json", official)
    write_rows(world, "VATEX-test.jsonl", rows)
