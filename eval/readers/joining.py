"""Questions of official files, and how upstream's rows are matched with them.

Upstream's rows of some data sets carry no question type. The official files do, but count the questions otherwise,
so the two are joined on video, question and options: for all rows or for none, since a report by type over a part
of the questions would look like one over all.
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
"""Gives the names that a video's file may have, likeliest first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of an official file, before its video is looked up."""

    row: Row
    """Where it stands, for messages."""
    id: str
    """The sample's id."""
    video: str
    """The video, as the row names it."""
    targets: tuple[str, ...]
    """Reference answers, () where they are withheld."""
    text: str = ""
    """The question; "" for captions and descriptions."""
    options: tuple[str, ...] = ()
    """The options, for multiple choice."""
    kind: str = ""
    """The subset, as the row names it."""
    start: float | None = None
    """First second of the span."""
    end: float | None = None
    """Last second of the span."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What else the row says."""


def join(rows: Sequence[UpstreamRow], questions: Sequence[Question], names: Namer, path: Path) -> list[Question] | None:
    """Return the question behind each row, or None, with a warning that names `path`, where one has none."""

    def key(video: str, text: str, options: Sequence[str]) -> tuple[str, ...]:
        return (video_stem(names(video)[0]), text.strip(), *(option.strip() for option in options))

    known: dict[tuple[str, ...], list[Question]] = {}
    for one in questions:
        known.setdefault(key(one.video, one.text, one.options), []).append(one)
    found: list[Question] = []
    for row in rows:
        # Where upstream's question lists the options too, they come behind it.
        text = row.question.partition("\n(A)")[0]
        matches = known.get(key(row.vid, text, read_options(row.prompt)), [])
        if matches:
            # The same question may have been asked twice.
            found.append(matches.pop(0) if len(matches) > 1 else matches[0])
    if len(found) < len(rows):
        lost, file = len(rows) - len(found), questions[0].row.place if questions else "the official files"
        _log.warning("%s: %d of %d rows are not among those of %s; no subsets reported", path, lost, len(rows), file)
        return None
    return found
