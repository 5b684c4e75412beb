"""Runs what a run has to survive, in a short form, and prints a table: kills, damaged input, bad media, judges' faults.

    .venv/bin/python scripts/survive.py [--short]

Each row is a script or a set of tests that can be run longer by itself; the table has its command. Some eight minutes
on two cores; with `--short`, as CI runs it, less than one. Ends with 1 where a part failed; its output is then shown.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing to survive."""

    name: str
    """What happens."""
    command: str
    """Arguments of Python."""
    short: str
    """The same, shorter."""


FAULTS = "-m pytest -q -n0 -p no:cacheprovider tests/judges/test_faults.py"
PARTS = (
    Part(
        name="runs are killed, and resumed",
        command="scripts/kill_runs.py --runs 12 --jobs 2",
        short="scripts/kill_runs.py --runs 2 --jobs 2",
    ),
    Part(
        name="a judged run is killed, and resumed",
        command="scripts/kill_judged_run.py --kills 6 --questions 200",
        short="scripts/kill_judged_run.py --kills 1 --questions 40 --latency 0.02",
    ),
    Part(
        name="two commands share a reply store",
        command="scripts/kill_judged_run.py --together 2 --rounds 2",
        short="scripts/kill_judged_run.py --together 2 --rounds 1 --apart 0",
    ),
    Part(name="damaged input", command="scripts/fuzz.py --n 1500 --jobs 2", short="scripts/fuzz.py --n 60"),
    Part(name="bad media", command="scripts/bad_media.py", short="scripts/bad_media.py --only cut"),
    Part(name="a judge's faults", command=FAULTS, short=FAULTS),
)


def main() -> int:
    """Run the parts, print the table, and return 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="as CI runs it")
    asked = parser.parse_args()
    failed = []
    print("| what | outcome | s | longer by itself: python ... |\n|---|---|---|---|")
    for part in PARTS:
        begun = time.monotonic()
        command = (part.short if asked.short else part.command).split()
        ended = subprocess.run([sys.executable, *command], cwd=PROJECT, capture_output=True, text=True, check=False)
        outcome = "survived" if ended.returncode == 0 else f"FAILED ({ended.returncode})"
        print(f"| {part.name} | {outcome} | {time.monotonic() - begun:.0f} | `{part.command}` |", flush=True)
        if ended.returncode:
            failed.append((part, ended))
    for part, ended in failed:
        print(f"\n{part.name}:\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
