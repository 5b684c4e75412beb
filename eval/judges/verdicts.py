"""The verdict store: every reply that was paid for, under the hash of what was asked, in one SQLite file for all runs.

A reply is on disk before it is used (write-ahead log, synced at each commit), so a killed run loses only what was
under way. The address of a reply is the SHA-256 of the request: messages, bound, temperature, schema, attempt. Which
judge answered stands beside it, since one request has a reply of each judge. Faults are not stored: they were not
paid for, and the next run tries again.

SQLite notices a page that is out of order, and not a byte that a disk has lost inside a reply. So each reply has a
digest: one that no longer fits is dropped with a warning, and asked for again. What makes the file as a whole
unreadable is refused. The file has the permissions of any other result, 0644 less the umask: what is in it stands in
verdicts.jsonl and predictions.jsonl too.

    verdicts       replies, by address and judge
    digests        the hash of each reply as it was stored; replies of earlier versions have none
    capabilities   what each server was found to understand
    checks         results of the canary set, by judge and protocol
    batches        what was handed to OpenAI's Batch API, so that a killed run finds it again
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal
from weakref import finalize

from eval.errors import RunError
from eval.files import make_folder
from eval.judges.stored import DAMAGED, Identity, Verdict, digest_of, row_of, sound

__all__ = ["Identity", "Verdict", "VerdictStore"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS verdicts (
    key TEXT NOT NULL, provider TEXT NOT NULL, served TEXT NOT NULL, revision TEXT NOT NULL,
    requested TEXT NOT NULL, outcome TEXT NOT NULL, text TEXT, finish_reason TEXT, fingerprint TEXT,
    input INTEGER, output INTEGER, cached INTEGER, reasoning INTEGER, retries INTEGER NOT NULL, batch INTEGER NOT NULL,
    url TEXT NOT NULL, created REAL NOT NULL, task TEXT NOT NULL, request TEXT NOT NULL,
    PRIMARY KEY (key, provider, served, revision)
);
CREATE TABLE IF NOT EXISTS capabilities (
    judge TEXT PRIMARY KEY, found TEXT NOT NULL, created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS checks (
    judge TEXT NOT NULL, protocol TEXT NOT NULL, created REAL NOT NULL, health TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS batches (
    id TEXT PRIMARY KEY, judge TEXT NOT NULL, keys TEXT NOT NULL, state TEXT NOT NULL, created REAL NOT NULL
);
"""
_DIGESTS = """
CREATE TABLE IF NOT EXISTS digests (
    key TEXT NOT NULL, provider TEXT NOT NULL, served TEXT NOT NULL, revision TEXT NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (key, provider, served, revision)
) WITHOUT ROWID
"""
"""A table of its own, so that programs of before it can go on writing to the same file."""
_VERSION = 1
_BUSY_S = 60.0
"""Seconds to wait while another process writes."""
_REMEDY = "Give another file with verdicts=<file>; what a damaged one still holds, `sqlite3 <file> .recover` gets out."
_AT_ONCE = 500
"""Keys in one query; SQLite bounds the number of its variables."""
_FIELDS = 19
"""Columns of a verdict; the digest comes after them."""

_log = logging.getLogger(__name__)


