"""`tarsier-eval eval`: run a model on benchmarks."""

from __future__ import annotations

import argparse

from eval.running.outcome import is_whole
from eval.running.request import EvalRequest
from eval.running.start import evaluate as run


def evaluate(given: argparse.Namespace) -> bool:
    """Run one model on one or several benchmarks; return whether no sample failed."""
    return all(is_whole(result) for result in run(request_of(given)))


def request_of(given: argparse.Namespace) -> EvalRequest:
    """Return the request that the flags of a command with a model stand for."""
    return EvalRequest(
        bench=given.bench,
        model=given.model,
        data=given.data,
        annotations=given.ann,
        judge=given.judge,
        protocol=given.protocol,
        limit=given.limit,
        out=getattr(given, "out", None),
        overrides=given.overrides,
    )
