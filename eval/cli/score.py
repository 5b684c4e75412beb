"""`tarsier-eval score`: score predictions, without a model."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_data_flag, add_judge_flags, add_judged_flags, add_settings

HELP = "score a prediction file, without a model"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument(
        "--pred",
        metavar="PATH",
        required=True,
        help="prediction file, folder of them, or folder of a run or of several",
    )
    parser.add_argument("--bench", metavar="NAME", help="the benchmark, or mvbench/state_change (default: the run's)")
    add_data_flag(parser)
    add_judge_flags(parser)
    add_judged_flags(parser)
    parser.add_argument("--out", metavar="DIR", help="folder for the result")
    add_settings(parser)


def run(given: argparse.Namespace) -> bool:
    """Score predictions, or each run in a folder of several; return whether nothing failed and nothing is missing."""
    from eval.running.request import ScoreRequest
    from eval.running.score_file import score_all

    _, is_complete = score_all(
        ScoreRequest(
            predictions=given.pred,
            bench=given.bench,
            data=given.data,
            judge=given.judge,
            protocol=given.protocol,
            card=given.card,
            repeats=given.repeats,
            out=given.out,
            overrides=given.overrides,
        )
    )
    return is_complete
