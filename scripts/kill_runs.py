"""Kills whole runs (SIGKILL) at random moments, and again while they resume, and compares them with untouched ones.

    .venv/bin/python scripts/kill_runs.py [--runs 100] [--seed 1] [--jobs 2]

Multiple choice, open QA, AutoDQ and captions take turns, on the built-in world with a scripted model that takes its
time over each clip and a judge that needs no server. For every run it counts the samples that were on disk when the
process died and were done again (twice), and those that are missing in the end (lost), and compares predictions.jsonl
and scores.jsonl byte for byte, and result.json but for date and timing.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]

WORKS = {
    "mvbench": "[A,B,C,neither]",
    "msvd-qa": "[red,two balls,a circle]",
    "dream-1k": "[a ball rolls. it stops.,two]",
    "msvd-caption": "[a red ball rolls,two squares]",
}
"""A benchmark of each kind of answer, and what the scripted model says."""

_NOWHERE = subprocess.DEVNULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """What became of one run that was killed twice."""

    bench: str
    on_disk: tuple[int, ...]
    """Predictions on disk after each kill."""
    twice: int
    lost: int
    equal: bool
    code: int


def command(bench: str, out: Path) -> list[str]:
    """Return the command of a run."""
    return [
        *(sys.executable, "-m", "eval", "eval", "--bench", bench, "--model", "scripted", "--out", str(out)),
        *(f"model.outputs={WORKS[bench]}", "model.delay_s=0.05", "limit=100", "video.workers=1"),
    ]


def lines(out: Path) -> list[dict[str, Any]]:
    """Return the whole predictions on disk."""
    path = out / "predictions.jsonl"
    text = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def ending(out: Path) -> tuple[bytes, bytes, dict[str, Any]]:
    """Return what a run ended in, but for what depends on the time."""
    result = json.loads((out / "result.json").read_text())
    del result["timing"], result["provenance"]["date"]
    for name in ("result.json", "config.yaml", "run.json"):  # whose checksums depend on the date and the folder
        del result["files"][name]
    return (out / "predictions.jsonl").read_bytes(), (out / "scores.jsonl").read_bytes(), result


def wait_for_a_moment(
    process: subprocess.Popen[bytes], out: Path, moments: random.Random, seconds: float, total: int
) -> None:
    """Wait until a random number of predictions is on disk and a little longer; each fifth time, any moment at all."""
    if moments.random() < 0.2:
        time.sleep(moments.uniform(0, seconds))
        return
    until = moments.randint(len(lines(out)), total)
    while len(lines(out)) < until and process.poll() is None:
        time.sleep(0.005)
    time.sleep(moments.uniform(0, 0.1))


def killed_run(bench: str, out: Path, seconds: float, seed: int, whole: Any) -> Survived:
    """Start a run, kill it, start it again, kill it again, and let it end."""
    moments = random.Random(seed)
    total = len(whole[0].splitlines())
    done: list[dict[str, Any]] = []
    on_disk, twice = [], 0
    for _ in range(2):
        with subprocess.Popen(command(bench, out), cwd=PROJECT, stdout=_NOWHERE, stderr=_NOWHERE) as process:
            wait_for_a_moment(process, out, moments, seconds, total)
            process.send_signal(signal.SIGKILL)
        found = lines(out)
        new = found[len(done) :]
        # A run that got as far as scoring has put the same lines into another order.
        if Counter(row["id"] for row in found) != Counter(row["id"] for row in done + new):
            new = []
        twice += sum(row["id"] in {old["id"] for old in done} for row in new)
        done = found
        on_disk.append(len(found))
    code = subprocess.run(command(bench, out), cwd=PROJECT, capture_output=True, check=False).returncode
    end = ending(out)
    ids = Counter(row["id"] for row in lines(out))
    expected = Counter(json.loads(line)["id"] for line in whole[0].splitlines())
    timing = json.loads((out / "result.json").read_text())["timing"]
    twice += max(0, timing["samples"] - (sum(expected.values()) - len({row["id"] for row in done})))
    return Survived(
        bench=bench, on_disk=tuple(on_disk), twice=twice, lost=(expected - ids).total(), equal=end == whole, code=code
    )


def main() -> int:
    """Print a line a run and the sums; return 1 where anything was lost, done twice or differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        wholes, seconds = {}, {}
        for bench in list(WORKS)[: given.runs]:
            start = time.perf_counter()
            subprocess.run(command(bench, root / bench), cwd=PROJECT, capture_output=True, check=False)
            seconds[bench] = time.perf_counter() - start
            wholes[bench] = ending(root / bench)
        print(f"untouched: {', '.join(f'{bench} {taken:.1f} s' for bench, taken in seconds.items())}", flush=True)
        with ThreadPoolExecutor(given.jobs) as pool:
            benches = [list(WORKS)[number % len(WORKS)] for number in range(given.runs)]
            futures = [
                pool.submit(killed_run, bench, root / f"run{i}", seconds[bench], given.seed + i, wholes[bench])
                for i, bench in enumerate(benches)
            ]
            ended = []
            for future in futures:
                ended.append(future.result())
                print(ended[-1], flush=True)
    twice, lost = sum(run.twice for run in ended), sum(run.lost for run in ended)
    differ = sum(not run.equal for run in ended)
    early = sum(min(run.on_disk) == 0 for run in ended)
    print(f"\n{len(ended)} runs killed twice each ({early} of them once before any prediction): {twice} samples done "
          f"twice, {lost} lost, {differ} runs differ, exit codes {sorted({run.code for run in ended})}")  # fmt: skip
    return 1 if twice or lost or differ else 0


if __name__ == "__main__":
    sys.exit(main())
