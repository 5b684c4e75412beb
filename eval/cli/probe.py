"""`tarsier-eval probe`: what a model's score on a benchmark comes from."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_engine_flag, add_model_flags, model_arguments

HELP = "does a score need motion, any video, or only text? the benchmark with something taken away"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    add_model_flags(parser)
    add_engine_flag(parser)
    parser.add_argument(
        "--probes",
        metavar="NAMES",
        default="all",
        help="all, or some with commas: no-video, one-frame, shuffled, reversed, other-clip, rotated, no-question, "
        "frames-2, frames-4, frames-8, frames-16; frames for the last four",
    )
    parser.add_argument(
        "--margin", type=float, metavar="POINTS", default=10.0, help="a smaller loss counts as none (default: 10)"
    )
    parser.add_argument("--out", metavar="DIR", help="folder of all runs (default: results/probes/<time>-...)")


def run(given: argparse.Namespace) -> bool:
    """Run a model as it is and under probes, and show what differs; return whether no sample failed."""
    from eval.running.probing import probe
    from eval.running.request import EvalRequest

    request = EvalRequest(**model_arguments(given), engine=given.engine, out=given.out, verb="probe")
    return probe(request, given.probes, given.margin).whole
