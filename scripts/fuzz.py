"""Puts damaged inputs to the command line, and counts what must never happen: tracebacks, hangs, samples lost silently.

    python scripts/fuzz.py --n 5000 [--seed 0] [--jobs 2] [--kind rows] [--case 17] [--report FILE]

Kinds of input: `rows` (annotations of every benchmark, in both formats), `predictions` (both formats), `overrides`
(settings on the command line), `replies` (of a judge, through every form, every tenth through the whole command).
A case is known by kind and number, and is the same each time. A sample is lost silently where a run ends in a result,
and rows of the file are neither in its counts nor counted as left out.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from scripts import fuzz_inputs as inputs  # noqa: E402
from scripts import fuzz_words as words  # noqa: E402

LIMIT, PATIENCE = 20, 300
"""Seconds of this process's time, and seconds by the clock, after which a case counts as a hang.

A case takes a second or less of the first. The second also counts waiting for others, on a busy machine for long.
"""
KINDS = ("rows", "predictions", "overrides", "replies")
RUNS = {
    "rows": inputs.run_rows,
    "predictions": inputs.run_predictions,
    "overrides": words.run_overrides,
    "replies": words.run_replies,
}
SHARES = {"rows": 0.36, "predictions": 0.24, "overrides": 0.16, "replies": 0.24}
"""How many of the cases are of which kind."""


class HangError(BaseException):
    """A case that does not end; no Exception, so that nothing on the way takes it for its own."""


class StopError(BaseException):
    """The time for all cases is over, by SIGTERM; what there is until then is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one case ended."""

    kind: str
    number: int
    ended: str
    """`complete`, `some failed`, `refused`, `interrupted`, or a fault: `traceback`, `hang`, `silent drop`, `odd`."""
    seconds: float
    detail: str = ""


FAULTS = ("traceback", "hang", "silent drop", "odd")
ENDS = {0: "complete", 1: "some failed", 2: "refused", 130: "interrupted"}


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise HangError

    before = {number: signal.signal(number, ring) for number in (signal.SIGALRM, signal.SIGPROF)}
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def command(argv: Sequence[str]) -> tuple[int, str]:
    """Run the command line in this process; return its exit code and what it said on stderr."""
    from eval.__main__ import main

    said = io.StringIO()
    root = logging.getLogger()
    for handler in list(root.handlers):  # the stream of the case before
        root.removeHandler(handler)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            code = main(list(argv))
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    return code, said.getvalue()


def run_case(kind: str, number: int, seed: int, work: Path) -> Outcome:
    """Run one case in a folder of its own, and judge how it ended."""
    folder = work / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = random.Random(f"{seed}/{kind}/{number}")
    began = time.monotonic()
    about = ""
    try:
        with _bounded():
            ended, detail, about = RUNS[kind](rng, folder, number, command)
    except HangError:
        ended, detail = "hang", traceback.format_exc()[-1500:]
    except Exception:  # noqa: BLE001 - counting these is the purpose
        ended, detail = "traceback", traceback.format_exc()[-2500:]
    seconds = time.monotonic() - began
    if isinstance(ended, int):
        ended, detail = _judged(ended, detail)
    return Outcome(kind=kind, number=number, ended=ended, seconds=seconds, detail=f"{about} {detail}".strip())


def _judged(code: int, said: str) -> tuple[str, str]:
    if "Traceback" in said:
        return "traceback", said[-2500:]
    if code not in ENDS:
        return "odd", f"exit code {code}: {said[-500:]}"
    if code == 2:
        lines = [line for line in said.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("tarsier-eval: ")]
        if not errors:
            return "odd", f"refused without a word: {said[-500:]}"
        if not lines[-1].startswith("tarsier-eval: "):
            return "odd", f"an error of several lines: {said[-800:]}"
        if len(lines[-1]) > 3000:
            return "odd", f"an error of {len(lines[-1])} characters: {lines[-1][:400]}"
    return ENDS[code], said[-300:]


def _chunk(task: tuple[str, Sequence[int], int]) -> list[Outcome]:
    kind, numbers, seed = task
    os.environ.update(HF_HUB_OFFLINE="1", COLUMNS="100")
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as name, contextlib.suppress(StopError):
        inputs.prepare()
        outcomes.extend(run_case(kind, number, seed, Path(name)) for number in numbers)
    return outcomes


def fuzz(n: int, seed: int = 0, jobs: int = 1, kinds: Sequence[str] = KINDS) -> list[Outcome]:
    """Run about `n` cases, shared out over the kinds, and return how each ended."""
    total = sum(SHARES[kind] for kind in kinds)
    tasks = []
    for kind in kinds:
        numbers = range(round(n * SHARES[kind] / total))
        step = max(1, -(-len(numbers) // jobs))
        tasks += [(kind, numbers[at : at + step], seed) for at in range(0, len(numbers), step)]
    if jobs == 1:
        return [outcome for task in tasks for outcome in _chunk(task)]
    with ProcessPoolExecutor(jobs) as pool:
        return [outcome for outcomes in pool.map(_chunk, tasks) for outcome in outcomes]


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the counts by kind and outcome."""
    ends = [*ENDS.values(), "read", "not read", *FAULTS]
    lines = ["| kind | cases | " + " | ".join(ends) + " | slowest, s |", "|---" * (len(ends) + 3) + "|"]
    for kind in dict.fromkeys(outcome.kind for outcome in outcomes):
        these = [outcome for outcome in outcomes if outcome.kind == kind]
        counts = collections.Counter(outcome.ended for outcome in these)
        slowest = max(outcome.seconds for outcome in these)
        lines.append(f"| {kind} | {len(these)} | " + " | ".join(str(counts[e]) for e in ends) + f" | {slowest:.1f} |")
    return "\n".join(lines)


def _stop(*_: object) -> None:
    raise StopError


def main() -> int:
    """Run the cases, print the counts, and fail where a fault was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--case", type=int, help="only the case of this number; needs --kind")
    parser.add_argument("--report", type=Path, help="JSON-lines file of the faults")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    if given.case is not None:
        outcomes = _chunk((given.kind or "rows", [given.case], given.seed))
        print(outcomes[0])
    else:
        outcomes = fuzz(given.n, given.seed, given.jobs, [given.kind] if given.kind else KINDS)
    faults = [outcome for outcome in outcomes if outcome.ended in FAULTS]
    if given.report is not None:
        lines = (json.dumps({name: getattr(o, name) for name in o.__slots__}) for o in faults)
        given.report.write_text("\n".join(lines), encoding="utf-8")
    for fault in faults[:20]:
        print(f"{fault.kind} {fault.number}: {fault.ended}: {fault.detail.strip()[-300:]}\n")
    print(table(outcomes))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
