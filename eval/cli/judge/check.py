"""`tarsier-eval judge check`: the canary set, put to a judge."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_judge_flags, add_settings

HELP = "put the canary set to a judge: accuracy, injections, replies not read"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    add_judge_flags(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="only N canaries, evenly over their kinds")
    add_settings(parser)


def run(given: argparse.Namespace) -> bool:
    """Show a judge's health; return whether every reply could be read."""
    from eval.running.judge_check import check_judge

    return check_judge(given.judge, given.protocol, given.overrides, limit=given.limit)
