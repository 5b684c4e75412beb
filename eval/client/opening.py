"""Open the SQLite file of a reply store: for writing, or as it is where the disk allows no more."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from eval.errors import RunError
from eval.files import make_folder
from eval.runs.lock import lacks_locks

BUSY_S = 60.0
"""Seconds to wait while another process writes."""
_FIRST_S = 2.0
"""Seconds to wait before it is checked whether the file system has locks at all."""
REMEDY = "Give another file with verdicts=<file>; `sqlite3 <file> .recover` rescues what a damaged one still holds."


def open_database(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Return an open connection to a store, and whether it can only be read.

    Raises RunError where the folder cannot be made or its file system has no locks, and sqlite3.Error or OSError where
    the file cannot be used for another reason.
    """
    try:
        make_folder(path.parent)
        return _writable(path), False
    except (RunError, OSError, sqlite3.Error) as error:
        refused = _has_no_locks(path, error)
        if refused is not None:
            raise refused from error
        if not path.is_file() or not _is_refusal(error):
            raise
        return _readable(path), True


def _connect(place: Path | str, *, uri: bool = False) -> sqlite3.Connection:
    # The thread that runs the garbage collector may have to close it.
    return sqlite3.connect(place, timeout=_FIRST_S, isolation_level=None, check_same_thread=False, uri=uri)


def _writable(path: Path) -> sqlite3.Connection:
    database = _connect(path)
    try:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or lacks_locks(path.parent) is not None:
                raise
            database.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_S)}")
            database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_S)}")
        database.execute("PRAGMA synchronous=FULL")
        # Fails where the file cannot be written, and changes nothing.
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")
    except BaseException:
        database.close()
        raise
    return database


def _is_refusal(error: Exception) -> bool:
    """Whether a file could not be opened because nothing may be written to it or beside it."""
    said = str(error).lower()
    return isinstance(error, OSError | RunError) or "readonly" in said or "unable to open" in said


def _readable(path: Path) -> sqlite3.Connection:
    """Return a connection to a file that cannot be written."""
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    if not has_log:
        return _connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)
    # The last replies are in the log, which SQLite reads only beside an index that it may write.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "replies.sqlite"
        shutil.copyfile(path, copy)
        shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
        database, memory = _connect(copy), _connect(":memory:")
        database.backup(memory)
        database.close()
    return memory


def _has_no_locks(path: Path, error: Exception) -> RunError | None:
    """Return the error about a file system without locks, if that is the reason for an error of SQLite."""
    said = str(error).lower()
    if not isinstance(error, sqlite3.OperationalError) or not any(
        word in said for word in ("locked", "disk i/o", "locking protocol")
    ):
        return None
    with suppress(OSError):
        why = lacks_locks(path.parent)
        if why is not None:
            return RunError(
                f"{path.parent} is on a file system that keeps no locks ({why}), and the store wants a local disk."
            )
    if "disk i/o" in said or "locking protocol" in said:
        return RunError(f"SQLite says: {error}. If that is a network disk, the store wants a local one.")
    return None
