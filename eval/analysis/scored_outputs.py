"""The outputs that a result was scored from, and what its judge replied: for pages and publications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from eval.config import cards
from eval.core import Prediction, Sample
from eval.errors import DataError
from eval.judges.calls import JudgeReply
from eval.judges.transcript import WhichCall, read_verdicts
from eval.readers.predictions import read_predictions
from eval.runs.folder import VERDICTS
from eval.runs.scored import ScoredRun

JudgeCalls = Sequence[tuple[WhichCall, JudgeReply]]


def scored_outputs(scored: ScoredRun) -> dict[str, tuple[Sample, Prediction]]:
    """Return sample and prediction by id; {} where the very predictions that were scored are no longer at hand."""
    path = scored.scored_from
    card = cards().get(scored.benchmark)
    if path is not None:
        with suppress(DataError):
            pairs = read_predictions(path, scored.benchmark, card.dataset if card else scored.benchmark)
            return {sample.id: (sample, prediction) for sample, prediction in pairs}
    return {}


def judge_calls(scored: ScoredRun) -> Mapping[str, JudgeCalls]:
    """Return the calls to the judge by sample, in order. Raises DataError where the file is damaged."""
    found: dict[str, list[tuple[WhichCall, JudgeReply]]] = {}
    path = scored.folder / VERDICTS
    for which, reply in read_verdicts(path) if path.is_file() else ():
        found.setdefault(which[0], []).append((which, reply))
    return found
