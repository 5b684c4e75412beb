"""The leaderboard's file: changed by one process at a time, and whole whenever it is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from eval.analysis.leaderboard.cells import read_csv, to_csv
from eval.analysis.leaderboard.rows import Row, merged
from eval.errors import ConfigError, RunError, did_you_mean
from eval.files import leftover_of, make_folder, write_bytes_atomically
from eval.runs.lock import FolderLock

PATIENCE_S = 60.0
"""Seconds to wait for another process that is at the same table."""

Rendered = Callable[[Sequence[Row]], str]
"""Makes a text of all rows."""


def update(
    path: Path, found: Sequence[Row], published: Sequence[Row] = (), beside: Mapping[Path, Rendered] | None = None
) -> list[Row]:
    """Add rows to a table and return all that it has by then.

    Whoever updates it at the same time waits. A process that is killed leaves the old table or the new one, and files
    beside it that the next update brings up to date.

    Args:
        path: The CSV file; it need not be there yet.
        found: What runs came to. A row replaces another one of its key where it is newer.
        published: All published numbers; they take the place of those that the table has.
        beside: Files that follow from the table, and what makes each of them.

    Raises:
        DataError: the table that is there is damaged; it stays as it is.
        RunError: it cannot be written, or another process keeps it too long.
    """
    make_folder(path.parent)
    with _alone(path.parent):
        for left in [entry for entry in path.parent.iterdir() if leftover_of(entry) in _names(path, beside)]:
            left.unlink(missing_ok=True)
        old = [row for row in (read_csv(path) if path.exists() else []) if row.origin == "run"]
        rows = merged(old, [*found, *published])
        write_bytes_atomically(path, to_csv(rows))
        for file, rendered in (beside or {}).items():
            write_bytes_atomically(file, rendered(rows).encode("utf-8"))
    return rows


def find_row(rows: Sequence[Row], which: str) -> Row:
    """Return the row that a user names: its number in the table, counted from 1, or its short name or the start of it.

    Raises:
        ConfigError: there is none, or several begin so.
    """
    if which.isdecimal() and len(which) < 12:
        if not 1 <= int(which) <= len(rows):
            raise ConfigError(f"--row {which}: the table has rows 1 to {len(rows)}.")
        return rows[int(which) - 1]
    found = [row for row in rows if len(which) >= 4 and row.name.startswith(which)]
    if len(found) != 1:
        what = f"{len(found)} rows begin so; give more of its name" if found else "no row is called so"
        hint = "" if found else " " + did_you_mean(which, [row.name for row in rows][:20])
        raise ConfigError(f"--row {which}: {what}.{hint}")
    return found[0]


def _names(path: Path, beside: Mapping[Path, Rendered] | None) -> set[str]:
    return {file.name for file in (path, *(beside or {})) if file.parent == path.parent}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            lock = FolderLock(folder)
            break
        except RunError as error:
            # What the disk refuses will not pass; that somebody else is there will.
            if error.__cause__ is not None or time.monotonic() > until:
                raise
            time.sleep(0.02)
    with lock:
        yield
