"""How sure a number is, and how well two graders agree: kappa, clustered intervals, the cluster bootstrap.

Questions about one video are not independent, so a sample of questions tells less than its size suggests: videos are
what was drawn, and intervals come from how videos differ. All intervals are of 95%.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

LEVEL = 0.95
"""What part of repeated samples an interval covers."""

_Group = TypeVar("_Group")

_T_QUANTILES = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157)
"""The 97.5% quantile of Student's t with 1 to 9 degrees of freedom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean, and how far it may be off."""

    mean: float
    """Over all values, each counting the same."""
    stderr: float | None
    """Clustered standard error; None with one cluster, from which nothing can be said about others."""
    low: float | None
    """Lower end of the interval; None as above."""
    high: float | None
    """Upper end of the interval; None as above."""
    n: int
    """Values."""
    n_clusters: int
    """Clusters that they are from."""


def cohens_kappa(a: Sequence[str], b: Sequence[str]) -> float | None:
    """Return Cohen's kappa of two graders who labelled the same items, in the same order.

    1 where they always agree, 0 where they agree as often as their shares of labels would by chance, below where
    less often. None where it is undefined: without items, and where both gave every item the same one label, since
    chance alone would agree as well. Raises ValueError where the lengths differ.

    Source: Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20 (1960).
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} labels of one grader, {len(b)} of the other")
    index = {label: i for i, label in enumerate(dict.fromkeys([*a, *b]))}
    table = np.zeros((len(index), len(index)))
    np.add.at(table, ([index[label] for label in a], [index[label] for label in b]), 1)
    return kappa_of(table)


def kappa_of(table: ArrayLike) -> float | None:
    """Return Cohen's kappa, see there, of a square table of counts: a row a label of one grader, a column the other's.

    Counts may have been summed over parts of the items.
    """
    counts = np.asarray(table, dtype=float)
    n = counts.sum()
    chance = float(counts.sum(axis=0) @ counts.sum(axis=1))
    # Whole numbers, so that "always the same label" is found exactly.
    if chance == n * n:
        return None
    return float((n * np.trace(counts) - chance) / (n * n - chance))


def clustered_mean(values: Sequence[float], clusters: Sequence[Hashable]) -> Interval:
    """Return the mean of values, and its interval where values of one cluster depend on each other.

    The standard error is sqrt(sum over clusters of (sum of residuals)^2) / n * sqrt(C / (C - 1)) with C clusters;
    with clusters of one value it is the usual one. The interval takes Student's t with C - 1 degrees of freedom: with
    ten videos the normal quantile would be 13% short, and with a thousand both are the same. With clusters of very
    different sizes and few of them it is still somewhat too narrow.

    Sources: Liang and Zeger, Longitudinal data analysis using generalized linear models, Biometrika 73 (1986);
    Cameron and Miller, A practitioner's guide to cluster-robust inference, Journal of Human Resources 50 (2015),
    for the t distribution and the factor; Miller, Adding error bars to evals (arXiv 2411.00640).

    Raises ValueError where there are no values, or not one cluster for each.
    """
    if not values or len(values) != len(clusters):
        raise ValueError(f"{len(values)} values, {len(clusters)} clusters")
    index = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    data = np.asarray(values, dtype=float)
    mean, n, n_clusters = float(data.mean()), len(data), len(index)
    if n_clusters == 1:
        return Interval(mean=mean, stderr=None, low=None, high=None, n=n, n_clusters=1)
    sums = np.bincount([index[cluster] for cluster in clusters], weights=data - mean)
    stderr = float(np.sqrt((sums**2).sum()) / n) * sqrt(n_clusters / (n_clusters - 1))
    reach = t_quantile(n_clusters - 1) * stderr
    return Interval(mean=mean, stderr=stderr, low=mean - reach, high=mean + reach, n=n, n_clusters=n_clusters)


def t_quantile(df: int) -> float:
    """Return the 97.5% quantile of Student's t: half the width of an interval, in standard errors.

    From 10 degrees of freedom by the expansion in 1/df of Abramowitz and Stegun, Handbook of mathematical functions,
    26.7.5, with all of its terms, which is right to five digits; below, where it is not, from a table.
    """
    if df <= len(_T_QUANTILES):
        return _T_QUANTILES[df - 1]
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / float(df) ** power for power, term in enumerate(terms))


def cluster_bootstrap(
    groups: Sequence[_Group],
    statistic: Callable[[Sequence[_Group]], float | None],
    *,
    strata: Sequence[Hashable] | None = None,
    repetitions: int = 2000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Return the percentile interval of a statistic over groups that are drawn again with replacement.

    Args:
        groups: What is independent: one item a source video, whatever the statistic makes of it.
        statistic: Its value for as many groups as there are; None where it is undefined.
        strata: The part of the benchmark that each group is in. Parts are fixed by design, so that as many groups
            are drawn from each as it has.
        repetitions: How often groups are drawn.
        seed: Where the random numbers start; the same seed gives the same interval.

    None where there is nothing to be said: a stratum has fewer than two groups, whose spread is unknown, or the
    statistic is undefined in more draws than the tails hold that an interval cuts off, which leaves its ends unknown.

    Sources: Efron and Tibshirani, An introduction to the bootstrap (1993), chapter 13; Davison and Hinkley, Bootstrap
    methods and their application (1997), sections 3.2 (strata) and 3.8 (clusters).
    """
    of = strata if strata is not None else [None] * len(groups)
    if len(of) != len(groups):
        raise ValueError(f"{len(groups)} groups, {len(of)} strata")
    members: dict[Hashable, list[int]] = {}
    for i, stratum in enumerate(of):
        members.setdefault(stratum, []).append(i)
    if not members or min(map(len, members.values())) < 2:
        return None
    random = np.random.default_rng(seed)
    parts = [np.asarray(part) for part in members.values()]
    found = []
    for _ in range(repetitions):
        drawn = np.concatenate([part[random.integers(len(part), size=len(part))] for part in parts])
        value = statistic([groups[i] for i in drawn.tolist()])
        if value is not None:
            found.append(value)
    if len(found) < LEVEL * repetitions:
        return None
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
