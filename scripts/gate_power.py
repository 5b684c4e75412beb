"""How good is the gate? Faults it names, alarms without a fault, and error rates of the gate by margin.

    python scripts/gate_power.py faults          # every fault of gate_faults.py, on some of the benchmarks
    python scripts/gate_power.py edits           # every edit of gate_edits.py, on a copy of the checkout
    python scripts/gate_power.py alarms --runs 50
    python scripts/gate_power.py margin
    python scripts/gate_power.py                 # all of it

Each part writes its table into results/bench/gate.md, between markers.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

import numpy as np
from scipy.stats import binom

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from eval import config as configuration
from eval.analysis.margin import CONFIDENCE
from eval.config import Settings
from eval.regression.builtin import BASELINE, Setup, observe_builtin
from eval.regression.comparing import GateOutcome, compare
from eval.regression.observing import Batching
from eval.regression.records import as_kept, read
from eval.regression.suites import SUITES
from eval.stats import estimate
from eval.stats.paired import bounds
from scripts.gate_copies import looked, table
from scripts.gate_faults import FAULTS

REPORT = Path(__file__).resolve().parents[1] / "results" / "bench" / "gate.md"
EDITED = REPORT.parents[1] / "runs" / "gate-edits.jsonl"
"""Where results of edits are kept by default; git ignores it."""
BENCHMARKS = ("mvbench", "video-mme", "tgif-qa", "msvd-caption", "dream-1k")
"""On which faults are planted: a kind of answer each, spans, folders of frames, gifs, and all containers."""
_ELSEWHERE = ("settings", *SUITES, "resume")
SIMULATIONS = 2000
_load_settings = configuration.load_settings


def look(setup: Setup) -> GateOutcome:
    """Compare what is observed with the part of the baseline that it is about."""
    now = as_kept(observe_builtin(setup))
    baseline = read(BASELINE)
    if setup.benchmarks:
        kept = {*setup.benchmarks, *_ELSEWHERE}
        baseline = replace(baseline, records=[each for each in baseline.records if each.benchmark in kept])
    return compare(baseline, now)


@cache
def _compose(overrides: tuple[str, ...]) -> Settings:
    return _load_settings(list(overrides))


def _composed(overrides: Sequence[str]) -> Settings:
    """Return settings, each composed once a process: half of the time of a run on some benchmarks goes into that."""
    return _compose(tuple(overrides))


def with_fault(number: int) -> str:
    """Plant a fault, and return its line of the table."""
    fault = FAULTS[number]
    with ExitStack() as stack:
        stack.enter_context(mock.patch("eval.config.load_settings", _composed))
        fault.plant(stack)
        try:
            outcome = look(Setup(in_process=True, benchmarks=BENCHMARKS))
        except Exception as error:  # noqa: BLE001 - a fault may break anything, and that is seen too
            said = re.sub(r"\S*/(?=cut/)", "", (str(error).splitlines() or [""])[0])[:80].replace("|", "/")
            return f"| {fault.area} | {fault.name} | yes | stops the gate | | {type(error).__name__}: {said} |"
    if outcome.first is None:
        return f"| {fault.area} | {fault.name} | **no** | | 0 | |"
    where = f"{outcome.first.benchmark}, {outcome.first.id}"[:60].replace("|", "/").replace("\n", " ")
    fields = ", ".join(f"{name} {count}" for name, count in outcome.by_field().items())
    first = f"`{outcome.first.place}` of {where}"
    return f"| {fault.area} | {fault.name} | yes | {first} | {len(outcome.differences)} | {fields} |"


def faults(pool: ProcessPoolExecutor) -> str:
    """Return the table of planted faults."""
    lines = []
    for line in pool.map(with_fault, range(len(FAULTS))):
        print(line, flush=True)
        lines.append(line)
    caught = sum("| **no** |" not in line for line in lines)
    head = f"{caught} of {len(FAULTS)} faults are caught.\n\n"
    head += "| area | fault | caught | first field | differences | by field |\n"
    return head + "|---|---|---|---|---|---|\n" + "\n".join(lines)


def without_fault(seed: int) -> tuple[str, bool]:
    """Run the whole gate in another way of working, and return the way and whether it passed."""
    import torch

    draw = random.Random(f"way {seed}")  # neighbouring numbers would draw alike
    threads, batch, order = draw.choice((1, 2, 4)), draw.choice((None, 1, 2, 3, 5, 16)), draw.choice((None, seed))
    workers = draw.choice((None, 1, 2, 3))
    torch.set_num_threads(threads)
    way = Batching(clips_at_once=batch, shuffled=order)
    outcome = look(Setup(in_process=workers is None, workers=workers, way=way))
    told = f"threads {threads}, clips at once {batch}, order {order}, workers {workers}"
    return f"{told}: {'passed' if outcome.passed else outcome.by_field()}", outcome.passed


def alarms(pool: ProcessPoolExecutor, runs: int, seconds: float) -> str:
    """Return how many runs without a fault did not pass, of as many as fit into some seconds."""
    begin, found = time.monotonic(), []
    waiting = [pool.submit(without_fault, seed) for seed in range(runs)]
    for done in as_completed(waiting):
        if done.cancelled():
            continue
        told, passed = done.result()
        print(told, flush=True)
        found.append(passed)
        if time.monotonic() - begin > seconds:
            for each in waiting:
                each.cancel()
    return (
        f"{found.count(False)} of {len(found)} runs of the whole gate without a fault did not pass. Each drew 1, 2 or "
        "4 threads, a batch of 1, 2, 3, 5 or 16 clips or the runner's own, samples in order or shuffled, and 1, 2 or 3 "
        "worker processes or none."
    )


def simulated(n: int, share: float, loss: float, per_video: int, seed: int) -> tuple[np.ndarray, list[int]]:
    """Return paired differences of right and wrong answers, (n,), and the video of each.

    Args:
        n: Samples.
        share: Part of the samples in which the runs differ.
        loss: True mean of old less new.
        per_video: Samples about a video; half of the videos' samples that differ do so the same way.
        seed: Of the random numbers.
    """
    draw = np.random.default_rng(seed)
    videos = np.repeat(np.arange(-(-n // per_video)), per_video)[:n]
    worse = (1 + loss / share) / 2
    own = draw.random(n) < worse
    common = (draw.random(videos.max() + 1) < worse)[videos]
    is_worse = np.where(draw.random(videos.max() + 1)[videos] < 0.5, common, own)
    differs = draw.random(n) < share
    return np.where(differs, np.where(is_worse, -1.0, 1.0), 0.0), videos.tolist()


def verdicts(n: int, share: float, loss: float, margin: float, per_video: int) -> list[str]:
    """Return what the gate says of simulated runs."""
    found: list[str] = []
    for seed in range(SIMULATIONS):
        values, videos = simulated(n, share, loss, per_video, seed)
        each = estimate(values.tolist(), videos)
        assert each.stderr is not None
        moved = np.bincount(videos, weights=values) / n
        low, high = bounds(moved, np.bincount(videos) / n, each.stderr, each.df, CONFIDENCE)
        found.append("fail" if high < -margin else "pass" if low > -margin else "inconclusive")
    return found


def margin_table() -> str:
    """Return error rates of the gate by margin, for two sizes of a benchmark."""
    kinds = ("pass", "fail", "inconclusive")
    lines = [
        "| samples | a video | differ | margin | true loss | " + " | ".join(kinds) + " |",
        "|---|---|---|---|---|---|---|---|",
    ]
    cases = (
        (4000, 1, 0.05, 0.01),
        (4000, 4, 0.04, 0.01),
        (1000, 1, 0.06, 0.02),
        (600, 3, 0.10, 0.04),
        (1000, 1, 0.10, 0.01),
    )
    for n, per_video, share, margin in cases:
        for name, loss in (("0", 0.0), ("margin", margin), ("2 x margin", 2 * margin)):
            found = verdicts(n, share, loss, margin, per_video)
            rates = " | ".join(f"{100 * found.count(kind) / len(found):.1f}%" for kind in kinds)
            lines.append(f"| {n} | {per_video} | {100 * share:.0f}% | {100 * margin:g} | {name} | {rates} |")
            print(lines[-1], flush=True)
    simulated = f"{SIMULATIONS} simulated pairs of runs a line.\n\n" + "\n".join(lines)
    return f"{simulated}\n\n{losses_table()}"


def losses_table() -> str:
    """Return how often a run that only loses passes and fails at the margin, computed exactly."""
    lines = ["| samples | margin | pass | fail |", "|---|---|---|---|"]
    for n, margin in ((1000, 0.003), (1000, 0.005), (1000, 0.01), (1000, 0.02), (4000, 0.005)):
        rates = {"pass": 0.0, "fail": 0.0}
        for lost in range(n // 5):
            values = np.where(np.arange(n) < lost, -1.0, 0.0)
            stderr = float(values.std(ddof=1)) / n**0.5
            low, high = bounds(values / n, np.full(n, 1 / n), stderr, n - 1, CONFIDENCE)
            chance = float(binom.pmf(lost, n, margin))
            rates["pass"] += chance * (low > -margin)
            rates["fail"] += chance * (high < -margin)
        lines.append(f"| {n} | {100 * margin:g} | {100 * rates['pass']:.1f}% | {100 * rates['fail']:.1f}% |")
        print(lines[-1], flush=True)
    return "Exactly computed, where the new run gains nothing and its true loss is the margin:\n\n" + "\n".join(lines)


def keep(marker: str, text: str) -> None:
    """Put a table between its markers in the report."""
    start, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    before, _, rest = REPORT.read_text(encoding="utf-8").partition(start)
    _, _, after = rest.partition(end)
    REPORT.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description="Measure the gate.")
    parser.add_argument("part", nargs="?", choices=("faults", "edits", "alarms", "margin"), help="default: all")
    parser.add_argument("--runs", type=int, default=50, help="runs without a fault")
    parser.add_argument("--seconds", type=float, default=3600, help="no further run without a fault after these")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kept", default=str(EDITED), help="results of edits, with which a later call goes on")
    given = parser.parse_args(arguments)
    # Threads that have nothing to do sleep, or those of several processes would keep each other from working.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if given.part in (None, "edits"):
        keep("edits", table(looked(given.processes, Path(given.kept))))
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        if given.part in (None, "faults"):
            keep("faults", faults(pool))
        if given.part in (None, "alarms"):
            keep("alarms", alarms(pool, given.runs, given.seconds))
    if given.part in (None, "margin"):
        keep("margin", margin_table())


if __name__ == "__main__":
    main()
