"""One writer: who comes second is told who is first, and nobody who is gone stops anyone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eval.errors import RunError
from eval.runs.folder import open_run
from eval.runs.lock import LOCK, FolderLock

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import os, sys, time
from pathlib import Path
from eval.runs.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
if sys.argv[2] == "fork" and os.fork() == 0:
    print(os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
if sys.argv[2] != "fork":
    print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def hold():
    """Start a process that holds a folder; returns it with the number that it printed."""
    started = []

    def start(folder, how="plain"):
        command = [sys.executable, "-c", HOLD, str(folder), how]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_second_process_is_told_who_holds_the_folder(tmp_path, hold):
    process, _ = hold(tmp_path)
    with pytest.raises(RunError) as raised:
        FolderLock(tmp_path)
    said = str(raised.value)
    assert said.startswith(f"{tmp_path} is being written by process {process.pid} on {os.uname().nodename} since 20")
    assert f"-c {tmp_path} plain" in said
    assert said.endswith("Wait for it or stop it, or choose another OUT.")
    assert "\n" not in said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_dies_with_its_process(tmp_path, hold, number):
    process, _ = hold(tmp_path)
    process.send_signal(number)
    process.wait()
    assert (tmp_path / LOCK).exists()
    with FolderLock(tmp_path) as lock:
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
        assert lock.held
    assert not (tmp_path / LOCK).exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")
def test_a_forked_process_does_not_hold_what_its_parent_held(tmp_path, hold):
    process, child = hold(tmp_path, "fork")
    try:
        with pytest.raises(RunError, match=f"process {process.pid} "):
            FolderLock(tmp_path)
        process.kill()
        process.wait()
        FolderLock(tmp_path).release()
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', "[]", "\0\0"])
def test_a_lock_file_that_nobody_holds_stops_nobody_whatever_it_says(tmp_path, content):
    (tmp_path / LOCK).write_text(content)
    FolderLock(tmp_path).release()
    assert list(tmp_path.iterdir()) == []


def test_one_process_holds_many_folders_and_each_once(tmp_path):
    locks = []
    for name in "abc":
        (tmp_path / name).mkdir()
        locks.append(FolderLock(tmp_path / name))
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for name in ("a", "link"):
        with pytest.raises(RunError, match=f"is being written by process {os.getpid()} "):
            FolderLock(tmp_path / name)
    # A refusal takes nothing away from the holder.
    with pytest.raises(RunError):
        FolderLock(tmp_path / "a")
    for lock in locks:
        lock.release()
        lock.release()
    FolderLock(tmp_path / "a").release()


def test_a_holder_that_has_not_signed_is_another_process(tmp_path):
    with FolderLock(tmp_path):
        (tmp_path / LOCK).write_text("")
        with pytest.raises(RunError, match="is being written by another process"):
            FolderLock(tmp_path)


def test_a_lock_that_is_dropped_is_released(tmp_path):
    FolderLock(tmp_path)
    FolderLock(tmp_path).release()


def test_a_run_is_held_until_it_is_closed_and_not_longer(tmp_path):
    with open_run(tmp_path / "run", {"a": 1}, ""):
        with pytest.raises(RunError, match="is being written by"):
            open_run(tmp_path / "run", {"a": 1}, "")
        # Also before anything else is found out about the folder.
        with pytest.raises(RunError, match="is being written by"):
            open_run(tmp_path / "run", {"a": 2}, "")
    with pytest.raises(RunError, match="another a"):
        open_run(tmp_path / "run", {"a": 2}, "")
    open_run(tmp_path / "run", {"a": 1}, "").close()


def test_a_file_system_without_locks_is_used_without_one(tmp_path, monkeypatch):
    def none(_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("eval.runs.lock._lock", none)
    with open_run(tmp_path / "run", {"a": 1}, "") as run:
        assert "keeps no locks; see to it that no second run writes there" in run.notes[0]


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="cannot be written"):
        FolderLock(tmp_path)
    assert (tmp_path / "elsewhere").read_text() == "mine"
