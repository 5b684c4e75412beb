"""Answers that are the texts of options, in files in which a few are of none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

from eval.errors import DataError
from eval.readers.choices import NO_OPTION
from eval.readers.malformed import SHOWN
from eval.readers.rows import Row, short

_log = logging.getLogger(__name__)
_MOST = 0.1
"""The largest share of answers that may be none of the options; with more, the file has them in another form."""


class TextAnswers:
    """Finds the letters of a file's answers; of options that read the same, the last counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lacking: list[tuple[str, str]] = []

    def letter(self, row: Row, options: Sequence[str]) -> str:
        """Return the letter of a row's `answer`, or NO_OPTION, with which every output is wrong."""
        answer = row.text("answer")
        if answer not in options:
            self._lacking.append((row.place.removeprefix(f"{self._path}: "), answer))
            return NO_OPTION
        return dict(zip(options, ascii_uppercase, strict=False))[answer]

    def report(self, n_rows: int) -> None:
        """Log how many of the file's answers are none of the options. Raises DataError for more than a tenth."""
        n = len(self._lacking)
        if n > _MOST * n_rows:
            place, answer = self._lacking[0]
            raise DataError(
                f"{self._path}: {n} of {n_rows} answers are none of the options, such as {short(answer)} ({place}); "
                "answers are expected as the text of an option; fetch the file again"
            )
        if n:
            places = ", ".join(place for place, _ in self._lacking[:SHOWN]) + (", ..." if n > SHOWN else "")
            said = "%s: %d of %d answers are none of the options, and every output to them is wrong: %s"
            _log.warning(said, self._path, n, n_rows, places)
