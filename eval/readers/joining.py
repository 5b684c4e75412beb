"""Questions of official files, and their matching with upstream's rows.

Upstream's rows of some data sets have no question type. The official files do, but number the questions differently, so
the two are joined on video, question and options: for all rows or for none, since a report by type over a part of the
questions would look like one over all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.readers.choices import read_options
from eval.readers.folders import video_stem
from eval.readers.rows import Row
from eval.readers.upstream import UpstreamRow

Namer = Callable[[str], tuple[str, ...]]
"""Gives the possible names of a video's file, likeliest first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedQuestion:
    """One question of an official file, before its video is looked up."""

    row: Row
    """The row it comes from, for messages."""
    id: str
    """The sample's id."""
    video: str
    """The video's name in the row."""
    targets: tuple[str, ...]
    """Reference answers, () where they are withheld."""
    text: str = ""
    """The question; "" for captions and descriptions."""
    options: tuple[str, ...] = ()
    """The options, for multiple choice."""
    kind: str = ""
    """The subset's name in the row."""
    start: float | None = None
    """First second of the span."""
    end: float | None = None
    """Last second of the span."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the row."""


def join(
    rows: Sequence[UpstreamRow], questions: Sequence[AnnotatedQuestion], names: Namer, path: Path
) -> list[AnnotatedQuestion] | None:
    """Return the question of each row, or None, with a warning that names `path`, where a row has none."""

    def key(video: str, text: str, options: Sequence[str]) -> tuple[str, ...]:
        return (video_stem(names(video)[0]), text.strip(), *(option.strip() for option in options))

    known: dict[tuple[str, ...], list[AnnotatedQuestion]] = {}
    for one in questions:
        known.setdefault(key(one.video, one.text, one.options), []).append(one)
    found: list[AnnotatedQuestion] = []
    for row in rows:
        # Where upstream's question lists the options too, they follow it.
        text = row.question.partition("\n(A)")[0]
        matches = known.get(key(row.vid, text, read_options(row.prompt)), [])
        if matches:
            # The same question may occur twice.
            found.append(matches.pop(0) if len(matches) > 1 else matches[0])
    if len(found) < len(rows):
        lost, file = len(rows) - len(found), questions[0].row.place if questions else "the official files"
        if found:
            _log.warning(
                "%s: %d of %d rows are not among those of %s; no subsets reported", path, lost, len(rows), file
            )
        else:
            _log.warning("%s names no subsets, and none are reported; with its official files as data= they are", path)
        return None
    return found
