"""From scores to metrics: averages under both accountings, overall and by subset.

What happens to samples without a value decides some comparisons, so both conventions are always given. `upstream`
lets them leave the denominator, as the published numbers have it. `strict` divides by all samples: an output without
an answer, a sample without an output and a judge without a verdict all earn nothing. For the failures among them
`lower` and `upper` bound the value: if all of them had scored nothing, or in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from eval.core import OVERALL, Accounting, Metric, Score

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
    """Return the metrics of one value by name, which lies between 0 and `full`; a score without it has failed.

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
        macro = over_subsets(parts)
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
    """Return the mean of one value by name, which lies between 0 and `full`, over the scores of a subset."""
    valued = [score for score in scores if name in score.values]
    unvalued = [score for score in scores if name not in score.values]
    invalid = [score for score in unvalued if score.status == "invalid"]
    failed = [score for score in unvalued if score.status != "invalid"]
    wrong = [] if accounting == "upstream" else unvalued
    n = len(valued) + len(wrong)
    n_all = n if accounting == "strict" else n + len(failed)
    total = sum(score.values[name] for score in valued)
    chances = [score.chance for score in valued + wrong if score.chance is not None]
    return Metric(
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


def over_subsets(parts: Sequence[Metric]) -> Metric:
    """Return the mean of a metric over subsets; one in which nothing counts is left out, but not of the bounds."""
    valued = [part for part in parts if part.value is not None]
    return Metric(
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


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None where a value is unknown or there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
