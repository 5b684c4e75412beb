"""How far two judges agree in figures: the table of what they said with its kappa, and how far the metrics move."""

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
"""What a judge says of an answer."""

Pairs = Sequence[tuple[Opinion, Opinion]]
"""What the first judge and the second made of each sample that both have judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTable:
    """How two judges labelled the same items."""

    labels: tuple[str, ...]
    """What rows and columns stand for."""
    counts: tuple[tuple[int, ...], ...]
    """Items by label: a row for each of the first judge's, a column for each of the second's."""
    n: int
    """Items."""
    share: float | None
    """How many got the same label from both, 0 to 1; None without items."""
    kappa: float | None
    """Cohen's kappa; None where it is undefined."""
    low: float | None
    """Lower end of kappa's 95% interval, over source videos; None where it cannot be told."""
    high: float | None
    """Upper end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """How far a metric moves from the first judge to the second, on the samples that both have judged."""

    name: str
    """The metric, as in results."""
    first: float
    """By the first judge, unscaled."""
    second: float
    """By the second."""
    offset: float
    """Second minus first."""
    low: float | None
    """Lower end of the offset's 95% interval, over source videos; None where it cannot be told."""
    high: float | None
    """Upper end."""


def _videos(pairs: Pairs) -> tuple[NDArray[np.intp], list[str]]:
    """Return the number of each pair's source video, and the source of each video, in order of number."""
    sources = {first.cluster: _source(first) for first, _ in pairs}
    numbers = {video: number for number, video in enumerate(sources)}
    return np.array([numbers[first.cluster] for first, _ in pairs], dtype=np.intp), list(sources.values())


def label_table(pairs: Pairs, labels: Sequence[str], *, within_sources: bool) -> LabelTable:
    """Return how two judges labelled the items of samples, of which both have the same.

    Args:
        pairs: The samples' opinions.
        labels: All that a judge can say of an item.
        within_sources: Whether the interval is of videos that are drawn within sources.
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


def sample_offsets(pairs: Pairs) -> tuple[Offset, ...]:
    """Return offsets of accuracy and score, which are means over samples."""
    clusters = [first.cluster for first, _ in pairs]
    found = []
    for name in VALUES["open_qa"]:
        ones, twos = ([pair[side].values[name] for pair in pairs] for side in (0, 1))
        moved = clustered_mean([two - one for one, two in zip(ones, twos, strict=True)], clusters)
        first, second = sum(ones) / len(pairs), sum(twos) / len(pairs)
        found.append(Offset(name=name, first=first, second=second, offset=moved.mean, low=moved.low, high=moved.high))
    return tuple(found)


def source_offsets(pairs: Pairs) -> tuple[Offset, ...]:
    """Return offsets of f1, recall and precision as results have them: recall and precision are means over sources.

    Each description weighs one over the number of sources and of descriptions in its source, so that the mean over
    sources is a sum over videos, also of those that are drawn within sources.
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
    """Return f1, recall or precision of means of recall and precision, (..., 2) to (...)."""
    if name != "f1":
        return means[..., VALUES["autodq"].index(name)]
    return f1_of(means)


def _said(opinion: Opinion) -> tuple[str, ...]:
    """Return what a judge said of each item of a sample: the grade, or the label of each event."""
    if "accuracy" in opinion.values:
        return (GRADES[0] if opinion.values["accuracy"] else GRADES[1],)
    return tuple(label for _, label in opinion.labels)


def _source(opinion: Opinion) -> str:
    return RENAMED.get(opinion.subset, opinion.subset)
