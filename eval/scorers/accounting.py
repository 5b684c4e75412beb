"""From scores to metrics: averages under both accountings, overall and by subset.

What happens to outputs without an answer decides some comparisons, so both conventions are always given:
`upstream` lets them leave the denominator, `strict` counts them as wrong. A sample without an output or without
a verdict leaves the denominator in both, and its effect is bounded: `lower` and `upper` are the values if all of
those had scored nothing, or in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from eval.core import OVERALL, Accounting, Metric, Score

Average = Literal["micro", "macro"]


def averages(scores: Sequence[Score], headline: Average = "micro", name: str = "accuracy") -> list[Metric]:
    """Return the metrics of scores whose values lie between 0 and 1.

    For each accounting: the headline `{name}` over everything; where there are subsets, `{name}_macro` and
    `{name}_micro` and then `{name}` of each subset, in order of first appearance.
    """
    subsets: dict[str, list[Score]] = {}
    for score in scores:
        subsets.setdefault(score.subset, []).append(score)
    metrics: list[Metric] = []
    for accounting in _ACCOUNTINGS:
        micro = _micro(scores, accounting, name, f"{name}_micro", OVERALL)
        if set(subsets) <= {""}:
            metrics.append(replace(micro, name=name))
            continue
        parts = [_micro(part, accounting, name, name, subset) for subset, part in subsets.items()]
        macro = _macro(parts, accounting, f"{name}_macro")
        metrics += [replace(macro if headline == "macro" else micro, name=name), macro, micro, *parts]
    return metrics


_ACCOUNTINGS: tuple[Accounting, ...] = ("upstream", "strict")


def _micro(scores: Sequence[Score], accounting: Accounting, key: str, name: str, subset: str) -> Metric:
    scored = [score for score in scores if score.status == "scored"]
    invalid = [score for score in scores if score.status == "invalid"]
    n_failed = len(scores) - len(scored) - len(invalid)
    counted = scored if accounting == "upstream" else scored + invalid
    total = sum(score.values[key] for score in scored)
    n, n_all = len(counted), len(counted) + n_failed
    chances = [score.chance for score in counted if score.chance is not None]
    return Metric(
        name=name,
        accounting=accounting,
        subset=subset,
        value=total / n if n else None,
        n=n,
        n_invalid=len(invalid),
        n_failed=n_failed,
        average="micro",
        lower=total / n_all if n_all else None,
        upper=(total + n_failed) / n_all if n_all else None,
        chance=sum(chances) / n if n and len(chances) == n else None,
    )


def _macro(parts: Sequence[Metric], accounting: Accounting, name: str) -> Metric:
    """Average over subsets; one in which nothing counts is left out, as upstream does, but not out of the bounds."""
    valued = [part for part in parts if part.value is not None]
    return Metric(
        name=name,
        accounting=accounting,
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
