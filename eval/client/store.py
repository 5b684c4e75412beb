"""The reply store: paid replies of judges and models by the hash of the request, in one SQLite file for all runs.

A reply is on disk before it is used (write-ahead log, synced at each commit), so a killed run loses only what was under
way. The key of a reply is the SHA-256 of the request: messages, bound, temperature, schema, attempt. The judge's
identity is stored beside it, since one request has one reply per judge. Faults are not stored: they were not paid for,
and the next run tries again.

SQLite detects a misplaced page, but not a corrupted byte inside a reply. So each reply has a digest: a reply that no
longer matches is dropped with a warning, and asked for again. A file that is unreadable as a whole is refused. The file
has the permissions of any other result, 0644 less the umask: its content is also in verdicts.jsonl and
predictions.jsonl.

    verdicts       replies, by key and model
    digests        the hash of each reply as it was stored; replies of earlier versions have none
    capabilities   the capabilities found for each server
    checks         results of the canary set, by judge and protocol
    batches        batches sent to OpenAI's Batch API, so that the next run finds those of a killed one
    claims         calls that a run has under way, so that no other run asks them as well: eval/client/claims.py

A file that cannot be written is read as it is, which serves as long as it holds every reply that is needed.
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

from eval.client.opening import REMEDY as _REMEDY
from eval.client.opening import open_database
from eval.client.stored import DAMAGED, Identity, StoredReply, digest_of, row_of, sound
from eval.errors import RunError

__all__ = ["Identity", "ReplyStore", "StoredReply"]

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
"""A separate table, so that older versions of the program can still write to the same file."""
_CLAIMS = """
CREATE TABLE IF NOT EXISTS claims (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL, machine TEXT NOT NULL, process INTEGER NOT NULL, started TEXT NOT NULL,
    beats INTEGER NOT NULL
) WITHOUT ROWID
"""
_VERSION = 1
_AT_ONCE = 500
"""Keys per query; SQLite limits the number of variables."""
_FIELDS = 19
"""Number of columns of a reply; the digest comes after them."""

_log = logging.getLogger(__name__)


class ReplyStore:
    """An open store, which `holds` what its setting says. Any number of processes may use one file at once."""

    def __init__(self, path: Path, holds: str = "verdicts") -> None:
        self.path, self.holds = path, holds
        self._remedy = _REMEDY.replace("verdicts=", f"{holds}=")
        self._called = f"The reply store {path}"
        try:
            self._db, self.read_only = open_database(path)
            finalize(self, self._db.close)
            # A corrupted reply must be recognised among the others, and must not end the query.
            self._db.text_factory = lambda content: content.decode("utf-8", "surrogateescape")
            version = self._version() or self._create()
            self._opened = path.stat()
            if version == _VERSION and not self.read_only:
                self._db.execute(_DIGESTS)
                self._db.execute(_CLAIMS)
        except RunError as error:
            raise RunError(f"{self._called} cannot be used. {error} Or give another {holds}=<file>.") from error
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"{self._called} cannot be used: {error}. {self._remedy}") from error
        if version != _VERSION:
            raise RunError(
                f"{self._called} is of version {version}, and this program reads {_VERSION}. Renew the "
                f"program, or give another file with {holds}=<file>."
            )

    def refuse_read_only(self, missing: str) -> None:
        """Raise RunError, naming what is missing in it, where nothing can be added."""
        if self.read_only:
            raise RunError(
                f"{self._called} is read-only, and {missing}; nothing is asked, since no reply could be "
                f"kept. Make it writable, or give a copy of it with {self.holds}=<file>."
            )

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _refuse_foreign(self) -> None:
        foreign = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
        if foreign is not None:
            raise sqlite3.DatabaseError(f"it is another program's, with a table {foreign[0]!r}")

    def _create(self) -> int:
        """Create the tables in an empty file, unless another process has just done so; return the version."""
        if self.read_only:
            raise sqlite3.DatabaseError("it is read-only and holds no replies")
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

    def find(self, keys: Iterable[str], judge: Identity) -> dict[str, list[StoredReply]]:
        """Return a model's stored replies by key, oldest first, for those keys that have any.

        A corrupted reply is dropped, with a warning, so that it is asked for again.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[str, list[StoredReply]] = {}
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
                reply = _sound_or_none(row, digest)
                if reply is None:
                    spoilt.append(number)
                else:
                    found.setdefault(reply.key, []).append(reply)
        self._drop(spoilt)
        return found

    def _drop(self, spoilt: Sequence[int]) -> None:
        if not spoilt:
            return
        _log.warning(
            "%s holds %d damaged replies; they are dropped and asked for again. Check its disk.",
            self._called,
            len(spoilt),
        )
        if self.read_only:
            return
        same = " AND ".join(f"digests.{name} = verdicts.{name}" for name in ("key", "provider", "served", "revision"))
        self._write(
            f"DELETE FROM digests WHERE EXISTS (SELECT 1 FROM verdicts WHERE {same} AND verdicts.rowid = ?)",  # noqa: S608
            [(number,) for number in spoilt],
        )
        self._write("DELETE FROM verdicts WHERE rowid = ?", [(number,) for number in spoilt])

    def put(self, verdicts: Sequence[StoredReply]) -> None:
        """Store replies in one transaction; on return they are on disk. The first reply to a call is kept."""
        marks = ",".join("?" * _FIELDS)
        statement = f"INSERT INTO verdicts VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608

        def insert() -> None:
            for row in map(row_of, verdicts):
                # The digest of a second reply would not match the first one.
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
        """Raise RunError where the opened file was replaced or removed, since new replies would be lost with it."""
        try:
            is_there = os.path.samestat(self._opened, self.path.stat())
        except OSError:
            is_there = False
        if not is_there:
            raise RunError(
                f"{self._called} was removed or replaced while it was in use. What it held is gone; "
                "nothing more is asked. Put it back, or start again."
            )

    def judges(self) -> list[Identity]:
        """Return the models with stored replies, in order; `requested` is the model as served."""
        rows = self._read("SELECT DISTINCT provider, served, revision FROM verdicts ORDER BY 1, 2, 3", ())
        return [Identity(provider=provider, requested=served, revision=revision) for provider, served, revision in rows]

    def extras(self) -> list[dict[str, Any]]:
        """Return each distinct set of further parameters among the stored requests."""
        query = "SELECT DISTINCT json_extract(request, '$.extra') FROM verdicts WHERE json_valid(request)"
        return [found for (text,) in self._read(query, ()) if (found := _object(text or "{}")) is not None]

    def usage(self, judge: Identity) -> dict[str, tuple[float, float]]:
        """Return the mean usage of a model's calls by task and form: tokens per character sent, tokens per reply."""
        query = (
            "SELECT task, SUM(input) * 1.0 / SUM(LENGTH(request)), AVG(output) FROM verdicts WHERE provider = ? "
            "AND revision = ? AND (requested = ? OR served = ?) AND input IS NOT NULL GROUP BY task"
        )
        found = self._read(query, (judge.provider, judge.revision, judge.requested, judge.requested))
        return {task: (per_char, output) for task, per_char, output in found}

    def capabilities(self, judge: str) -> dict[str, Any] | None:
        """Return a server's capabilities; None where it was not probed, or the record is damaged."""
        found = self._read("SELECT found FROM capabilities WHERE judge = ?", (judge,))
        return _object(found[0][0]) if found else None

    def all_capabilities(self) -> list[dict[str, Any]]:
        """Return the capabilities of every server, leaving out damaged records."""
        rows = self._read("SELECT found FROM capabilities", ())
        return [found for (text,) in rows if (found := _object(text)) is not None]

    def keep_capabilities(self, judge: str, found: Mapping[str, Any]) -> None:
        """Store a server's capabilities."""
        row = (judge, json.dumps(found), time.time())
        if not self.read_only:  # they were known before, or nothing could have been looked up
            self._write("INSERT OR REPLACE INTO capabilities VALUES (?, ?, ?)", [row])

    def keep_check(self, judge: Mapping[str, Any], protocol: Mapping[str, Any], health: Mapping[str, Any]) -> None:
        """Store the result of a canary check with the judge's identity."""
        texts = [json.dumps(value, ensure_ascii=False, sort_keys=True) for value in (judge, protocol, health)]
        self._write("INSERT INTO checks VALUES (?, ?, ?, ?)", [(texts[0], texts[1], time.time(), texts[2])])

    def last_check(self, judge: Mapping[str, Any], protocol: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the newest result of a canary check of this judge with this protocol, with its time as `created`.

        None where there was none, or the record is damaged.
        """
        texts = [json.dumps(value, ensure_ascii=False, sort_keys=True) for value in (judge, protocol)]
        query = "SELECT health, created FROM checks WHERE judge = ? AND protocol = ? ORDER BY created DESC LIMIT 1"
        found = self._read(query, texts)
        health = _object(found[0][0]) if found else None
        return None if health is None else {**health, "created": found[0][1]}

    def open_batches(self, judge: str) -> dict[str, list[str]]:
        """Return the keys of each batch that was sent and not yet read, by the batch's id."""
        rows = self._read("SELECT id, keys FROM batches WHERE judge = ? AND state = 'open'", (judge,))
        try:
            return {row[0]: [str(key) for key in json.loads(row[1])] for row in rows}
        except DAMAGED as error:
            raise RunError(f"{self._called} is damaged: {error}. {self._remedy}") from error

    def keep_batch(self, batch: str, judge: str, keys: Sequence[str], state: Literal["open", "read"]) -> None:
        """Store a batch that was sent, or mark it as read."""
        row = (batch, judge, json.dumps(list(keys)), state, time.time())
        self._write("INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?)", [row])

    def name_batch(self, name: str, batch: str) -> None:
        """Replace the name of an intent by the id that the server gave its batch."""
        self._write("UPDATE OR REPLACE batches SET id = ? WHERE id = ?", [(batch, name)])

    def claimed(self, names: Sequence[str]) -> dict[str, tuple[str, str, int, str, int]]:
        """Return the claim on each of these calls that has one."""
        found: dict[str, tuple[str, str, int, str, int]] = {}
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            query = f"SELECT * FROM claims WHERE name IN ({','.join('?' * len(some))})"  # noqa: S608
            found |= {name: tuple(claim) for name, *claim in self._read(query, some)}
        return found

    def put_claims(self, claim: Callable[[], Sequence[Sequence[Any]]]) -> None:
        """Store the claims that `claim` returns; no other process writes while it decides."""
        statement = "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?)"
        self._transact(lambda: self._db.executemany(statement, claim()), synced=False)

    def renew_claims(self, owner: str, beats: int) -> None:
        """Store that an owner still works on its claims."""
        statement = "UPDATE claims SET beats = ? WHERE owner = ?"
        self._transact(lambda: self._db.execute(statement, (beats, owner)), synced=False)

    def drop_claims(self, owner: str, names: Sequence[str]) -> None:
        """Remove an owner's claims on these calls."""
        statement = "DELETE FROM claims WHERE name = ? AND owner = ?"
        rows = [(name, owner) for name in names]
        self._transact(lambda: self._db.executemany(statement, rows), synced=False)

    def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._transact(lambda: self._db.executemany(statement, rows))

    def _transact(self, work: Callable[[], object], *, synced: bool = True) -> None:
        """Do some work in one transaction, which is on disk on return if it is to be `synced`."""
        try:
            if not synced:
                self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("BEGIN IMMEDIATE")
            work()
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise RunError(
                f"{self._called} cannot be written: {error}. Make room or give another file with "
                f"{self.holds}=<file>; what was stored before is kept."
            ) from error
        finally:
            # Also after Ctrl-C in between; otherwise no later reply could be stored.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if not synced:
                self._db.execute("PRAGMA synchronous=FULL")

    def _read(self, query: str, arguments: Sequence[Any]) -> list[Any]:
        try:
            with closing(self._db.execute(query, arguments)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise RunError(f"{self._called} cannot be read: {error}. {self._remedy}") from error


def _object(text: str) -> dict[str, Any] | None:
    try:
        return dict(json.loads(text))
    except DAMAGED:
        return None


def _sound_or_none(row: Sequence[Any], digest: bytes | None) -> StoredReply | None:
    try:
        return sound(row, digest)
    except DAMAGED:
        return None
