"""How far a judged metric varies by itself: the same predictions, judged several times.

Two estimates of one error. The standard deviation of the judgings' values assumes nothing, and rests on few values. The
standard error from single samples rests on all verdicts, and assumes that those of different calls vary independently:
the variance over judgings of what a sample, or all samples that share a call, add to the metric, summed over these,
where a function of several means, such as F1, is taken as linear around them.

The error by sampling of videos is computed from the values of one judging, which vary by the judge too: it contains the
judge's error, and the two are not to be added.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.core import OVERALL, Metric, MetricTraits, RepeatedValue, Score, ScorerTraits
from eval.scorers.accounting import has_value
from eval.stats.clusters import numbered

_STEP = 1e-6
"""Difference of means over which a statistic's slope is taken."""


def repeated_values(
    judgings: Sequence[Sequence[Score]],
    tables: Sequence[Sequence[Metric]],
    traits: ScorerTraits,
    sharing: Mapping[str, Hashable],
) -> tuple[RepeatedValue, ...]:
    """Return each overall metric that the judge's verdicts decide, over all judgings.

    Args:
        judgings: The scores of each judging, at least two, of the same samples in the same order.
        tables: The metrics of each.
        traits: The scorer's.
        sharing: By sample, what those have in common whose verdicts come from one call; others may be left out.
    """
    judged = set() if traits.judged is None else set(traits.judged.values)
    named = {metric.name: metric for metric in traits.metrics if set(metric.values) <= judged}
    of_each = [{(m.name, m.accounting): m.value for m in table if m.subset == OVERALL} for table in tables]
    found = []
    for metric in tables[0]:
        values = [each.get((metric.name, metric.accounting)) for each in of_each]
        known = [value for value in values if value is not None]
        if metric.subset != OVERALL or metric.name not in named or len(known) < len(values):
            continue
        assert metric.accounting != "tolerant", "a judge's verdicts are read in one way"
        found.append(
            RepeatedValue(
                name=metric.name,
                accounting=metric.accounting,
                subset=OVERALL,
                values=tuple(known),
                mean=fmean(known),
                stdev=stdev(known),
                stderr=_stderr(judgings, metric, named[metric.name], traits, sharing),
            )
        )
    return tuple(found)


def _stderr(
    judgings: Sequence[Sequence[Score]],
    metric: Metric,
    parts: MetricTraits,
    traits: ScorerTraits,
    sharing: Mapping[str, Hashable],
) -> float | None:
    """Return the standard error of one judging, from the variances of single calls; None where it is unknown."""
    if parts.statistic is not None and not parts.of_means:
        return None
    groups: dict[str, list[tuple[Hashable, list[list[float]]]]] = {}
    for judged in zip(*judgings, strict=True):
        valued = [[has_value(score, name, metric.accounting) for name in parts.values] for score in judged]
        if metric.accounting == "strict" or all(map(all, valued)):
            subset = traits.renamed.get(judged[0].subset, judged[0].subset) if metric.average == "macro" else ""
            rows = [
                [score.values[name] if there else 0.0 for name, there in zip(parts.values, each, strict=True)]
                for score, each in zip(judged, valued, strict=True)
            ]
            groups.setdefault(subset, []).append((sharing.get(judged[0].id, (judged[0].id,)), rows))
    if not groups:
        return None
    weights = np.concatenate([np.full(len(group), 1 / len(groups) / len(group)) for group in groups.values()])
    values = np.array([rows for group in groups.values() for _, rows in group])  # (samples, judgings, parts)
    slopes = _slopes(parts, np.einsum("i,ikp->p", weights, values) / values.shape[1])
    call_of, n_calls = numbered([call for group in groups.values() for call, _ in group])
    added = np.zeros((n_calls, values.shape[1]))
    np.add.at(added, call_of, weights[:, None] * (values @ slopes))
    return float(np.sqrt(added.var(axis=1, ddof=1).sum()))


def _slopes(parts: MetricTraits, means: NDArray[Any]) -> NDArray[Any]:
    """Return the slope of a metric in each mean that it is computed from."""
    if parts.statistic is None:
        return np.ones(len(means))
    steps = _STEP * np.eye(len(means))
    found: NDArray[Any] = (parts.statistic(means + steps) - parts.statistic(means - steps)) / (2 * _STEP)
    return found
