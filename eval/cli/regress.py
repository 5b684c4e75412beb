"""`tarsier-eval regress`: checks that nothing changed on the built-in world, or that a run is within a margin."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Sequence

HELP = "is the built-in subset as the baseline has it, or is a run no worse than another by a margin?"

PASS, FAIL, INCONCLUSIVE = 0, 1, 3
"""Exit codes; 2 means that nothing was compared, as for every command."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.epilog = "exit codes: 0 passed, 1 failed, 2 could not be run, 3 inconclusive (two runs only)."
    parser.add_argument("--renew", action="store_true", help="show what a new baseline changes, and write it")
    parser.add_argument(
        "--baseline", metavar="FILE", help="the baseline (default: results/baselines/tarsier-tiny.jsonl)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes that read clips")
    parser.add_argument("--run", metavar="DIR", help="run or score to judge against another")
    parser.add_argument("--against", metavar="DIR", help="the one that it must not be worse than")
    parser.add_argument("--margin", type=float, metavar="POINTS", help="by how much it may be worse")
    parser.add_argument("--metric", metavar="NAME", help="the metric (default: the benchmark's headline)")
    parser.add_argument("--accept", nargs="+", action="extend", metavar="FIELD", help="differences to put up with")
    parser.add_argument(
        "--junit", metavar="FILE", help="JUnit XML to write as well; an error, if the gate could not be run"
    )
    parser.add_argument("--github", action="store_true", help="print annotations for GitHub (default in its actions)")


def run(given: argparse.Namespace) -> int:
    """Carry out either form of the gate, and return the exit code.

    The JUnit file is written first, so that a crash never leaves an earlier gate's file in place.
    """
    from eval.errors import TarsierEvalError
    from eval.regression.junit import junit_of_error

    _report(given.junit, junit_of_error("The gate was ended before it had a verdict."))
    try:
        return _gate(given)
    except (TarsierEvalError, OSError) as error:
        with contextlib.suppress(TarsierEvalError, OSError):
            _report(given.junit, junit_of_error(str(error)))
        raise


def _gate(given: argparse.Namespace) -> int:
    from eval.errors import ConfigError

    two_runs = given.run or given.against
    if two_runs and (not given.run or not given.against or given.margin is None):
        raise ConfigError("Two runs are compared by --run NEW --against OLD --margin POINTS; give all three.")
    if two_runs and (given.renew or given.baseline or given.workers is not None):
        raise ConfigError("--renew, --baseline and --workers are about the built-in subset; leave them out with --run.")
    if not two_runs and (given.margin is not None or given.metric or given.accept):
        raise ConfigError("--margin, --metric and --accept are about two runs; give --run and --against too.")
    if given.renew and (given.junit or given.github or given.workers is not None):
        flag = "--junit" if given.junit else "--github" if given.github else "--workers"
        raise ConfigError(f"{flag} is about a comparison, and --renew makes none; leave one of them out.")
    if given.renew:
        _renew(given.baseline)
        return PASS
    if two_runs:
        code, junit, notes = _by_margin(given.run, given.against, given.margin, given.metric, given.accept or ())
    else:
        code, junit, notes = _exactly(given.baseline, given.workers)
    _report(given.junit, junit)
    if given.github or os.environ.get("GITHUB_ACTIONS") == "true":
        for line in notes:
            print(line)
    return code


def _renew(baseline: str | None) -> None:
    """Show the changes in a new baseline, and write it."""
    from eval.regression.builtin import Setup, baseline_file, observe_builtin
    from eval.regression.records import as_kept, read, write
    from eval.regression.view import show_renewal
    from eval.report.progress import Working

    path = baseline_file(baseline)
    with Working("Running the built-in subset"):
        now = as_kept(observe_builtin(Setup()))
    show_renewal(read(path) if path.exists() else None, now, path)
    write(path, now)


def _exactly(baseline: str | None, workers: int | None) -> tuple[int, str, Sequence[str]]:
    """Show what changed since a baseline; return the exit code, the JUnit file and the annotations."""
    from eval.regression.builtin import check_builtin
    from eval.regression.junit import junit
    from eval.regression.view import annotated, show_outcome
    from eval.report.progress import Working

    with Working("Running the built-in subset, against the baseline"):
        outcome = check_builtin(baseline, workers)
    show_outcome(outcome)
    return PASS if outcome.passed else FAIL, junit(outcome), list(annotated(outcome))


def _by_margin(
    run: str, against: str, margin: float, metric: str | None, accept: Sequence[str]
) -> tuple[int, str, Sequence[str]]:
    """Show whether a run stays within a margin of another; return the exit code, the JUnit file and the annotations."""
    from eval.analysis.margin import margin_gate
    from eval.api import load
    from eval.regression.junit import junit_of_margin
    from eval.regression.view import annotated_margin, show_margin

    found = margin_gate(load(run), load(against), margin=margin, metric=metric, accept=accept)
    show_margin(found)
    code = {"pass": PASS, "fail": FAIL, "inconclusive": INCONCLUSIVE}[found.decision.verdict]
    note = annotated_margin(found)
    return code, junit_of_margin(found), [note] if note else []


def _report(to: str | None, text: str) -> None:
    from eval.files import absolute, make_folder, write_atomically

    if to:
        path = absolute(to)
        make_folder(path.parent)
        write_atomically(path, text)
