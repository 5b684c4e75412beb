"""`tarsier-eval plan`: all that can be said of a run before it begins."""

from __future__ import annotations

import argparse

from eval.cli.flags import (
    add_engine_flag,
    add_json_flag,
    add_model_flags,
    model_arguments,
    refuse_other_json,
    write_to,
)

HELP = "what a run will need and show, before it begins: media, memory, judge, interval"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    add_model_flags(parser)
    add_engine_flag(parser)
    add_plan_flags(parser)
    add_json_flag(parser)


def add_plan_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a plan."""
    parser.add_argument("--published", metavar="ROW", help="row of results/published.csv to compare the settings with")
    parser.add_argument("--full", action="store_true", help="decode a frame of each clip instead of reading headers")
    parser.add_argument("--probe", action="store_true", help="put a few clips to the model to estimate the time")


def run(given: argparse.Namespace) -> bool:
    """Show the plan of a run; return whether all of its benchmarks can be run as it is set, as far as that is known."""
    from dataclasses import asdict, fields

    from eval.analysis.plan.plan import RunPlan
    from eval.analysis.plan.view import show_plan
    from eval.errors import ConfigError
    from eval.files import expanded
    from eval.running.planning import PlanRequest, plan_run
    from eval.running.request import EvalRequest

    dry, to = getattr(given, "dry_run", False), getattr(given, "to", None)
    if to and not expanded(to).parent.is_dir():
        raise ConfigError(f"--to {to}: its folder does not exist.")
    if to:
        refuse_other_json(to, [field.name for field in fields(RunPlan)])
    more = {"engine": given.engine, "repeats": getattr(given, "repeats", None), "verb": "eval" if dry else "plan"}
    request = EvalRequest(**model_arguments(given), **more)
    plan = plan_run(PlanRequest(run=request, published=given.published, full=given.full, probe=given.probe))
    show_plan(plan)
    write_to(to, asdict(plan))
    unfit = any(getattr(one.memory, "problem", "") for one in plan.benchmarks)
    return not plan.unready and not plan.refused and not unfit
