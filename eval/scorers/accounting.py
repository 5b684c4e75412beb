"""Turn scores into metrics: averages under both accountings, overall and by subset.

The treatment of samples without a value decides some comparisons, so both conventions are always given. `upstream`
removes them from the denominator, as in the published numbers, except for samples without an output whose marker,
`<error>`, upstream has judged: these have a value. `strict` divides by all samples: an output without an answer, a
sample without an output and a judge without a verdict all score 0. For the failures among them `lower` and `upper`
bound the value: as if all of them had scored 0, or the full score.

These bounds cover failures. `stderr` and `interval` cover how much the value would vary with other videos: answers
about one source video depend on each other, so that the videos are the units that were drawn. The set of counted
samples is taken as given, in `upstream` too, where an invalid answer makes it one sample smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from eval.core import OVERALL, Accounting, Metric, Score
from eval.stats import Estimate, estimate

Average = Literal["micro", "macro"]

ACCOUNTINGS: tuple[Accounting, ...] = ("upstream", "strict")
"""Both conventions, in the order in which metrics are given."""


def averages(
    scores: Sequence[Score],
    headline: Average = "micro",
    name: str = "accuracy",
    *,
    full: float = 1.0,
) -> list[Metric]:
    """Return the metrics of one named value between 0 and `full`; a score without it has failed.

    For each accounting: the headline `{name}` over everything; where there are subsets, `{name}_macro` and
    `{name}_micro` and then `{name}` of each subset, in order of first appearance.
    """
    subsets: dict[str, list[Score]] = {}
    for score in scores:
        subsets.setdefault(score.subset, []).append(score)
    metrics: list[Metric] = []
    for accounting in ACCOUNTINGS:
        whole, *parts = (
            over_samples(part, accounting, name, subset, full=full)
            for subset, part in [(OVERALL, scores), *subsets.items()]
        )
        if set(subsets) <= {""}:
            metrics.append(whole)
            continue
        macro = over_subsets(parts, list(subsets.values()), full=full)
        named = [replace(macro, name=f"{name}_macro"), replace(whole, name=f"{name}_micro")]
        metrics += [macro if headline == "macro" else whole, *named, *parts]
    return metrics


def over_samples(
    scores: Sequence[Score],
    accounting: Accounting,
    name: str,
    subset: str,
    *,
    full: float = 1.0,
) -> Metric:
    """Return the mean of one named value between 0 and `full` over the scores of a subset."""
    valued = [score for score in scores if has_value(score, name, accounting)]
    unvalued = [score for score in scores if not has_value(score, name, accounting)]
    invalid = [score for score in unvalued if score.status == "invalid"]
    failed = [score for score in unvalued if score.status != "invalid"]
    wrong = [] if accounting == "upstream" else unvalued
    n = len(valued) + len(wrong)
    n_all = n if accounting == "strict" else n + len(failed)
    total = sum(score.values[name] for score in valued)
    chances = [score.chance for score in valued + wrong if score.chance is not None]
    metric = Metric(
        name=name,
        accounting=accounting,
        subset=subset,
        value=total / n if n else None,
        n=n,
        n_invalid=len(invalid),
        n_failed=len(failed),
        average="micro",
        lower=total / n_all if n_all else None,
        upper=(total + full * len(failed)) / n_all if n_all else None,
        chance=sum(chances) / n if n and len(chances) == n else None,
    )
    return metric if not n else with_shares(metric, estimate_over([valued + wrong], name, accounting), full)


def has_value(score: Score, name: str, accounting: Accounting) -> bool:
    """Whether a score counts by its value; in `strict` the judge's opinion of upstream's `<error>` does not."""
    return name in score.values and (accounting == "upstream" or score.status != "model_failed")


def over_subsets(parts: Sequence[Metric], groups: Sequence[Sequence[Score]], *, full: float = 1.0) -> Metric:
    """Return the mean of a metric over subsets; a subset without counted samples only affects the bounds.

    Args:
        parts: The metric of each subset.
        groups: The scores of each, in the same order. Subsets are fixed by the benchmark's design; a video may be in
            several of them.
        full: The maximum value of a sample.
    """
    valued = [part for part in parts if part.value is not None]
    metric = Metric(
        name=parts[0].name,
        accounting=parts[0].accounting,
        subset=OVERALL,
        value=_mean([part.value for part in valued]),
        n=sum(part.n for part in parts),
        n_invalid=sum(part.n_invalid for part in parts),
        n_failed=sum(part.n_failed for part in parts),
        average="macro",
        lower=_mean([part.lower for part in parts if part.lower is not None]),
        upper=_mean([part.upper for part in parts if part.upper is not None]),
        chance=_mean([part.chance for part in valued]),
    )
    name, accounting = metric.name, metric.accounting
    counted = [[score for score in group if accounting == "strict" or name in score.values] for group in groups]
    found = [group for group in counted if group]
    return with_shares(metric, estimate_over(found, name, accounting), full) if valued else metric


def with_shares(metric: Metric, found: Estimate, full: float) -> Metric:
    """Return a metric with the error of its value, a mean of marks from 0 to `full`."""
    return with_error(metric, found, found.of_shares(full))


def with_error(metric: Metric, found: Estimate, interval: tuple[float, float] | None) -> Metric:
    """Return a metric with the error of its value."""
    return replace(
        metric,
        stderr=found.stderr,
        interval=interval,
        n_clusters=found.n_clusters,
        n_effective=found.n_effective,
    )


def video_of(score: Score) -> str:
    """Return the source video of a score; where none is known, the sample stands for itself."""
    return score.cluster or score.id


def estimate_over(groups: Sequence[Sequence[Score]], name: str, accounting: Accounting) -> Estimate:
    """Return the mean over groups of scores of the means of a value, 0 for a score without it."""
    rows = [
        (score.values[name] if has_value(score, name, accounting) else 0.0, video_of(score), i)
        for i, group in enumerate(groups)
        for score in group
    ]
    values, videos, strata = zip(*rows, strict=True)
    return estimate(values, videos, strata)


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None where a value is unknown or there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
