"""`tarsier-eval score`: score predictions, without a model."""

from __future__ import annotations

import argparse

from eval.running.request import ScoreRequest
from eval.running.score_file import score as run


def score(given: argparse.Namespace) -> bool:
    """Score a prediction file of upstream's, or of a run; return whether nothing failed and nothing is missing."""
    _, is_complete = run(
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
