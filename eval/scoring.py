"""From predictions to a result: score each sample, aggregate, count. Needs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.core import Counts, Coverage, Prediction, Result, Sample, Score, Scorer, Status
from eval.readers.submission import is_withheld
from eval.scorers.multiple_choice import read_letter


def count(scores: Sequence[Score]) -> Counts:
    """Return how many samples ended how."""

    def ended(status: Status) -> int:
        return sum(score.status == status for score in scores)

    return Counts(
        total=len(scores),
        scored=ended("scored"),
        invalid=ended("invalid"),
        model_failed=ended("model_failed"),
        judge_failed=ended("judge_failed"),
    )


def score_predictions(
    pairs: Sequence[tuple[Sample, Prediction]],
    scorer: Scorer,
    population: Sequence[Sample],
    *,
    benchmark: str,
    primary: str,
    model: str,
    coverage: Sequence[Coverage] = (),
    provenance: Mapping[str, Any],
) -> tuple[list[Score], Result]:
    """Return the score of each sample, in the order given, and the result they add up to.

    `population` holds all samples of the split, of which `pairs` may be a part.
    """
    withheld = is_withheld(sample for sample, _ in pairs)
    scores = _answers(pairs) if withheld else scorer.score(pairs, population)
    counts = count(scores)
    identity = dict(scorer.describe())
    judge = identity.get("judge")
    result = Result(
        benchmark=benchmark,
        primary=primary,
        model=model,
        judge=judge["name"] if judge else None,
        complete=counts.total > 0 and counts.model_failed == 0 and counts.judge_failed == 0,
        counts=counts,
        metrics=() if withheld else tuple(scorer.aggregate(scores)),
        coverage=tuple(coverage),
        provenance={**provenance, "scorer": identity},
    )
    return scores, result


def _answers(pairs: Sequence[tuple[Sample, Prediction]]) -> list[Score]:
    """Return the answers to a split whose solutions are withheld: there is nothing to compare them with."""
    scores = []
    for sample, prediction in pairs:
        answer = None if prediction.output is None else read_letter(prediction.output)
        status: Status = "model_failed" if prediction.output is None else "invalid" if answer is None else "scored"
        scores.append(
            Score(
                id=sample.id,
                subset=sample.subset,
                cluster=sample.cluster,
                status=status,
                answer=answer,
                target="",
                values={},
                reason=prediction.error or "the solution is withheld",
            )
        )
    return scores
