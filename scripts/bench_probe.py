"""What do all probes cost beside a plain run, and how often does a report of probes claim what is not so?

    python scripts/bench_probe.py [--rounds 5] [--repetitions 20] [--to results/bench/probe.md]

Cost: the processes `eval` and `probe` in turns, with tarsier-tiny on the built-in world, in wall and CPU time.
Claims: worlds of given subtasks with answers drawn at given rates, put through the report's own rule. Of a world
without any effect every claim is false; others show how often what is so is found.
"""

from __future__ import annotations

import argparse
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from eval.analysis.compare.systems import Paired, in_primary  # noqa: E402
from eval.analysis.probes.claims import Need, claims_of, decided  # noqa: E402
from eval.core import OVERALL, Score  # noqa: E402

CHANCE = 0.25
Rates = Mapping[str, float]
"""The share of right answers in the plain run ("") and under each probe; the plain run's where it is not given. `kept`
is the share of samples with the plain run's answer, where that is not left to chance."""
EFFECTS: Mapping[str, tuple[Need, Rates]] = {
    "nothing, at chance": ("unknown", {"": 0.25}),
    "motion": ("motion", {"": 0.8, "no-video": 0.3, "one-frame": 0.4, "shuffled": 0.5, "reversed": 0.3}),
    "any video": ("video", {"": 0.8, "no-video": 0.3, "one-frame": 0.8, "shuffled": 0.8, "reversed": 0.8}),
    "any video, 9 of 10 answers kept": ("video", {"": 0.8, "no-video": 0.3, "kept": 0.9}),
    "only text": ("text", {"": 0.8}),
    "only text, 9 of 10 answers kept": ("text", {"": 0.8, "kept": 0.9}),
    "one frame 10 points worse": ("some video", {"": 0.8, "no-video": 0.3, "one-frame": 0.7}),
    "no video 10 points worse": ("video", {"": 0.8, "no-video": 0.7, "one-frame": 0.8}),
}
PROBES = ("no-video", "one-frame", "shuffled", "reversed")
SCORER = {"name": "multiple_choice", "headline": "macro"}


def main() -> int:
    """Measure, print and write the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    lines = ["# Probes", "", f"`scripts/bench_probe.py`: {platform.machine()}, Python {platform.python_version()}."]
    lines += cost(given.rounds) if given.rounds else []
    lines += claims(given.repetitions)
    text = "\n".join(lines) + "\n"
    print(text)
    if given.to:
        given.to.write_text(text, encoding="utf-8")
    return 0


def cost(rounds: int) -> list[str]:
    """Return the lines about cost."""
    lines = [
        "", f"## Cost: tarsier-tiny on the built-in world, {rounds} rounds side by side", "",
        "| benchmark | plain, wall s | all probes, wall s | times, round by round | median | of CPU time, median |",
        "|---|---|---|---|---:|---:|",
    ]  # fmt: skip
    for bench in ("mvbench", "nextqa"):
        plain, probed = [], []
        with tempfile.TemporaryDirectory() as folder:
            for number in range(rounds):
                plain.append(_timed("eval", bench, Path(folder) / f"plain-{number}"))
                probed.append(_timed("probe", bench, Path(folder) / f"probes-{number}"))
        times = [both[0] / one[0] for one, both in zip(plain, probed, strict=True)]
        in_cpu = [both[1] / one[1] for one, both in zip(plain, probed, strict=True)]
        shown = (", ".join(f"{wall:.1f}" for wall, _ in part) for part in (plain, probed))
        cells = [bench, *shown, ", ".join(f"{n:.2f}" for n in times)]
        cells += [f"{statistics.median(part):.2f}" for part in (times, in_cpu)]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", "All probes are the plain run and ten others: eleven runs without what they share."]


def _timed(verb: str, bench: str, out: Path) -> tuple[float, float]:
    """Return the wall and CPU seconds of a command in a process of its own."""
    command = [sys.executable, "-m", "eval", verb, "--bench", bench, "--out", str(out)]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begin, used


def claims(repetitions: int) -> list[str]:
    """Return the lines about claims."""
    lines = [
        "", "## Claims, with a margin of 10 points", "",
        "A world has 14 subtasks alike, of 200 questions about a video each (last rows: 2 about each of 100 videos).",
        "Answers are drawn anew for each probe. A world counts as wrong where anything is claimed that is not so.", "",
        "| each subtask needs | what is told of subtasks | worlds with a false claim |", "|---|---|---:|",
    ]  # fmt: skip
    for per_video in (1, 2):
        for name, (need, rates) in EFFECTS.items():
            told: Counter[str] = Counter()
            wrong = 0
            n_worlds = repetitions * (10 if need == "unknown" else 1)
            for seed in range(n_worlds):
                needs = world({f"s{i}": rates for i in range(14)}, 200, seed, per_video=per_video)
                told.update(needs.values())
                wrong += any(is_false(one, need) for one in needs.values())
            shares = ", ".join(f"{one} {100 * n / told.total():.0f}%" for one, n in told.most_common())
            about = "" if per_video == 1 else f", {per_video} questions a video, answered alike"
            lines.append(f"| {name}{about} | {shares} | {wrong} of {n_worlds} |")
    return lines


def is_false(told: Need, true: Need) -> bool:
    """Whether a report says what is not so; to know less is no false claim."""
    return told not in ("unknown", true, *(("some video",) if true in ("motion", "video") else ()))


def world(subtasks: Mapping[str, Rates], n: int, seed: int, per_video: int = 1) -> dict[str, Need]:
    """Return what a report tells of each subtask, of `n` questions with answers drawn at these rates."""
    random_ = random.Random(f"probes-{seed}")
    outcomes: dict[str, list[Score]] = {probe: [] for probe in ("", *PROBES)}
    for subset, rates in subtasks.items():
        plain: list[float] = []
        for probe in outcomes:
            values = [float(random_.random() < rates.get(probe, rates[""])) for _ in range(n // per_video)]
            plain = plain or values
            if probe not in rates and "kept" in rates:
                values = [a if random_.random() < rates["kept"] else b for a, b in zip(plain, values, strict=True)]
            outcomes[probe] += _scores(subset, values, per_video)
    paired = {probe: in_primary(_pairs(outcomes, probe), SCORER, "accuracy") for probe in PROBES}
    by_subset: dict[str, dict[str, Paired]] = {
        subset: {probe: paired[probe][subset] for probe in PROBES} for subset in subtasks
    }
    tested = {subset: claims_of(changes, CHANCE, 0.1) for subset, changes in by_subset.items()}
    found = decided(tested, by_subset, dict.fromkeys(subtasks, CHANCE))
    return {one.subset: one.need for one in found if one.subset != OVERALL}


def _scores(subset: str, values: Sequence[float], per_video: int) -> list[Score]:
    return [
        Score(
            id=f"{subset}-{i}-{j}", subset=subset, cluster=f"{subset}-{i}", status="scored", answer="A", target="A",
            values={"accuracy": value}, chance=CHANCE,
        )
        for i, value in enumerate(values)
        for j in range(per_video)
    ]  # fmt: skip


def _pairs(outcomes: Mapping[str, Sequence[Score]], probe: str) -> list[tuple[Score, Score]]:
    return list(zip(outcomes[""], outcomes[probe], strict=True))


if __name__ == "__main__":
    sys.exit(main())
