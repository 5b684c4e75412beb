"""How long does the leaderboard take over many runs, and do rows come out equal when they are computed again?

    python scripts/bench_leaderboard.py [--runs 500] [--samples 200] [--verify 10] [--to results/bench/leaderboard.md]

Writes synthetic runs of mvbench into a temporary folder (20 models, answers right with a chance of their own), makes
the table of them twice (all new, and nothing new), and verifies rows that are spread over it.
"""

from __future__ import annotations

import argparse
import platform
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from eval.analysis.leaderboard.cells import read_csv  # noqa: E402
from eval.analysis.leaderboard.gathering import gather  # noqa: E402
from eval.running.verifying import verify_row  # noqa: E402
from tests.analysis.leaderboard.synthetic import write_run  # noqa: E402

Made = TypeVar("Made")
SUBSETS = [f"Subset {number}" for number in range(20)]


def main() -> int:
    """Measure, print and write the table; return 1 where a row does not come out equal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--verify", type=int, default=10)
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines, equal = measure(Path(folder), given.runs, given.samples, given.verify)
    text = "\n".join(lines) + "\n"
    print(text)
    if given.to:
        given.to.write_text(text, encoding="utf-8")
    return 0 if equal else 1


def measure(folder: Path, n_runs: int, n_samples: int, n_verified: int) -> tuple[list[str], bool]:
    """Return the lines of the report, and whether all verified rows came out equal."""
    draw = random.Random(0)
    for number in range(n_runs):
        chance = 0.4 + 0.5 * (number % 20) / 20
        outputs = ["A" if draw.random() < chance else "B" for _ in range(n_samples)]
        settings = {"n_frames": 8 * (number // 20 + 1)}
        name = f"model-{number % 20}"
        write_run(folder / "runs" / f"{number:04}", outputs, model=name, subsets=SUBSETS, settings=settings)
    table = folder / "leaderboard.csv"
    first, _ = timed(lambda: gather([folder / "runs"], table))
    again, _ = timed(lambda: gather([folder / "runs"], table))
    rows = read_csv(table)
    ours = [row for row in rows if row.origin == "run"]
    spread = ours[:: max(1, len(ours) // n_verified)][:n_verified]
    checked = [timed(partial(verify_row, row.name, table=table)) for row in spread]
    n_equal = sum(found.difference is None for _, found in checked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    seconds = sorted(taken for taken, _ in checked)
    about = f"{platform.machine()}, Python {platform.python_version()}, {n_runs} runs of {n_samples} samples"
    return [
        "# The leaderboard over many runs",
        "",
        f"`scripts/bench_leaderboard.py`: {about} in {len(SUBSETS)} subsets.",
        "",
        "| what | |",
        "|---|---:|",
        f"| rows in the table, published ones included | {len(rows)} |",
        f"| size of the CSV file, MB | {table.stat().st_size / 1e6:.1f} |",
        f"| first update, s | {first:.1f} |",
        f"| update with nothing new, s | {again:.1f} |",
        f"| most memory, MiB | {peak:.0f} |",
        f"| rows computed again, of which equal | {len(checked)}, {n_equal} |",
        f"| computing one again, median s | {seconds[len(seconds) // 2]:.2f} |",
    ], n_equal == len(checked)


def timed(do: Callable[[], Made]) -> tuple[float, Made]:
    """Return how long something takes in seconds, and what it returns."""
    start = time.perf_counter()
    done = do()
    return time.perf_counter() - start, done


if __name__ == "__main__":
    sys.exit(main())