class VerdictStore:
    """The open store. Any number of processes may use one file at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            make_folder(path.parent)
            # Whatever thread collects the garbage may have to close it.
            self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            finalize(self, self._db.close)
            # A reply that a disk has spoilt is to be told from the others, and not to end the query.
            self._db.text_factory = lambda content: content.decode("utf-8", "surrogateescape")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            version = self._version() or self._create()
            self._opened = path.stat()
            if version == _VERSION:
                self._db.execute(_DIGESTS)
        except RunError as error:
            raise RunError(
                f"The verdict store {path} cannot be used. {error} Or give another verdicts=<file>."
            ) from error
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"The verdict store {path} cannot be used: {error}. {_REMEDY}") from error
        if version != _VERSION:
            raise RunError(
                f"The verdict store {path} is of version {version}, and this program reads {_VERSION}. Renew the "
                "program, or give another file with verdicts=<file>."
            )

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _refuse_foreign(self) -> None:
        foreign = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
        if foreign is not None:
            raise sqlite3.DatabaseError(f"it is another program's, with a table {foreign[0]!r}")

    def _create(self) -> int:
        """Make the tables in an empty file, or find that another process just has; return the version."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if not self._version():
                self._refuse_foreign()
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={_VERSION}")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return self._version()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def find(self, keys: Iterable[str], judge: Identity) -> dict[str, list[Verdict]]:
        """Return the stored replies of a judge by key, oldest first, for those keys that have any.

        A reply that is no longer as it was stored is dropped, with a warning, so that it is asked for again.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[str, list[Verdict]] = {}
        spoilt: list[int] = []
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = (
                "SELECT verdicts.*, digest, verdicts.rowid FROM verdicts "  # noqa: S608
                "LEFT JOIN digests USING (key, provider, served, revision) "
                f"WHERE key IN ({marks}) AND provider = ? AND revision = ? "
                "AND (requested = ? OR served = ?) ORDER BY created, verdicts.rowid"
            )
            arguments = (*some, judge.provider, judge.revision, judge.requested, judge.requested)
            for *row, digest, number in self._read(query, arguments):
                verdict = _sound_or_none(row, digest)
                if verdict is None:
                    spoilt.append(number)
                else:
                    found.setdefault(verdict.key, []).append(verdict)
        self._drop(spoilt)
        return found

    def _drop(self, spoilt: Sequence[int]) -> None:
        if not spoilt:
            return
        _log.warning(
            "The verdict store %s holds %d damaged replies; they are dropped and asked for again. Check its disk.",
            self.path,
            len(spoilt),
        )
        same = " AND ".join(f"digests.{name} = verdicts.{name}" for name in ("key", "provider", "served", "revision"))
        self._write(
            f"DELETE FROM digests WHERE EXISTS (SELECT 1 FROM verdicts WHERE {same} AND verdicts.rowid = ?)",  # noqa: S608
            [(number,) for number in spoilt],
        )
        self._write("DELETE FROM verdicts WHERE rowid = ?", [(number,) for number in spoilt])

    def put(self, verdicts: Sequence[Verdict]) -> None:
        """Store replies in one transaction; when this returns they are on disk. The first reply to a call stays."""
        marks = ",".join("?" * _FIELDS)
        statement = f"INSERT INTO verdicts VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608

        def insert() -> None:
            for row in map(row_of, verdicts):
                # The digest of a reply that came second would condemn the first one.
                done = self._db.execute(statement, row)
                if done.rowcount == 1:
                    stored = self._db.execute("SELECT * FROM verdicts WHERE rowid = ?", (done.lastrowid,)).fetchone()
                    self._db.execute(
                        "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?)", (*row[:4], digest_of(stored))
                    )

        if verdicts:
            self._refuse_gone()
            self._transact(insert)

    def _refuse_gone(self) -> None:
        """Raise RunError where the file is no longer the one that was opened: what is stored would be lost with it."""
        try:
            is_there = os.path.samestat(self._opened, self.path.stat())
        except OSError:
            is_there = False
        if not is_there:
            raise RunError(
                f"The verdict store {self.path} was removed or replaced while it was in use. What it held is gone; "
                "nothing more is asked. Put it back, or start again."
            )

    def judges(self) -> list[Identity]:
        """Return whose replies are stored, in order; `requested` is the model as served."""
        rows = self._read("SELECT DISTINCT provider, served, revision FROM verdicts ORDER BY 1, 2, 3", ())
        return [Identity(provider=provider, requested=served, revision=revision) for provider, served, revision in rows]

    def extras(self) -> list[dict[str, Any]]:
        """Return the further parameters that stored replies were asked for with, each set of them once."""
        query = "SELECT DISTINCT json_extract(request, '$.extra') FROM verdicts WHERE json_valid(request)"
        return [found for (text,) in self._read(query, ()) if (found := _object(text or "{}")) is not None]

    def usage(self, judge: Identity) -> dict[str, tuple[float, float]]:
        """Return the mean usage of a judge's calls by task and form: tokens a character sent, and tokens a reply."""
        query = (
            "SELECT task, SUM(input) * 1.0 / SUM(LENGTH(request)), AVG(output) FROM verdicts WHERE provider = ? "
            "AND revision = ? AND (requested = ? OR served = ?) AND input IS NOT NULL GROUP BY task"
        )
        found = self._read(query, (judge.provider, judge.revision, judge.requested, judge.requested))
        return {task: (per_char, output) for task, per_char, output in found}

    def capabilities(self, judge: str) -> dict[str, Any] | None:
        """Return what a server was found to understand; None where it was not tried, or the note is damaged."""
        found = self._read("SELECT found FROM capabilities WHERE judge = ?", (judge,))
        return _object(found[0][0]) if found else None

    def all_capabilities(self) -> list[dict[str, Any]]:
        """Return what each server was found to understand, leaving out damaged notes."""
        rows = self._read("SELECT found FROM capabilities", ())
        return [found for (text,) in rows if (found := _object(text)) is not None]

    def keep_capabilities(self, judge: str, found: Mapping[str, Any]) -> None:
        """Store what a server was found to understand."""
        self._write("INSERT OR REPLACE INTO capabilities VALUES (?, ?, ?)", [(judge, json.dumps(found), time.time())])

    def keep_check(self, judge: Mapping[str, Any], protocol: Mapping[str, Any], health: Mapping[str, Any]) -> None:
        """Store the result of a canary check with the identity of who was checked."""
        texts = [json.dumps(value, ensure_ascii=False, sort_keys=True) for value in (judge, protocol, health)]
        self._write("INSERT INTO checks VALUES (?, ?, ?, ?)", [(texts[0], texts[1], time.time(), texts[2])])

    def last_check(self, judge: Mapping[str, Any], protocol: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the newest result of a canary check of this judge with this protocol, with its time as `created`.

        None where there was none, or the note of it is damaged.
        """
        texts = [json.dumps(value, ensure_ascii=False, sort_keys=True) for value in (judge, protocol)]
        query = "SELECT health, created FROM checks WHERE judge = ? AND protocol = ? ORDER BY created DESC LIMIT 1"
        found = self._read(query, texts)
        health = _object(found[0][0]) if found else None
        return None if health is None else {**health, "created": found[0][1]}

    def open_batches(self, judge: str) -> dict[str, list[str]]:
        """Return the keys in each batch that was handed over and not yet read, by the batch's id."""
        rows = self._read("SELECT id, keys FROM batches WHERE judge = ? AND state = 'open'", (judge,))
        try:
            return {row[0]: [str(key) for key in json.loads(row[1])] for row in rows}
        except DAMAGED as error:
            raise RunError(f"The verdict store {self.path} is damaged: {error}. {_REMEDY}") from error

    def keep_batch(self, batch: str, judge: str, keys: Sequence[str], state: Literal["open", "read"]) -> None:
        """Store what was handed over as a batch, or that its replies were read."""
        row = (batch, judge, json.dumps(list(keys)), state, time.time())
        self._write("INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?)", [row])

    def name_batch(self, name: str, batch: str) -> None:
        """Give a batch that was stored under another name, before it was handed over, the id that the server gave."""
        self._write("UPDATE OR REPLACE batches SET id = ? WHERE id = ?", [(batch, name)])

    def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._transact(lambda: self._db.executemany(statement, rows))

    def _transact(self, work: Callable[[], object]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            work()
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise RunError(
                f"The verdict store {self.path} cannot be written: {error}. Make room or give another file with "
                "verdicts=<file>; what was stored before is kept."
            ) from error
        finally:
            # Also where Ctrl-C came in between, or no later reply could be stored.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _read(self, query: str, arguments: Sequence[Any]) -> list[Any]:
        try:
            with closing(self._db.execute(query, arguments)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise RunError(f"The verdict store {self.path} cannot be read: {error}. {_REMEDY}") from error


def _object(text: str) -> dict[str, Any] | None:
    try:
        return dict(json.loads(text))
    except DAMAGED:
        return None


def _sound_or_none(row: Sequence[Any], digest: bytes | None) -> Verdict | None:
    try:
        return sound(row, digest)
    except DAMAGED:
        return None
