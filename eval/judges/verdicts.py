"""The verdict store: every reply that was paid for, under the hash of what was asked, in one SQLite file for all runs.

A reply is on disk before it is used (write-ahead log, synced at each commit), so a killed run loses only what was
under way. The address of a reply is the SHA-256 of the request: messages, bound, temperature, schema, attempt. Which
judge answered stands beside it, since one request has a reply of each judge. Faults are not stored: they were not
paid for, and the next run tries again.

    verdicts       replies, by address and judge
    capabilities   what each server was found to understand
    checks         results of the canary set, by judge and protocol
    batches        what was handed to OpenAI's Batch API, so that a killed run finds it again
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from weakref import finalize

from eval.errors import RunError
from eval.judges.calls import Usage

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
_VERSION = 1
_BUSY_S = 60.0
"""Seconds to wait while another process writes."""
_REMEDY = "Give another file with verdicts=<file>; what a damaged one still holds, `sqlite3 <file> .recover` gets out."
_AT_ONCE = 500
"""Keys in one query; SQLite bounds the number of its variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One stored reply: what the model said, or that it would not."""

    key: str
    """Address: the hash of the request."""
    provider: str
    """Whose server it was."""
    served: str
    """The model that answered, as the server named it."""
    revision: str
    """What the user says tells this model from others of the same name."""
    requested: str
    """The model as it was asked for."""
    outcome: Literal["replied", "refused", "filtered"]
    text: str | None
    """The raw reply."""
    finish_reason: str | None
    fingerprint: str | None
    """OpenAI's `system_fingerprint`."""
    usage: Usage | None
    """Tokens, where the server counted them."""
    retries: int
    """Requests before the one that was answered."""
    batch: bool
    """Whether it came through the Batch API."""
    url: str
    """The server's base URL."""
    created: float
    """When it came, in seconds since 1970."""
    task: str
    """What was asked, and in which form: `entail/native`."""
    request: Mapping[str, Any]
    """The request as it was sent, as far as it is part of the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose replies are wanted."""

    provider: str
    requested: str
    """The model as asked for, or as served."""
    revision: str = ""


