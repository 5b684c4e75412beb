"""The table's file: nothing is lost when several are at it, or one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from eval.analysis.leaderboard import table as under_test
from eval.analysis.leaderboard.cells import read_csv, to_csv
from eval.analysis.leaderboard.table import update
from eval.errors import DataError, RunError
from eval.runs.lock import FolderLock
from tests.analysis.leaderboard.test_rows import ROW

PROJECT = Path(__file__).resolve().parents[3]
WRITER = """
import sys, time
from dataclasses import replace
from pathlib import Path
from eval.analysis.leaderboard.table import update
from tests.analysis.leaderboard.test_rows import ROW
path, who, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for number in range(n):
    update(path, [replace(ROW, model=f"{who} {number}")], [], {path.with_suffix(".md"): lambda rows: f"{len(rows)}"})
"""


def writer(path, who, n):
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", WRITER, str(path), who, str(n)]
    return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_processes_at_once_lose_no_row(tmp_path):
    path = tmp_path / "leaderboard.csv"
    with writer(path, "first", 30) as first, writer(path, "second", 30) as second:
        assert [process.wait(60) for process in (first, second)] == [0, 0]
    rows = read_csv(path)
    assert {row.model for row in rows} == {f"{who} {number}" for who in ("first", "second") for number in range(30)}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["leaderboard.csv", "leaderboard.md"]
    assert (tmp_path / "leaderboard.md").read_text() == "60"


@pytest.mark.slow
def test_killed_at_any_moment_the_table_is_whole(tmp_path):
    path = tmp_path / "leaderboard.csv"
    n_before = 0
    for round_, delay in enumerate((0.0, 0.013, 0.029, 0.041)):
        with writer(path, f"round {round_}", 100_000) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        rows = read_csv(path) if path.exists() else []
        assert len(rows) >= n_before
        n_before = len(rows)
    update(path, [ROW], [], {path.with_suffix(".md"): lambda rows: f"{len(rows)}"})
    assert len(read_csv(path)) == n_before + 1
    assert path.with_suffix(".md").read_text() == f"{n_before + 1}"
    assert {entry.name for entry in tmp_path.iterdir()} == {"leaderboard.csv", "leaderboard.md"}


def test_an_update_keeps_old_rows_and_renews_published_ones(tmp_path):
    path = tmp_path / "deep" / "er" / "leaderboard.csv"
    old, new = replace(ROW, model="old"), replace(ROW, model="new")
    quoted = [replace(ROW, origin="published", source=source, date="") for source in ("first", "second")]
    update(path, [old], quoted[:1])
    rows = update(path, [new, replace(old, value=0.9, date="2026-12-01T00:00:00+00:00")], quoted[1:])
    assert rows == read_csv(path)
    assert {(row.model, row.value, row.source) for row in rows} == {
        ("old", 0.9, ""), ("new", ROW.value, ""), ("m", ROW.value, "second"),
    }  # fmt: skip


def test_the_same_update_gives_the_same_bytes(tmp_path):
    paths = [tmp_path / "a" / "l.csv", tmp_path / "b" / "l.csv"]
    rows = [replace(ROW, model=f"m{number}") for number in range(20)]
    update(paths[0], rows)
    update(paths[0], rows)
    update(paths[1], rows[:7][::-1])
    update(paths[1], rows[7:][::-1])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_damaged_table_stays_as_it_is(tmp_path):
    path = tmp_path / "leaderboard.csv"
    path.write_bytes(to_csv([ROW])[:-5])
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"leaderboard\.csv:2"):
        update(path, [ROW])
    assert path.read_bytes() == before


def test_whoever_keeps_the_table_too_long_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(under_test, "PATIENCE_S", 0.05)
    with FolderLock(tmp_path), pytest.raises(RunError, match=f"process {os.getpid()}"):
        update(tmp_path / "leaderboard.csv", [ROW])


def test_a_folder_that_may_not_be_written_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    started = time.monotonic()
    with pytest.raises(RunError):
        update(tmp_path / "file" / "leaderboard.csv", [ROW])
    assert time.monotonic() - started < 1
