"""Rows that cannot be read. The first one stops the run; with `skip_malformed` it is left out, counted and named.

One mechanism for upstream's rows and for all official files: readers and adapters do the work on one row inside
`with tolerance:`, and only an error about that row can be passed over. A file that is missing, damaged or of
another kind always stops the run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType

from eval.errors import DataError

MAX_CHARS = 1_000
"""Longest message about a row; what it quotes of the row may have any length."""
SHOWN = 3
"""Rows that the warning names."""

_log = logging.getLogger(__name__)


class RowError(DataError):
    """One row that does not fit its format; the rest of the file may be sound.

    The message may quote the row, so what would break the line or speak to the terminal is spelt out in it.
    """

    def __init__(self, message: str) -> None:
        text = printable(message)
        # The beginning has the place, and the end the remedy.
        super().__init__(text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 200]}...{text[-197:]}")


def printable(text: str) -> str:
    """Return text from outside in one line, with characters that do not show spelt out."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def whole_characters(text: str) -> str:
    """Return text with question marks for halves of surrogate pairs, which no file in UTF-8 can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


class Tolerance:
    """Decides what becomes of malformed rows, and remembers those that were left out.

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
        """Sound rows that were left out for another reason, by reason."""
        return self._passed_over

    def passed_over(self, **counts: int) -> None:
        """Remember how many sound rows were left out, and why."""
        self._passed_over = {reason: count for reason, count in counts.items() if count}

    @property
    def count(self) -> int:
        """Rows left out."""
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
        """Log how many rows of the benchmark `name` were left out, and the first of them with place and reason."""
        if self._skipped:
            shown = "; ".join(list(self._skipped)[:SHOWN])
            more = "; ..." if self.count > SHOWN else ""
            _log.warning("%s: %d malformed rows skipped, as skip_malformed says: %s%s", name, self.count, shown, more)


STRICT = Tolerance()
"""Passes over nothing."""
