"""Reply stores that cannot be written, and file systems without locks."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys

import pytest

from eval.client import opening
from eval.client.store import ReplyStore
from eval.config import PROJECT
from eval.errors import RunError
from tests.client.server import JudgeServer
from tests.client.test_claims import GOOD, calls, judge_of
from tests.client.test_store import JUDGE, key_of, verdict

OPENING = """
import sys
from pathlib import Path
from eval.client.store import ReplyStore
from eval.runs.lock import FolderLock
print(FolderLock(Path(sys.argv[1]).parent).held, flush=True)
ReplyStore(Path(sys.argv[1]))
"""
NOLOCK = PROJECT.parent / "shared" / "cases" / "reports" / "15-no-locks" / "nolock.c"


@pytest.fixture
def refuse_writing(monkeypatch):
    """Return a function after which no store can be opened for writing, as on a disk that is mounted read-only."""

    def refuse(_):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    return lambda: monkeypatch.setattr(opening, "_writable", refuse)


@pytest.mark.parametrize("with_log", [False, True])
def test_what_a_read_only_store_holds_is_read(tmp_path, refuse_writing, with_log):
    writing = ReplyStore(tmp_path / "v.sqlite")
    writing.put([verdict()])
    if with_log:  # as a killed run leaves it
        for name in ("v.sqlite", "v.sqlite-wal"):
            shutil.copy(tmp_path / name, tmp_path / name.replace("v", "w"))
    writing.close()
    refuse_writing()
    path = tmp_path / ("w.sqlite" if with_log else "v.sqlite")
    before = sorted(one.name for one in tmp_path.iterdir())
    store = ReplyStore(path)
    assert store.read_only
    assert store.find([key_of("a")], JUDGE) == {key_of("a"): [verdict()]}
    store.keep_capabilities("x", {})
    with pytest.raises(RunError, match=r"is read-only, and lacks 2 verdicts; nothing is asked.* verdicts=<file>\.$"):
        store.refuse_read_only("lacks 2 verdicts")
    store.close()
    assert sorted(one.name for one in tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_read_only_store_serves_what_it_holds_and_asks_nothing_else(tmp_path, refuse_writing):
    with JudgeServer(lambda _: GOOD) as server:
        judge = judge_of(tmp_path, server)
        judge.ask(calls(3))
        judge.by.store.close()
        for path in tmp_path.glob("v.sqlite*"):
            path.chmod(stat.S_IRUSR)
        refuse_writing()
        again = judge_of(tmp_path, server)
        assert [reply.source for reply in again.ask(calls(3))] == ["stored"] * 3
        n_requests = len(server.requests)
        with pytest.raises(RunError, match="is read-only, and lacks 1 of 4 verdicts"):
            again.ask(calls(4))
        with pytest.raises(RunError, match="is read-only, and does not hold how its server is asked"):
            judge_of(tmp_path, server, extra={"seed": 1}).ask(calls(1))
        assert len(server.requests) == n_requests


def test_a_store_that_is_neither_there_nor_can_be_made(tmp_path, refuse_writing):
    refuse_writing()
    with pytest.raises(RunError, match=r"v\.sqlite cannot be used"):
        ReplyStore(tmp_path / "v.sqlite")


@pytest.mark.slow
@pytest.mark.skipif(not NOLOCK.exists() or shutil.which("gcc") is None, reason="needs gcc and the given case")
@pytest.mark.parametrize("error", [37, 38, 95, 524])
def test_a_file_system_without_locks_is_named(tmp_path, error):
    library = tmp_path / "nolock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, NOLOCK, "-ldl"], check=True)
    said = subprocess.run(
        [sys.executable, "-c", OPENING, str(tmp_path / "v.sqlite")],
        cwd=PROJECT, capture_output=True, text=True, check=False,
        env={"LD_PRELOAD": str(library), "FCNTL_ERR": str(error), "FLOCK_ERR": str(error)},
    )  # fmt: skip
    assert said.stdout == "False\n"  # a run folder goes without
    last = said.stderr.strip().splitlines()[-1]
    assert f"keeps no locks (error {error}), and the store wants a local disk. Or give another verdicts=<file>." in last
