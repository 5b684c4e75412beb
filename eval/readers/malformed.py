"""Handling of unreadable rows: the first one stops the run; with `skip_malformed` they are left out, counted and named.

One mechanism serves upstream's rows and all official files: each row is processed inside `with tolerance:`, and
only an error about that row can be skipped. A file that is missing, damaged or of another kind always stops the run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType

from eval.errors import DataError

MAX_CHARS = 1_000
"""Longest message about a row, whose quoted parts may have any length."""
SHOWN = 3
"""Number of rows named in the warning."""

_log = logging.getLogger(__name__)


class RowError(DataError):
    """One row that does not fit its format; the rest of the file may be valid.

    The message may quote the row, so line breaks and control characters in it are escaped.
    """

    def __init__(self, message: str) -> None:
        text = printable(message)
        # The start has the place, and the end the remedy.
        super().__init__(text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 200]}...{text[-197:]}")


def printable(text: str) -> str:
    """Return text from outside in one line, with invisible characters escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def first_line(error: BaseException, *, kind: bool = False) -> str:
    """Return the first line of an error's message, cut short, with its kind before it; the kind alone without one."""
    lines = str(error).strip().splitlines()
    said = [type(error).__name__] if kind or not lines else []
    return ": ".join([*said, *(printable(line)[:200] for line in lines[:1])])


def joined(error: BaseException) -> str:
    """Return an error's message in one line, cut short; its kind where it has none."""
    return printable(" ".join(str(error).split()) or type(error).__name__)[:300]


def whole_characters(text: str) -> str:
    """Return text with question marks for unpaired surrogates, which UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


class BadRowPolicy:
    """Stops at malformed rows or leaves them out, and keeps a list of those left out.

    for row in read_json_list(path, tolerance):
        with tolerance:
            yield Question(...)
    """

    def __init__(self, *, skip: bool = False) -> None:
        self._skip = skip
        # By message, since some files are read twice: for names of videos, and for questions.
        self._skipped: dict[str, None] = {}
        self._passed_over: dict[str, int] = {}

    @property
    def others(self) -> Mapping[str, int]:
        """Number of valid rows left out for another reason, by reason."""
        return self._passed_over

    def passed_over(self, **counts: int) -> None:
        """Record the number of valid rows left out, by reason."""
        self._passed_over = {reason: count for reason, count in counts.items() if count}

    @property
    def count(self) -> int:
        """Number of malformed rows left out."""
        return len(self._skipped)

    def begin(self, *, skip: bool) -> None:
        """Start over, before files are read."""
        self._skip = skip
        self._skipped = {}
        self._passed_over = {}

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not self._skip or not isinstance(error, RowError):
            return False
        self._skipped[str(error)] = None
        return True

    def report(self, name: str) -> None:
        """Log the number of rows of the benchmark `name` left out, and the first of them with place and reason."""
        if self._skipped:
            shown = "; ".join(list(self._skipped)[:SHOWN])
            more = "; ..." if self.count > SHOWN else ""
            _log.warning("%s: %d malformed rows skipped, as skip_malformed says: %s%s", name, self.count, shown, more)


STRICT = BadRowPolicy()
"""The tolerance that leaves out no row."""
