"""`tarsier-eval eval`: run a model on benchmarks."""

from __future__ import annotations

import argparse

from eval.cli import plan
from eval.cli.flags import add_engine_flag, add_judged_flags, add_model_flags, model_arguments

HELP = "run a model on benchmarks and score its outputs"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    add_model_flags(parser)
    add_engine_flag(parser)
    add_judged_flags(parser)
    parser.add_argument("--shard", metavar="K/N", help="only part K of N, in a run folder of its own; see merge")
    parser.add_argument("--out", metavar="DIR", help="run folder (default: results/runs/<time>-<model>-<benchmark>)")
    parser.add_argument("--dry-run", action="store_true", help="show the plan of the run, as plan does, and end there")
    plan.add_plan_flags(parser)


def run(given: argparse.Namespace) -> bool:
    """Run one model on one or several benchmarks; return whether no sample failed."""
    if given.dry_run:
        return plan.run(given)
    from eval.errors import ConfigError
    from eval.running.outcome import is_whole
    from eval.running.request import EvalRequest
    from eval.running.start import evaluate

    if unused := [name for name in ("published", "full", "probe") if getattr(given, name)]:
        raise ConfigError(f"--{unused[0]} is of the plan: give it with --dry-run, or to plan.")
    more = {name: getattr(given, name) for name in ("engine", "shard", "card", "repeats", "out")}
    results = evaluate(EvalRequest(**model_arguments(given), **more))
    return all(is_whole(result) for result in results)
