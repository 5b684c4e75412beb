"""Agreement of two judges in numbers: the table of their labels with its kappa, and the offsets of the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eval.analysis.judges.opinions import VALUES, Opinion
from eval.scorers.event_table import RENAMED, f1_of
from eval.stats import cluster_bootstrap, clustered_mean, kappa_of
from eval.stats.kappa import kappas_of

GRADES = ("yes", "no")
"""Grades that a judge gives an answer."""

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
    """Cohen's kappa; None where it is undefined."""
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
    sources = {first.cluster: _source(first) for first, _ in pairs}
    numbers = {video: number for number, video in enumerate(sources)}
    return np.array([numbers[first.cluster] for first, _ in pairs], dtype=np.intp), list(sources.values())


def label_table(pairs: OpinionPairs, labels: Sequence[str], *, within_sources: bool) -> LabelTable:
    """Return the cross table of two judges' labels; both must have the same items for each sample.

    Args:
        pairs: Both judges' verdicts on each sample.
        labels: All labels that a judge can give an item.
        within_sources: Whether the bootstrap draws videos within sources.
    """
    numbers, sources = _videos(pairs)
    by_video = np.zeros((len(sources), len(labels), len(labels)), dtype=int)
    for number, (first, second) in zip(numbers, pairs, strict=True):
        for one, two in zip(_said(first), _said(second), strict=True):
            by_video[number, labels.index(one), labels.index(two)] += 1
    counts = by_video.sum(axis=0)
    n, kappa = int(counts.sum()), kappa_of(counts)
    strata = sources if within_sources else None
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


def sample_offsets(pairs: OpinionPairs) -> tuple[Offset, ...]:
    """Return offsets of accuracy and score, which are means over samples."""
    clusters = [first.cluster for first, _ in pairs]
    found = []
    for name in VALUES["open_qa"]:
        ones, twos = ([pair[side].values[name] for pair in pairs] for side in (0, 1))
        moved = clustered_mean([two - one for one, two in zip(ones, twos, strict=True)], clusters)
        first, second = sum(ones) / len(pairs), sum(twos) / len(pairs)
        found.append(Offset(name=name, first=first, second=second, offset=moved.mean, low=moved.low, high=moved.high))
    return tuple(found)


def source_offsets(pairs: OpinionPairs) -> tuple[Offset, ...]:
    """Return offsets of f1, recall and precision as in results: recall and precision are means over sources.

    Each description weighs 1 / (number of sources * descriptions in its source), so that the mean over sources is a sum
    over videos, also when videos are drawn within sources.
    """
    names = VALUES["autodq"]
    numbers, strata = _videos(pairs)
    of = [_source(first) for first, _ in pairs]
    weights = np.array([1 / (len(set(of)) * of.count(source)) for source in of])
    # videos x judges x (recall, precision)
    shares = np.zeros((len(strata), 2, len(names)))
    rows = np.array([[[one.values[name] for name in names] for one in pair] for pair in pairs])
    np.add.at(shares, numbers, rows * weights[:, None, None])

    def moved(name: str, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        first, second = _metric(name, totals[:, 0]), _metric(name, totals[:, 1])
        return second - first

    found = []
    for name in ("f1", *names):
        first, second = (float(_metric(name, shares[:, side].sum(axis=0))) for side in (0, 1))
        spread = cluster_bootstrap(shares, partial(moved, name), strata=strata)
        low, high = (spread.low, spread.high) if spread else (None, None)
        found.append(Offset(name=name, first=first, second=second, offset=second - first, low=low, high=high))
    return tuple(found)


def _metric(name: str, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return f1, recall or precision from means of recall and precision, (..., 2) to (...)."""
    if name != "f1":
        return means[..., VALUES["autodq"].index(name)]
    return f1_of(means)


def _said(opinion: Opinion) -> tuple[str, ...]:
    """Return the judge's labels of a sample's items: the grade, or the label of each event."""
    if "accuracy" in opinion.values:
        return (GRADES[0] if opinion.values["accuracy"] else GRADES[1],)
    return tuple(label for _, label in opinion.labels)


def _source(opinion: Opinion) -> str:
    return RENAMED.get(opinion.subset, opinion.subset)
