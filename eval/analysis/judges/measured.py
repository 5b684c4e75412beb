"""Agreement of two judges in numbers: the table of their labels with its kappa, and the offsets of the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.analysis.judges.opinions import Opinion
from eval.core import MetricTraits, ScorerTraits
from eval.stats import cluster_bootstrap, clustered_mean, kappa_of
from eval.stats.kappa import kappas_of

OpinionPairs = Sequence[tuple[Opinion, Opinion]]
"""The first and the second judge's verdict on each sample that both have judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTable:
    """Cross table of two judges' labels of the same items."""

    labels: tuple[str, ...]
    """The labels of rows and columns."""
    counts: tuple[tuple[int, ...], ...]
    """Number of items: one row for each label of the first judge, one column for each label of the second."""
    n: int
    """Number of items."""
    share: float | None
    """Share of items with the same label from both judges, 0 to 1; None without items."""
    kappa: float | None
    """Cohen's kappa; None where a judge gave one label only."""
    low: float | None
    """Lower end of kappa's 95% interval, over source videos; None where it cannot be computed."""
    high: float | None
    """Upper end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """Difference of a metric between two judges, on the samples that both have judged."""

    name: str
    """The metric's name, as in results."""
    first: float
    """Value by the first judge, unscaled."""
    second: float
    """Value by the second judge."""
    offset: float
    """Second minus first."""
    low: float | None
    """Lower end of the offset's 95% interval, over source videos; None where it cannot be computed."""
    high: float | None
    """Upper end."""


def _videos(pairs: OpinionPairs) -> tuple[NDArray[np.intp], list[str]]:
    """Return the index of each pair's source video, and the source of each video, in index order."""
    sources = {first.cluster: first.subset for first, _ in pairs}
    numbers = {video: number for number, video in enumerate(sources)}
    return np.array([numbers[first.cluster] for first, _ in pairs], dtype=np.intp), list(sources.values())


def label_table(pairs: OpinionPairs, traits: ScorerTraits) -> LabelTable:
    """Return the cross table of two judges' labels; both must have the same items for each sample.

    Args:
        pairs: Both judges' verdicts on each sample.
        traits: Those of the scorer; where its metrics are means over sources, the bootstrap draws within them.
    """
    assert traits.judged is not None, "opinions are a judge's"
    labels = traits.judged.labels
    numbers, sources = _videos(pairs)
    by_video = np.zeros((len(sources), len(labels), len(labels)), dtype=int)
    for number, (first, second) in zip(numbers, pairs, strict=True):
        for one, two in zip(_said(first, traits), _said(second, traits), strict=True):
            by_video[number, labels.index(one), labels.index(two)] += 1
    counts = by_video.sum(axis=0)
    n, kappa = int(counts.sum()), kappa_of(counts)
    strata = sources if traits.subsets == "macro" else None
    interval = None if kappa is None else cluster_bootstrap(by_video, kappas_of, strata=strata)
    return LabelTable(
        labels=tuple(labels),
        counts=tuple(tuple(int(count) for count in row) for row in counts),
        n=n,
        share=int(np.trace(counts)) / n if n else None,
        kappa=kappa,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )


def offsets_of(pairs: OpinionPairs, traits: ScorerTraits) -> tuple[Offset, ...]:
    """Return the offset of each metric that the judge's values decide, over samples or over sources, as in results."""
    assert traits.judged is not None, "opinions are a judge's"
    judged = [metric for metric in traits.metrics if set(metric.values) <= set(traits.judged.values)]
    is_plain = traits.subsets != "macro"
    return tuple(
        _sample_offset(pairs, metric)
        if is_plain and metric.statistic is None
        else _source_offset(pairs, metric, traits)
        for metric in judged
    )


def _sample_offset(pairs: OpinionPairs, metric: MetricTraits) -> Offset:
    """Return the offset of a mean over samples."""
    ones, twos = ([pair[side].values[metric.name] for pair in pairs] for side in (0, 1))
    moved = clustered_mean([two - one for one, two in zip(ones, twos, strict=True)], [one.cluster for one, _ in pairs])
    first, second = sum(ones) / len(pairs), sum(twos) / len(pairs)
    return Offset(name=metric.name, first=first, second=second, offset=moved.mean, low=moved.low, high=moved.high)


def _source_offset(pairs: OpinionPairs, metric: MetricTraits, traits: ScorerTraits) -> Offset:
    """Return the offset of a metric whose parts are means over sources.

    Each description weighs 1 / (number of sources * descriptions in its source), so that the mean over sources is a sum
    over videos, also when videos are drawn within sources.
    """
    numbers, strata = _videos(pairs)
    of = [first.subset if traits.subsets == "macro" else "" for first, _ in pairs]
    weights = np.array([1 / (len(set(of)) * of.count(source)) for source in of])
    # videos x judges x parts
    shares = np.zeros((len(strata), 2, len(metric.values)))
    rows = np.array([[[one.values[name] for name in metric.values] for one in pair] for pair in pairs])
    np.add.at(shares, numbers, rows * weights[:, None, None])

    def value(means: NDArray[np.float64]) -> NDArray[np.float64]:
        return means[..., 0] if metric.statistic is None else metric.statistic(means)

    first, second = (float(value(shares[:, side].sum(axis=0))) for side in (0, 1))
    within = strata if traits.subsets == "macro" else None
    spread = cluster_bootstrap(shares, lambda totals: value(totals[:, 1]) - value(totals[:, 0]), strata=within)
    low, high = (spread.low, spread.high) if spread else (None, None)
    return Offset(name=metric.name, first=first, second=second, offset=second - first, low=low, high=high)


def _said(opinion: Opinion, traits: ScorerTraits) -> tuple[str, ...]:
    """Return the judge's labels of a sample's items: the label of each, or the grade."""
    assert traits.judged is not None, "opinions are a judge's"
    if traits.judged.items:
        return tuple(label for _, label in opinion.labels)
    return (traits.judged.labels[0] if opinion.values[traits.judged.values[0]] else traits.judged.labels[1],)
