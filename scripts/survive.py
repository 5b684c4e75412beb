"""Runs what a run has to survive, and prints a table: kills, damaged input, bad media, judges' faults.

    .venv/bin/python scripts/survive.py [--short]

Each row is a script, which can be run longer by itself; the table has its command. Some eight minutes on two cores.
With `--short` each row is the tests of the same thing, which are part of `make test`, so that CI runs them: a minute.
Ends with 1 where a part failed; its output is then shown.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
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
    tests: str
    """The tests of the same."""


FAULTS = "tests/judges/test_faults.py tests/models/served/test_faults.py"
PARTS = (
    Part(
        name="runs are killed, and resumed",
        command="scripts/kill_runs.py --runs 12 --jobs 2",
        tests="tests/cli/test_killed_runs.py",
    ),
    Part(
        name="a judged run is killed, and resumed",
        command="scripts/kill_judged_run.py --kills 6 --questions 200",
        tests="tests/cli/test_killed_judging.py",
    ),
    Part(
        name="two commands share a reply store",
        command="scripts/kill_judged_run.py --together 2 --rounds 2",
        tests="tests/client/test_claims.py",
    ),
    Part(name="damaged input", command="scripts/fuzz.py --n 1500 --jobs 2", tests="tests/test_fuzz.py"),
    Part(name="bad media", command="scripts/bad_media.py", tests="tests/video/test_bad_media.py"),
    Part(name="a judge's faults", command=f"-m pytest -q {FAULTS}", tests=FAULTS),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, print the table, and return 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the tests of the same, which CI runs")
    asked = parser.parse_args(arguments)
    failed = []
    print("| what | outcome | s | longer by itself: python ... |\n|---|---|---|---|")
    for part in PARTS:
        begun = time.monotonic()
        command = (f"-m pytest -q -n auto --dist worksteal {part.tests}" if asked.short else part.command).split()
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