class VerdictStore:
    """The open store. Any number of processes may use one file at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Whatever thread collects the garbage may have to close it.
            self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            finalize(self, self._db.close)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            version = self._version() or self._create()
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
        """Return the stored replies of a judge by key, oldest first, for those keys that have any."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, list[Verdict]] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = (
                f"SELECT * FROM verdicts WHERE key IN ({marks}) AND provider = ? AND revision = ? "  # noqa: S608
                "AND (requested = ? OR served = ?) ORDER BY created, rowid"
            )
            arguments = (*some, judge.provider, judge.revision, judge.requested, judge.requested)
            for verdict in map(self._verdict, self._read(query, arguments)):
                found.setdefault(verdict.key, []).append(verdict)
        return found

    def put(self, verdicts: Sequence[Verdict]) -> None:
        """Store replies in one transaction; when this returns they are on disk. The first reply to a call stays."""
        marks = ",".join("?" * 19)
        rows = [_row(verdict) for verdict in verdicts]
        self._write(f"INSERT INTO verdicts VALUES ({marks}) ON CONFLICT DO NOTHING", rows)  # noqa: S608

    def usage(self, judge: Identity) -> dict[str, tuple[float, float]]:
        """Return the mean usage of a judge's calls by task and form: tokens a character sent, and tokens a reply."""
        query = (
            "SELECT task, SUM(input) * 1.0 / SUM(LENGTH(request)), AVG(output) FROM verdicts WHERE provider = ? "
            "AND revision = ? AND (requested = ? OR served = ?) AND input IS NOT NULL GROUP BY task"
        )
        found = self._read(query, (judge.provider, judge.revision, judge.requested, judge.requested))
        return {task: (per_char, output) for task, per_char, output in found}

    def capabilities(self, judge: str) -> dict[str, Any] | None:
        """Return what a server was found to understand, or None where it was not tried."""
        found = self._read("SELECT found FROM capabilities WHERE judge = ?", (judge,))
        return dict(json.loads(found[0][0])) if found else None

    def keep_capabilities(self, judge: str, found: Mapping[str, Any]) -> None:
        """Store what a server was found to understand."""
        self._write("INSERT OR REPLACE INTO capabilities VALUES (?, ?, ?)", [(judge, json.dumps(found), time.time())])

    def keep_check(self, judge: Mapping[str, Any], protocol: Mapping[str, Any], health: Mapping[str, Any]) -> None:
        """Store the result of a canary check with the identity of who was checked."""
        texts = [json.dumps(value, ensure_ascii=False, sort_keys=True) for value in (judge, protocol, health)]
        self._write("INSERT INTO checks VALUES (?, ?, ?, ?)", [(texts[0], texts[1], time.time(), texts[2])])

    def last_check(self, judge: Mapping[str, Any], protocol: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the newest result of a canary check of this judge with this protocol, with its time as `created`."""
        texts = [json.dumps(value, ensure_ascii=False, sort_keys=True) for value in (judge, protocol)]
        query = "SELECT health, created FROM checks WHERE judge = ? AND protocol = ? ORDER BY created DESC LIMIT 1"
        found = self._read(query, texts)
        return {**json.loads(found[0][0]), "created": found[0][1]} if found else None

    def open_batches(self, judge: str) -> dict[str, list[str]]:
        """Return the keys in each batch that was handed over and not yet read, by the batch's id."""
        rows = self._read("SELECT id, keys FROM batches WHERE judge = ? AND state = 'open'", (judge,))
        return {row[0]: json.loads(row[1]) for row in rows}

    def keep_batch(self, batch: str, judge: str, keys: Sequence[str], state: Literal["open", "read"]) -> None:
        """Store what was handed over as a batch, or that its replies were read."""
        row = (batch, judge, json.dumps(list(keys)), state, time.time())
        self._write("INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?)", [row])

    def name_batch(self, name: str, batch: str) -> None:
        """Give a batch that was stored under another name, before it was handed over, the id that the server gave."""
        self._write("UPDATE OR REPLACE batches SET id = ? WHERE id = ?", [(batch, name)])

    def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(statement, rows)
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

    def _verdict(self, row: Sequence[Any]) -> Verdict:
        try:
            return _verdict(row)
        except ValueError as error:
            raise RunError(f"The verdict store {self.path} is damaged: {error}. {_REMEDY}") from error


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as a line of a bundle."""
    return asdict(verdict)


def from_json(found: Mapping[str, Any]) -> Verdict:
    """Return the verdict in a line of a bundle. Raises KeyError, TypeError or ValueError where it is none."""
    usage = found["usage"]
    verdict = Verdict(**{**found, "usage": None if usage is None else Usage(**usage)})
    texts = (verdict.key, verdict.provider, verdict.served, verdict.revision, verdict.requested)
    if not all(isinstance(text, str) for text in texts) or not isinstance(verdict.text, str | None):
        raise TypeError("a verdict's key, judge and reply are texts")
    if verdict.outcome not in ("replied", "refused", "filtered"):
        raise ValueError(f"outcome {verdict.outcome!r}")
    return verdict


def _row(verdict: Verdict) -> tuple[Any, ...]:
    usage = verdict.usage
    return (
        verdict.key,
        verdict.provider,
        verdict.served,
        verdict.revision,
        verdict.requested,
        verdict.outcome,
        verdict.text,
        verdict.finish_reason,
        verdict.fingerprint,
        usage and usage.input,
        usage and usage.output,
        usage and usage.cached,
        usage and usage.reasoning,
        verdict.retries,
        int(verdict.batch),
        verdict.url,
        verdict.created,
        verdict.task,
        json.dumps(verdict.request, ensure_ascii=False),
    )


def _verdict(row: Sequence[Any]) -> Verdict:
    key, provider, served, revision, requested, outcome, text, finish, fingerprint = row[:9]
    sent, received, cached, reasoning, retries, batch, url, created, task, request = row[9:]
    return Verdict(
        key=key,
        provider=provider,
        served=served,
        revision=revision,
        requested=requested,
        outcome=outcome,
        text=text,
        finish_reason=finish,
        fingerprint=fingerprint,
        usage=None if sent is None else Usage(input=sent, output=received, cached=cached, reasoning=reasoning),
        retries=retries,
        batch=bool(batch),
        url=url,
        created=created,
        task=task,
        request=json.loads(request),
    )
