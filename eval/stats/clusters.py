"""Means of values that depend on each other within a source video: standard errors, intervals, effective sizes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

LEVEL = 0.95
"""Share of repeated samples that an interval covers."""

_NOTHING = 1e-12
"""Standard errors below this share of full marks count as rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with its interval."""

    mean: float
    """Mean of all values, equally weighted."""
    stderr: float | None
    """Clustered standard error; None with one cluster, which tells nothing about others."""
    low: float | None
    """Lower end of the interval; None as above."""
    high: float | None
    """Upper end of the interval; None as above."""
    n: int
    """Number of values."""
    n_clusters: int
    """Number of their clusters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over samples, or over strata of them, with its error."""

    value: float
    """The mean; with strata, the unweighted mean of their means."""
    stderr: float | None
    """Clustered standard error; None where a stratum has one cluster, which tells nothing about others."""
    df: float
    """Degrees of freedom of the standard error; 0 where there is none."""
    df_of_shares: float
    """The same, where few clusters make up most of the error: see `steadiness`."""
    n: int
    """Number of values."""
    n_clusters: int
    """Number of their clusters."""
    n_effective: float | None
    """Number of independent values that would have the same standard error; None where it cannot be computed."""
    n_cautious: float
    """Least number of independent values: the number of clusters, as if values within a cluster were all equal."""

    def of_shares(self, full: float = 1.0) -> tuple[float, float] | None:
        """Return the interval of a mean of marks from 0 to `full`, where both ends occur; see `share_interval`."""
        if self.stderr is None:
            return None
        low, high = share_interval(self.value / full, self.stderr / full, self.df_of_shares, self.n_cautious)
        return float(low) * full, float(high) * full

    def within(self, low: float, high: float) -> tuple[float, float] | None:
        """Return Student's interval, cut at the value's bounds; None where no variation was observed."""
        if self.stderr is None or self.stderr <= _NOTHING * (high - low):
            return None
        reach = t_quantile(self.df) * self.stderr
        return max(low, self.value - reach), min(high, self.value + reach)


def clustered_mean(values: Sequence[float], clusters: Sequence[Hashable]) -> Interval:
    """Return the mean of values, and its interval where values of one cluster depend on each other.

    The interval takes Student's t with C - 1 degrees of freedom for C clusters: with ten videos the normal quantile
    would be 13% short, and with a thousand both are the same. With few clusters of very different sizes it is still
    somewhat too narrow.

    Sources: see `estimate`. Raises ValueError where there are no values, or not one cluster for each.
    """
    found = estimate(values, clusters)
    reach = None if found.stderr is None else t_quantile(found.df) * found.stderr
    return Interval(
        mean=found.value,
        stderr=found.stderr,
        low=None if reach is None else found.value - reach,
        high=None if reach is None else found.value + reach,
        n=found.n,
        n_clusters=found.n_clusters,
    )


def estimate(
    values: Sequence[float], clusters: Sequence[Hashable], strata: Sequence[Hashable] | None = None
) -> Estimate:
    """Return the mean of values, or the unweighted mean of the means of strata, with its clustered standard error.

    Args:
        values: One a sample.
        clusters: The source video of each; values of one depend on each other.
        strata: The part of the benchmark that each is in: fixed by design, and known in advance. A cluster may be in
            several, as a video of MVBench is that several subtasks ask about.

    Each cluster moves the mean by the sum of its residuals over n (`influences`), in a macro average over S strata by
    1/S of that in each, and the variance is the sum of the squares. Where no cluster is in two strata that is the
    usual stratified variance, the variances of the strata added with squared weights; where one is, what its answers
    in several strata have in common is counted too. Degrees of freedom are C - 1, and over strata those of Welch and
    Satterthwaite, C - 1 at the most where strata share clusters.

    Sources: Liang and Zeger, Longitudinal data analysis using generalized linear models, Biometrika 73 (1986);
    Cameron and Miller, A practitioner's guide to cluster-robust inference, Journal of Human Resources 50 (2015), for
    C / (C - 1) and Student's t; Miller, Adding error bars to evals (arXiv 2411.00640); Kish, Survey sampling (1965),
    for the effective sample size, n times the variance of independent values over that of clustered ones;
    Satterthwaite, An approximate distribution of estimates of variance components, Biometrics Bulletin 2 (1946).

    Raises ValueError where there are no values, or not one cluster and stratum for each.
    """
    of = strata if strata is not None else [None] * len(values)
    if not len(values) or not len(values) == len(clusters) == len(of):
        raise ValueError(f"{len(values)} values, {len(clusters)} clusters, {len(of)} strata")
    data, (cluster_of, n_clusters), (stratum_of, n_strata) = np.asarray(values, float), numbered(clusters), numbered(of)
    inside = [stratum_of == stratum for stratum in range(n_strata)]
    parts = [_Stratum.of(data[rows], cluster_of[rows], n_clusters) for rows in inside]
    degrees = [part.n_clusters - 1 for part in parts]
    found = Estimate(
        value=sum(float(part.values.mean()) for part in parts) / n_strata,
        stderr=None,
        df=0,
        df_of_shares=0,
        n=len(data),
        n_clusters=n_clusters,
        n_effective=None,
        n_cautious=1 / sum(1 / part.n_clusters / n_strata**2 for part in parts),
    )
    if not all(degrees):
        return found
    moves = [influences(part.sums, part.sizes) / n_strata for part in parts]
    moved = sum(moves, np.zeros(n_clusters))
    stderr = float(np.sqrt((moved**2).sum()))
    if stderr <= _NOTHING * max(1.0, float(np.abs(data).max())):
        # Nothing varies but for rounding.
        return replace(found, stderr=0.0, df=float(sum(degrees)), df_of_shares=float(sum(degrees)))
    df = satterthwaite([float((each**2).sum()) for each in moves], degrees)
    if sum(part.n_clusters for part in parts) > n_clusters:
        df = min(df, n_clusters - 1.0)  # strata that share clusters are not as many independent variances
    independent = sum(float(part.values.var(ddof=1)) / len(part.values) / n_strata**2 for part in parts)
    return replace(
        found,
        stderr=stderr,
        df=df,
        df_of_shares=max(1.0, min(df, float(steadiness(moved)))),
        n_effective=len(data) * independent / stderr**2,
    )


@dataclass(frozen=True, slots=True)
class _Stratum:
    """The values of one stratum, with their sums in each cluster of all strata."""

    values: NDArray[Any]
    sums: NDArray[Any]
    """(clusters,) sum of values; 0 where the stratum has none of a cluster."""
    sizes: NDArray[Any]
    """(clusters,) number of values."""

    @classmethod
    def of(cls, values: NDArray[Any], cluster_of: NDArray[np.intp], n_clusters: int) -> _Stratum:
        sums = np.bincount(cluster_of, weights=values, minlength=n_clusters)
        return cls(values, sums, np.bincount(cluster_of, minlength=n_clusters))

    @property
    def n_clusters(self) -> int:
        return int((self.sizes > 0).sum())


def satterthwaite(variances: Sequence[float], degrees: Sequence[int]) -> float:
    """Return the degrees of freedom of a sum of variances, from those of each."""
    pooled = sum(each**2 / df for each, df in zip(variances, degrees, strict=True))
    return sum(variances) ** 2 / pooled if pooled else float(sum(degrees))


def numbered(names: Sequence[Hashable]) -> tuple[NDArray[np.intp], int]:
    """Return the index of each name, by first appearance, and the number of names."""
    index = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.fromiter((index[name] for name in names), np.intp, len(names)), len(index)


def influences(sums: ArrayLike, sizes: ArrayLike) -> NDArray[Any]:
    """Return each cluster's influence on the mean; the root of the sum of their squares is its standard error.

    Args:
        sums: (..., clusters) sum of the values of each cluster.
        sizes: (..., clusters) number of values; at least two clusters have some.

    A cluster's influence is the sum of its residuals over n, times sqrt(C / (C - 1)) for C clusters.
    """
    totals, counts = np.asarray(sums, float), np.asarray(sizes, float)
    n, n_clusters = counts.sum(axis=-1, keepdims=True), (counts > 0).sum(axis=-1, keepdims=True)
    mean = totals.sum(axis=-1, keepdims=True) / n
    moved: NDArray[Any] = (totals - mean * counts) / n * np.sqrt(n_clusters / (n_clusters - 1))
    return moved


def steadiness(moved: ArrayLike) -> NDArray[Any]:
    """Return the effective number of clusters behind a standard error, (..., clusters) influences to (...).

    Three times (sum of squares)^2 over the sum of fourth powers: for normal values, whose kurtosis is 3, the number of
    clusters, and 3 where a single one differs from the others. For means close to 0 or 1, the error comes from the few
    deviating videos and is as uncertain as if there were no others; with the degrees of freedom of all clusters an
    interval would then miss up to three times as often as it should. The rule is ours: the kurtosis decides, as in
    Satterthwaite's degrees of freedom, and results/bench/statistics.md has its measured coverage.
    """
    squares = np.asarray(moved, float) ** 2
    fourth = (squares**2).sum(axis=-1)
    found: NDArray[Any] = 3 * squares.sum(axis=-1) ** 2 / np.where(fourth > 0, fourth, 1)
    return np.where(fourth > 0, found, np.inf)


def share_interval(
    value: ArrayLike, stderr: ArrayLike, df: ArrayLike, n_cautious: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return low and high ends of intervals for shares, from 0 to 1, with known standard errors.

    Wilson's interval, with Student's t in place of the normal quantile, for the number of independent answers that
    would have this standard error, value * (1 - value) / stderr^2. In the middle it is Student's interval; it never
    leaves 0 to 1, and near the ends it is asymmetric, as it should be. Where nothing varies, all right or all wrong,
    the standard error is 0 and tells nothing; then `n_cautious` answers count as independent, one a cluster.

    Measured coverage is in results/bench/statistics.md: right within a point with hundreds of videos; with 20 videos
    and strongly dependent answers, from 93% to 98%.

    Sources: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927); Korn and
    Graubard, Confidence intervals for proportions with small expected number of positive counts estimated from survey
    data, Survey Methodology 24 (1998), for the effective size and t; Dean and Pagano, Evaluating confidence interval
    methods for binomial proportions in clustered surveys, Journal of Survey Statistics and Methodology 3 (2015).
    """
    share, error = np.asarray(value, float), np.asarray(stderr, float)
    varies = error > _NOTHING
    n = np.where(varies, share * (1 - share) / np.where(varies, error, 1) ** 2, n_cautious)
    n = np.where(n > 0, n, n_cautious)
    ratio = np.asarray(stdtrit(df, (1 + LEVEL) / 2)) ** 2 / n
    centre = (share + ratio / 2) / (1 + ratio)
    reach = np.sqrt(ratio * share * (1 - share) + ratio**2 / 4) / (1 + ratio)
    low, high = np.maximum(centre - reach, 0), np.minimum(centre + reach, 1)
    return np.where(share <= 0, 0, low), np.where(share >= 1, 1, high)


def t_quantile(df: float, probability: float = (1 + LEVEL) / 2) -> float:
    """Return a quantile of Student's t; by default half the width of an interval, in standard errors."""
    return float(stdtrit(df, probability))


def projected_reach(stderr: float, n: int, n_clusters: int, n_full: int) -> float:
    """Return the expected half width of the interval of `n_full` samples, estimated from `n` of them.

    Dependence between values, and samples per video, are assumed to be the same in the full set: the standard error
    falls with the root of the size. The full set is itself a sample of all possible videos, so its interval is not a
    point.
    """
    return t_quantile(max(1.0, n_clusters * n_full / n - 1)) * stderr * sqrt(n / n_full)
