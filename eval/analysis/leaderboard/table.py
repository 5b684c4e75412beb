"""The leaderboard's file: changed by one process at a time, and complete whenever it is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from eval.analysis.leaderboard.cells import read_csv, to_csv
from eval.analysis.leaderboard.rows import TableRow, merged
from eval.errors import ConfigError, RunError, did_you_mean
from eval.files import leftover_of, make_folder, write_bytes_atomically
from eval.readers.numbers import row_number
from eval.runs.lock import FolderLock

PATIENCE_S = 60.0
"""Seconds to wait for another process that is writing the same table."""

Rendered = Callable[[Sequence[TableRow]], str]
"""Renders all rows as a text."""


def update(
    path: Path,
    found: Sequence[TableRow],
    published: Sequence[TableRow] = (),
    beside: Mapping[Path, Rendered] | None = None,
) -> list[TableRow]:
    """Add rows to a table and return all its rows.

    Concurrent updates wait. A killed process leaves the old table or the new one, and files beside it that the next
    update rewrites.

    Args:
        path: The CSV file; it need not exist yet.
        found: Rows from runs. Of rows with the same key one is kept, see `merged`.
        published: All published numbers; they replace those in the table.
        beside: Files derived from the table, each with its renderer.

    Raises:
        DataError: the existing table is damaged; it is left unchanged.
        RunError: it cannot be written, or another process holds it too long.
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


def find_row(rows: Sequence[TableRow], which: str) -> TableRow:
    """Return the row with a number in the table, counted from 1, or with this (start of a) short name.

    Raises:
        ConfigError: there is none, or several match.
    """
    if not rows:
        raise ConfigError(f"--row {which}: the table has no rows yet; add runs to it: tarsier-eval leaderboard.")
    if (number := row_number(which)) is not None:
        if not 1 <= number <= len(rows):
            raise ConfigError(f"--row {which}: the table has rows 1 to {len(rows)}.")
        return rows[number - 1]
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
            # A disk error will not pass by waiting; another process's lock will.
            if error.__cause__ is not None or time.monotonic() > until:
                raise
            time.sleep(0.02)
    with lock:
        yield
