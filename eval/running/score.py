"""From predictions to a result: scores each sample, aggregates, counts. Needs no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eval.core import (
    COMPLETE_FROM,
    OVERALL,
    Counts,
    Coverage,
    Metric,
    Prediction,
    Result,
    Sample,
    Score,
    Scorer,
    Status,
)
from eval.errors import DataError, media_reason
from eval.readers.submission import is_withheld
from eval.scorers.multiple_choice import read_letter


def count(scores: Sequence[Score]) -> Counts:
    """Return the number of samples with each status."""

    def ended(status: Status) -> int:
        return sum(score.status == status for score in scores)

    return Counts(
        total=len(scores),
        scored=ended("scored"),
        invalid=ended("invalid"),
        model_failed=ended("model_failed"),
        judge_failed=ended("judge_failed"),
    )


def score_id(metric: str, identity: Mapping[str, Any]) -> str:
    """Return the hash of a score's identity. The judge counts by its name as served, not as requested."""
    judge = {key: value for key, value in (identity.get("judge") or {}).items() if key not in ("requested", "note")}
    canonical = json.dumps({"metric": metric, **identity, "judge": judge}, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


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
    """Return the score of each sample, in the order given, and their aggregated result.

    `population` holds all samples of the split, of which `pairs` may be a part. Where the provenance names subsets that
    the part lacks, there is no average over subsets: one over other subsets is another number.
    """
    for sample, _ in pairs:
        refuse_overall(sample)
    withheld = is_withheld(sample for sample, _ in pairs)
    scores = _answers(pairs) if withheld else scorer.score(pairs, population)
    counts = count(scores)
    identity = dict(scorer.describe())
    judge = identity.get("judge")
    protocol = identity.get("protocol")
    ended = counts.total - counts.model_failed - counts.judge_failed
    metrics = () if withheld else tuple(scorer.aggregate(scores))
    if (provenance.get("part") or {}).get("missing"):
        metrics = tuple(_without_value(each) if _is_macro(each) else each for each in metrics)
    result = Result(
        benchmark=benchmark,
        primary=primary,
        model=model,
        judge=judge["name"] if judge else None,
        protocol=protocol["name"] if protocol else None,
        score_id=score_id(primary, identity),
        complete=counts.total > 0 and ended >= COMPLETE_FROM * counts.total,
        counts=counts,
        metrics=metrics,
        coverage=tuple(coverage),
        provenance={**provenance, "scorer": identity},
        diagnoses=scorer.traits.diagnoses(scores, metrics) if metrics and scorer.traits.diagnoses else (),
        clip_notes=_clip_notes([prediction for _, prediction in pairs]),
        media_failed=sum(
            score.status == "model_failed" and media_reason(prediction.error) is not None
            for score, (_, prediction) in zip(scores, pairs, strict=True)
        ),
    )
    return scores, result


def refuse_overall(sample: Sample) -> None:
    """Raise DataError where a subset has the name under which results have all samples."""
    if sample.subset == OVERALL:
        raise DataError(f"{sample.id}: its subset is named {OVERALL!r}, as results name all samples; rename it.")


def _is_macro(metric: Metric) -> bool:
    return metric.average == "macro" and metric.subset == OVERALL


def _without_value(metric: Metric) -> Metric:
    return replace(
        metric, value=None, lower=None, upper=None, chance=None, stderr=None, interval=None, n_effective=None
    )


def _clip_notes(predictions: Sequence[Prediction]) -> dict[str, int] | None:
    """Return the number of clips by what is to know of them; a clip is known by its files."""
    found = {(note, prediction.media or prediction.id) for prediction in predictions for note in prediction.notes}
    return {note: sum(each == note for each, _ in found) for note in sorted({note for note, _ in found})} or None


def _answers(pairs: Sequence[tuple[Sample, Prediction]]) -> list[Score]:
    """Return the answers to a split whose solutions are withheld, as unscored samples: there are no targets."""
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
