"""Figures of verdicts against labels: agreement, kappa, offset, and the rates of both errors, with intervals.

Intervals are of 95%, over clusters: those of kappa from the cluster bootstrap, the others from clustered standard
errors. An item without a verdict is counted apart, and enters no figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.analysis.card.items import LABELS_OF, NOT_ENTAILED, Kind
from eval.stats import cluster_bootstrap, clustered_mean, estimate, kappa_of
from eval.stats.kappa import kappas_of

Interval = tuple[float, float] | None
"""Ends of an interval; None where it cannot be computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A human label, or that of an earlier judge, and a verdict on the same item."""

    cluster: str
    """What the item shares with others that depend on it."""
    human: str
    """The label that is taken as right."""
    said: str
    """The verdict."""
    stratum: str = ""
    """The set, where several are put together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share or a difference of shares with its interval."""

    value: float
    interval: Interval
    n: int
    """Number of items that it is a share of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of verdicts against labels."""

    n: int
    """Number of items with a verdict."""
    n_clusters: int
    """Number of their clusters."""
    agreement: float | None
    """Share of items with the same label; None without items."""
    kappa: float | None
    """Cohen's kappa over all labels of the kind; None where it is undefined."""
    kappa_interval: Interval
    offset: Rate | None
    """Share that the verdicts call yes less the share that the labels do."""
    false_yes: Rate | None
    """Share of items labelled no that are called yes: 1 less the specificity."""
    false_no: Rate | None
    """Share of items labelled yes that are called no: 1 less the sensitivity."""
    labels: tuple[str, ...]
    """The labels of rows and columns of `table`."""
    table: tuple[tuple[int, ...], ...]
    """Number of items: a row for each human label, a column for each verdict."""


def figures(pairs: Sequence[Pair], kind: Kind) -> Figures:
    """Return the figures of verdicts on items of one kind."""
    labels, yes = LABELS_OF[kind], LABELS_OF[kind][0]
    tables, strata = _by_cluster(pairs, labels)
    table = tables.sum(axis=0)
    kappa = kappa_of(table) if pairs else None
    spread = None if kappa is None else cluster_bootstrap(tables, kappas_of, strata=strata)
    return Figures(
        n=len(pairs),
        n_clusters=len(strata),
        agreement=float(np.trace(table)) / len(pairs) if pairs else None,
        kappa=kappa,
        kappa_interval=None if spread is None else (spread.low, spread.high),
        offset=_difference(pairs, yes),
        false_yes=share_called(yes, [pair for pair in pairs if pair.human != yes]),
        false_no=share_called(None, [pair for pair in pairs if pair.human == yes], unless=yes),
        labels=labels,
        table=tuple(tuple(int(count) for count in row) for row in table),
    )


def share_called(label: str | None, pairs: Sequence[Pair], *, unless: str | None = None) -> Rate | None:
    """Return the share of verdicts that are a label, or that are not the label `unless`; None without items."""
    if not pairs:
        return None
    hits = [float(pair.said == label if unless is None else pair.said != unless) for pair in pairs]
    found = estimate(hits, [(pair.stratum, pair.cluster) for pair in pairs])
    return Rate(value=found.value, interval=found.of_shares(), n=found.n)


def error_counts(pairs: Sequence[Pair], yes: str) -> list[list[int]]:
    """Return the clusters by what they count, for the errors of a score: see `OnSet.errors` in card.py."""
    found: dict[tuple[str, str], list[int]] = {}
    for pair in pairs:
        counts = found.setdefault((pair.stratum, pair.cluster), [0, 0, 0, 0])
        is_yes = pair.human == yes
        counts[1 if is_yes else 3] += 1
        counts[0 if is_yes else 2] += (pair.said == yes) == is_yes
    times = Counter(tuple(counts) for counts in found.values())
    return [[*counts, n] for counts, n in sorted(times.items())]


def mean_difference(values: Sequence[float], clusters: Sequence[str]) -> Rate | None:
    """Return the mean of differences with Student's interval over clusters; None without any."""
    if not values:
        return None
    found = clustered_mean(values, clusters)
    ends = None if found.low is None or found.high is None else (found.low, found.high)
    return Rate(value=found.mean, interval=ends, n=found.n)


def _difference(pairs: Sequence[Pair], yes: str) -> Rate | None:
    moved = [float(pair.said == yes) - float(pair.human == yes) for pair in pairs]
    return mean_difference(moved, [f"{pair.stratum}\0{pair.cluster}" for pair in pairs])


def _by_cluster(pairs: Sequence[Pair], labels: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Return each cluster's table of labels, (clusters, labels, labels), and its stratum."""
    numbers = {key: i for i, key in enumerate(dict.fromkeys((pair.stratum, pair.cluster) for pair in pairs))}
    tables = np.zeros((len(numbers), len(labels), len(labels)), dtype=np.int64)
    index: Mapping[str, int] = {label: i for i, label in enumerate(labels)}
    for pair in pairs:
        if NOT_ENTAILED in (pair.human, pair.said):
            raise ValueError(f"{NOT_ENTAILED!r} is no label of a table")
        tables[numbers[pair.stratum, pair.cluster], index[pair.human], index[pair.said]] += 1
    return tables, [stratum for stratum, _ in numbers]
