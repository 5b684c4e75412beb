"""Rows that cannot be read. The first one stops the run; with `skip_malformed` it is left out, counted and named.

One mechanism for upstream's rows and for all official files: readers and adapters do the work on one row inside
`with tolerance:`, and only an error about that row can be passed over. A file that is missing, damaged or of
another kind always stops the run.
"""

from __future__ import annotations

import logging
from types import TracebackType

from eval.errors import DataError

SHOWN = 3
"""Rows that the warning names."""

_log = logging.getLogger(__name__)


class RowError(DataError):
    """One row that does not fit its format; the rest of the file may be sound."""


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

    @property
    def count(self) -> int:
        """Rows left out."""
        return len(self._skipped)

    def begin(self, *, skip: bool) -> None:
        """Start over, before files are read."""
        self._skip = skip
        self._skipped = {}

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
