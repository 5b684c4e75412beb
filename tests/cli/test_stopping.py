"""A run that is stopped keeps what it has, says how to go on, leaves nobody behind, and can be scored as it is."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eval.__main__ import main
from eval.config import PROJECT
from tests.cli.runs import evaluate, needs_world, read

pytestmark = [needs_world, pytest.mark.slow]

INTERRUPT, TERMINATE = signal.SIGINT, signal.SIGTERM
N = 40
LIMIT = ("--limit", str(N))
"""Of mvbench: as many samples as make a run that can be met in mid-work."""

HEEDS_CTRL_C = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from eval.__main__ import main; sys.exit(main())"
)
"""A shell that starts commands in the background has them ignore it."""


def descendants(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there, and is more than a name that nobody has taken off the list yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_rows(path):
    """Wait until rows were written twice: one that is just being written is taken back, those before it are kept."""
    until = time.monotonic() + 60
    sizes: set[int] = set()
    while len(sizes) < 2 and time.monotonic() < until:
        sizes |= {path.stat().st_size} - {0} if path.exists() else set()
        time.sleep(0.01)


def stopped(out, *signals):
    """Stop a run by signals in mid-work; return its exit code, what it said, and its children that are still there."""
    command = [*(sys.executable, "-c", HEEDS_CTRL_C), *("eval", "--bench", "mvbench", "--model", "scripted"), *LIMIT]
    with subprocess.Popen(
        [*command, "--out", str(out), "model.delay_s=0.2"],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for_rows(out / "predictions.jsonl")
        children = descendants(process.pid) if sys.platform == "linux" else []
        for number in signals:
            process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    until = time.monotonic() + 20
    while (left := [child for child in children if is_alive(child)]) and time.monotonic() < until:
        time.sleep(0.05)
    return process.returncode, said, left


@pytest.mark.parametrize("signals", [(INTERRUPT,), (TERMINATE,), (INTERRUPT, INTERRUPT)], ids=["int", "term", "twice"])
def test_a_stopped_run_goes_on(tmp_path, capsys, signals):
    code, said, left = stopped(tmp_path / "run", *signals)
    assert code == 130
    assert "Traceback" not in said
    assert f"of {N} samples are in {tmp_path / 'run'}." in said
    assert "continues" in said
    assert left == []
    kept = len(read(tmp_path / "run" / "predictions.jsonl"))
    assert 0 < kept < N
    assert not (tmp_path / "run" / "result.json").exists()

    # What is there can be scored, and says that it is not all.
    assert main(["score", "--pred", str(tmp_path / "run"), "--bench", "mvbench", "--out", str(tmp_path / "s")]) == 1
    assert f"Partial: the run stopped with {N - kept} samples to go" in capsys.readouterr().out
    assert json.loads((tmp_path / "s" / "result.json").read_text())["complete"] is False

    assert evaluate(tmp_path / "run", *LIMIT) == 0
    assert f"{kept} of {N} samples are done" in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "result.json").read_text())["timing"]["samples"] == N - kept


def test_a_second_run_on_the_folder_is_told_who_holds_it(tmp_path, capsys):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "eval", "eval", "--bench", "mvbench", "--model", "scripted", *LIMIT]
    with subprocess.Popen(
        [*command, "--out", str(out), "model.delay_s=0.2"],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_for_rows(out / "predictions.jsonl")
        assert evaluate(out, *LIMIT) == 2
        said = capsys.readouterr().err
        process.kill()
    assert str(process.pid) in said
    assert len(said.strip().splitlines()) == 1
    assert evaluate(out, *LIMIT) == 0  # the kernel let go of it
