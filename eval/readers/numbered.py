"""Data sets whose videos are numbered and split by number: MSVD and MSR-VTT.

val_qa.json: [{"id": 158581, "video_id": 6513, "question": "what is he doing?", "answer": "cook"}, ...]
youtube_mapping.txt: dQw4w9WgXcQ_10_15 vid1
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.joining import AnnotatedQuestion, Namer
from eval.readers.layout import DataLayout
from eval.readers.malformed import STRICT, BadRowPolicy, RowError
from eval.readers.rows import Row, read_json_list, read_lines

_NUMBER = re.compile(r"(?:video|vid)?([0-9]{1,9})")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedBenchmark(AnnotatedBenchmark):
    """A benchmark whose splits are ranges of video numbers."""

    prefix: str
    """Prefix of the number in the names of the videos."""
    numbers: Mapping[str, tuple[int, int]]
    """First and last video of each split."""

    def video(self, row: Row, field: str) -> str:
        """Return the name of a row's video. Raises DataError where its number is not one of the split."""
        label = row.label(field)
        match = _NUMBER.fullmatch(label)
        if match is None:
            raise row.error(field, f"is {label!r}, expected a number, alone or behind {self.prefix!r}")
        first, last = self.numbers[self.split]
        if not first <= int(match[1]) <= last:
            split = next((name for name, (a, b) in self.numbers.items() if a <= int(match[1]) <= b), "no")
            raise row.error(
                field,
                f"is {label}, a video of {split} split, where {self.split!r} has {first} to {last}; "
                "give the file of this split",
            )
        return f"{self.prefix}{match[1]}"

    def qa(self, file: Path) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of a file of the form `{split}_qa.json`."""
        for row in read_json_list(file, self.tolerance):
            with self.tolerance:
                yield AnnotatedQuestion(
                    row=row,
                    # Upstream counts from 0; the letter distinguishes the two numberings.
                    id=f"{self.dataset}_q{row.label('id')}",
                    video=self.video(row, "video_id"),
                    targets=(row.label("answer"),),
                    text=row.text("question"),
                )


def msvd_namer(homes: DataLayout, tolerance: BadRowPolicy) -> Namer:
    """Return the namer of MSVD's videos, which are named by YouTube clip or by number."""
    file = homes.official("youtube_mapping.txt")
    both = read_mapping(file, tolerance) if file else {}
    names = {one: (clip, number) for clip, number in both.items() for one in (clip, number)}
    return lambda video: names.get(video, (video,))


def read_mapping(file: Path, tolerance: BadRowPolicy = STRICT) -> dict[str, str]:
    """Return `vid<N>` by clip, in the order of the file. Raises RowError where a line is not of that form."""
    mapping: dict[str, str] = {}
    numbers: set[str] = set()
    for place, line in read_lines(file, tolerance):
        with tolerance:
            clip, _, number = line.rpartition(" ")
            if not clip.strip() or not re.fullmatch(r"vid[0-9]{1,9}", number):
                raise RowError(f"{place}: {line[:60]!r} where '<clip> vid<N>' is expected; fetch the file again")
            if clip in mapping or number in numbers:
                raise RowError(f"{place}: {clip} or {number} comes twice; fetch the file again")
            numbers.add(number)
            mapping[clip.strip()] = number
    return mapping
