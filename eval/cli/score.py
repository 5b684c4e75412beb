"""`tarsier-eval score`: score predictions, without a model."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_data_flag, add_judge_flags, add_settings

HELP = "score a prediction file, without a model"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--pred", metavar="PATH", required=True, help="prediction file, folder of them, or run folder")
    parser.add_argument("--bench", metavar="NAME", help="the benchmark, or mvbench/state_change (default: the run's)")
    add_data_flag(parser)
    add_judge_flags(parser)
    parser.add_argument("--out", metavar="DIR", help="folder for the result")
    add_settings(parser)


def run(given: argparse.Namespace) -> bool:
    """Score a prediction file of upstream's, or of a run; return whether nothing failed and nothing is missing."""
    from eval.running.request import ScoreRequest
    from eval.running.score_file import score

    _, is_complete = score(
        ScoreRequest(
            predictions=given.pred,
            bench=given.bench,
            data=given.data,
            judge=given.judge,
            protocol=given.protocol,
            out=given.out,
            overrides=given.overrides,
        )
    )
    return is_complete
