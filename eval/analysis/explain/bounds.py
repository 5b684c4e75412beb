"""Bounds on a number's change from failures, unread answers, missing samples and chance.

All bounds come from the scorer, which computes its value with every failed sample scored as nothing, or in full.
Samples in question are passed to it as failed ones. Bounds overlap with each other and with other ways to score, so
they cannot be added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eval.analysis.explain.parts import Part, could_explain
from eval.analysis.explain.target import Target
from eval.analysis.explain.ways import MetricKey, ScoringVariant, VariantScores, number_of
from eval.core import OVERALL, Metric, Sample, Score
from eval.scorers.traits import metric_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounded:
    """The inputs of the bounds."""

    marked: VariantScores
    """The run's scores."""
    wanted: MetricKey
    """The metric and subset of the number."""
    way: ScoringVariant
    """The number itself, under the accounting `strict`."""
    choices: Mapping[str, str]
    """The run's choices."""
    population: Sequence[Sample] | None
    """All samples of the split; None where they are not available."""
    size: int | None
    """Number of samples in the published split; None where that is not known, or means nothing."""
    target: Target | None
    """The other number."""

    @property
    def gap(self) -> float | None:
        """The gap to explain; None where there is no other number."""
        return None if self.target is None else self.target.value - self.way.value


def bounds(of: Bounded) -> list[Part]:
    """Return the bounded reasons that occur."""
    parts = [_failures(of), _invalid(of), _doubted(of), _missing(of), _sampling(of), _rounding(of)]
    return [part for part in parts if part is not None]


def _failures(of: Bounded) -> Part | None:
    if not of.way.n_failed:
        return None
    low, high = _ends(of, of.marked.scores)
    here = f"{of.way.n_failed} failed"
    note = "An output or a verdict is missing; these are the ends had all been wrong, and all right."
    return _part(of, "failures", here, "all of them scored", low, high, note)


def _invalid(of: Bounded) -> Part | None:
    if not of.way.n_invalid:
        return None
    scores = [
        replace(score, status="model_failed") if score.status == "invalid" else _settled(of, score)
        for score in of.marked.scores
    ]
    low, high = _ends(of, scores)
    note = "These are the ends had another reading of answers found all of them wrong, and all right."
    return _part(of, "unread answers", f"{of.way.n_invalid} invalid", "all of them read", low, high, note)


def _doubted(of: Bounded) -> Part | None:
    count = sum(_is_doubted(score) for score in of.marked.scores)
    if not count:
        return None
    scores = [
        replace(score, status="model_failed", values={}) if _is_doubted(score) else _settled(of, score)
        for score in of.marked.scores
    ]
    low, high = _ends(of, scores)
    note = (
        "They begin with a word, or with no option's letter, and upstream's rule reads the first character. These are "
        "the ends had another reading found all of them wrong, and all right; the accounting tolerant is one such."
    )
    return _part(of, "answers in doubt", f"{count} in doubt", "read otherwise", low, high, note)


def _is_doubted(score: Score) -> bool:
    return bool(score.values) and score.status == "scored" and score.reason is not None


def _missing(of: Bounded) -> Part | None:
    known = {score.id for score in of.marked.scores}
    if of.population is not None and known <= {sample.id for sample in of.population}:
        absent = [sample for sample in of.population if sample.id not in known]
        if not absent:
            return None
        scores = [_settled(of, score) for score in of.marked.scores]
        low, high = _ends(of, [*scores, *(_failed(of, sample) for sample in absent)])
        note = "These are the ends had all that are missing been wrong, and all right."
        return _part(of, "missing samples", f"{len(absent)} missing", f"all {len(of.population)}", low, high, note)
    missing = 0 if of.size is None or of.wanted.subset != OVERALL else of.size - len(known)
    if missing <= 0:
        return None
    here, there = f"{len(known)} samples", f"{of.size} published"
    metric = number_of(of.marked.scorer, of.marked.scores, of.wanted, of.choices)
    traits = None if metric is None else of.marked.scorer.traits.metric(metric.name)
    is_mean = metric is not None and metric.average != "macro" and traits is not None and traits.statistic is None
    if metric is None or traits is None or not is_mean or metric.upper is None:
        note = "Which samples are missing is not known here: give the root of the annotations as --data."
        return _part(of, "missing samples", here, there, None, None, note)
    share = len(known) / (of.size or 1)
    low, high = of.way.value * share, of.way.value * share + traits.best * (1 - share)
    note = "These are the ends had all that are missing been wrong, and all right."
    return _part(of, "missing samples", here, there, low - of.way.value, high - of.way.value, note)


def _sampling(of: Bounded) -> Part | None:
    low, high = of.way.low, of.way.high
    if low is None or high is None:
        return None
    note = "The interval with other source videos; on the same samples with the same outputs it is not a reason."
    return _part(of, "sampling", "95% interval", "other videos", low - of.way.value, high - of.way.value, note)


def _rounding(of: Bounded) -> Part | None:
    if of.target is None:
        return None
    half = of.target.rounding
    return _part(of, "rounding", "not rounded", "as published", -half, half, "Half a unit of the last digit published.")


def _ends(of: Bounded, scores: Sequence[Score]) -> tuple[float | None, float | None]:
    """Return the number's change if the failed ones among these scores had been wrong, and if they had been right."""
    metric: Metric | None = number_of(of.marked.scorer, scores, of.wanted, of.choices)
    if metric is None or metric.lower is None or metric.upper is None:
        return None, None
    if metric_named(metric.name).grouped and scores is not of.marked.scores:
        return None, None  # groups have the values that they had: no change of a sample shows in them
    return metric.lower - of.way.value, metric.upper - of.way.value


def _settled(of: Bounded, score: Score) -> Score:
    """Return a failed score as scored with nothing earned, so that only the samples in question count as failed."""
    if score.status not in ("model_failed", "judge_failed"):
        return score
    if of.marked.scorer.traits.values_failures:
        return replace(score, status="scored", values=dict.fromkeys(score.values, 0.0))
    return replace(score, status="invalid")


def _failed(of: Bounded, sample: Sample) -> Score:
    """Return the score of a sample that was not run: failed."""
    valued = of.marked.scorer.traits.values_failures
    return Score(
        id=sample.id,
        subset=sample.subset,
        cluster=sample.cluster,
        status="model_failed",
        answer=None,
        target="",
        values=dict.fromkeys(of.marked.scores[0].values, 0.0) if valued else {},
    )


def _part(
    of: Bounded, name: str, here: str, there: str, low: float | None, high: float | None, note: str
) -> Part | None:
    if low is not None and high is not None:
        low, high = min(low, 0.0), max(high, 0.0)
    return Part(
        kind="unknown" if low is None else "bounded",
        name=name,
        here=here,
        there=there,
        low=low,
        high=high,
        explains=could_explain(low, high, of.gap),
        note=note,
    )
