"""Change of a metric from one system to another on paired samples: interval, p, and smallest detectable difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import exp
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from eval.core import Accounting, MetricTraits
from eval.stats import Bootstrap, Estimate, cluster_bootstrap, estimate
from eval.stats.clusters import numbered, t_quantile
from eval.stats.paired import bounds, detectable, exchange_p, mcnemar_p

Test = Literal["mcnemar", "exchange", "exchange_drawn"]
"""`mcnemar`: exact, of independent answers. `exchange`: every way to swap the systems by video.
`exchange_drawn`: a random draw of these ways."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """The metric, accounting, subset and average that a change is of."""

    name: str
    """The metric, as in results."""
    accounting: Accounting
    """Accounting of samples without a value; `upstream` leaves out samples that either system has no value for."""
    subset: str
    """`overall`, or the subset's own name."""
    average: Literal["micro", "macro"]
    """The average: over samples, or over subsets."""


@dataclass(frozen=True, kw_only=True)
class Change(Measure):
    """The change of a metric between two systems, on the samples counted for both."""

    first: float
    """The first system's value, unscaled."""
    second: float
    """The second system's value."""
    difference: float
    """Second minus first."""
    stderr: float | None
    """Clustered standard error of the difference; None where it cannot be computed."""
    df: float | None
    """Degrees of freedom of the standard error; None as above."""
    low: float | None
    """Lower end of the difference's 95% interval, over source videos; None where it cannot be computed."""
    high: float | None
    """Upper end."""
    bounds: tuple[float, float] | None
    """Its one-sided 95% bounds, lower and upper; None where they cannot be computed."""
    p: float
    """Two-sided p: the probability of a difference at least this large between equal systems."""
    test: Test
    """The test that gives p."""
    p_adjusted: float | None
    """p of a subset, adjusted for multiple subsets (Holm); None for a single number."""
    detectable: float | None
    """The smallest true difference that 80% of such comparisons would find at 5%; None where it cannot be computed, or
    is beyond the metric's range."""
    full: float
    """The metric's maximum; 1 for shares."""
    n: int
    """Number of paired samples."""
    n_clusters: int
    """Number of source videos of these samples."""
    n_first: int | None
    """Number of samples in which the first is better; None where the metric has no value for single samples."""
    n_second: int | None
    """Number of samples in which the second is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The values of two systems for each paired sample."""

    first: NDArray[np.float64]
    """(n, k) of the first system: its value, or its summands of the sums that the metric is computed from."""
    second: NDArray[np.float64]
    """(n, k) of the second system."""
    clusters: Sequence[str]
    """Source video of each sample."""
    strata: Sequence[str]
    """The subset of each sample, where the average is over subsets; otherwise all the same."""


def change_of(measure: Measure, metric: MetricTraits, columns: Columns) -> Change:
    """Return the change of a metric, whichever way it is computed from the values of samples."""
    if metric.statistic is None:
        return change_of_mean(measure, columns, metric.best)
    return change_of_sums(measure, columns, metric.statistic, of_means=metric.of_means, full=metric.best)


def loss_p(change: Change, columns: Columns, margin: float, *, of_mean: bool = True) -> float:
    """Return the p of a loss as large as a margin: small where such a loss is ruled out, and 1 where nothing is known.

    It is the level at which the one-sided lower bound of the change reaches minus the margin, so that exact bounds
    count where few videos differ. `of_mean` tells whether the metric is a mean of values; of another one, p is that of
    Student's t, but never below that of a mean in which no video differs.
    """
    if not of_mean:
        if change.stderr is None or change.df is None:
            return 1.0
        unseen = exp(-change.n_clusters * margin / change.full)
        return max(unseen, float(stdtr(change.df, -(change.difference + margin) / change.stderr)))
    found = estimate((columns.second[:, 0] - columns.first[:, 0]).tolist(), columns.clusters, columns.strata)
    sums = _by_cluster(columns, _weights(columns.strata), within=False)
    moved = sums[:, 1, 0] - sums[:, 0, 0]

    def ruled_out(confidence: float) -> bool:
        bounds = _bounds(found, moved, columns, change.full, confidence)
        return bounds is not None and bounds[0] > -margin

    if not ruled_out(0.5):
        return 1.0
    known, unknown = 0.5, 1.0
    for _ in range(40):
        middle = (known + unknown) / 2
        known, unknown = (middle, unknown) if ruled_out(middle) else (known, middle)
    return 1 - known


def change_of_mean(measure: Measure, columns: Columns, full: float) -> Change:
    """Return the change of a mean of values from 0 to `full`.

    The interval is the clustered one of the mean difference, wider where few videos differ: see `paired.bounds`.
    """
    one, two = columns.first[:, 0], columns.second[:, 0]
    moved = two - one
    found = estimate(moved.tolist(), columns.clusters, columns.strata)
    weights = _weights(columns.strata)
    sums = _by_cluster(columns, weights, within=False)
    binary = bool(np.isin(np.concatenate([one, two]), (0.0, full)).all())
    n_first, n_second = int((moved < 0).sum()), int((moved > 0).sum())
    test: Test = "mcnemar"
    if binary and found.n_clusters == found.n and len(set(columns.strata)) == 1:
        p = mcnemar_p(n_first, n_second)
    else:
        p, exact = exchange_p(sums[:, 0], sums[:, 1], lambda totals: totals[:, 0])
        test = "exchange" if exact else "exchange_drawn"
    interval, one_sided = (_bounds(found, sums[:, 1, 0] - sums[:, 0, 0], columns, full, each) for each in (0.975, 0.95))
    low, high = interval or (None, None)
    return Change(
        first=float((one * weights).sum()),
        second=float((two * weights).sum()),
        difference=found.value,
        stderr=found.stderr,
        df=found.df if found.stderr else None,
        low=low,
        high=high,
        bounds=one_sided,
        p=p,
        test=test,
        detectable=_detectable(found.stderr, found.df, full) if found.stderr else None,
        full=full,
        n=found.n,
        n_clusters=found.n_clusters,
        n_first=n_first,
        n_second=n_second,
        p_adjusted=None,
        **asdict(measure),
    )


def change_of_sums(
    measure: Measure,
    columns: Columns,
    statistic: Callable[[NDArray[Any]], NDArray[Any]],
    *,
    of_means: bool,
    full: float = 1.0,
) -> Change:
    """Return the change of a statistic, from 0 to `full`, of means over strata, as F1, or of plain sums, as BLEU.

    The interval is from a bootstrap over videos, within strata, keeping both systems' answers about a video together.
    """
    n_strata = len(set(columns.strata))
    weights = _weights(columns.strata) if of_means else np.ones(len(columns.strata))
    sums = _by_cluster(columns, weights, within=n_strata > 1)
    total = sums.sum(axis=0)
    first, second = (float(np.asarray(statistic(total[side][None]))[0]) for side in (0, 1))
    keys = [*dict.fromkeys(zip(columns.clusters, columns.strata, strict=True))]
    spread: Bootstrap | None = cluster_bootstrap(
        sums,
        lambda drawn: statistic(drawn[:, 1]) - statistic(drawn[:, 0]),
        strata=[stratum for _, stratum in keys] if n_strata > 1 else None,
    )
    whole = _by_cluster(columns, weights, within=False)
    p, exact = exchange_p(whole[:, 0], whole[:, 1], statistic)
    known = spread is not None and spread.stderr > 0
    # Strata that share videos are not as many independent variances.
    df = max(1.0, min(spread.df, len(set(columns.clusters)) - 1)) if spread else 0.0
    reach = t_quantile(df, 0.95) * spread.stderr if spread and known else None
    difference = second - first
    return Change(
        first=first,
        second=second,
        difference=difference,
        stderr=spread.stderr if spread else None,
        df=df if known else None,
        low=spread.low if spread and known else None,
        high=spread.high if spread and known else None,
        bounds=None if reach is None else (max(-full, difference - reach), min(full, difference + reach)),
        p=p,
        test="exchange" if exact else "exchange_drawn",
        detectable=_detectable(spread.stderr, df, full) if spread and known else None,
        full=full,
        n=len(columns.clusters),
        n_clusters=len(set(columns.clusters)),
        n_first=None,
        n_second=None,
        p_adjusted=None,
        **asdict(measure),
    )


def _weights(strata: Sequence[str]) -> NDArray[np.float64]:
    """Return each sample's weight in the mean over strata of their means, (n,), adding up to 1."""
    of, n_strata = numbered(strata)
    weights: NDArray[np.float64] = 1 / (n_strata * np.bincount(of)[of])
    return weights


def _by_cluster(columns: Columns, weights: NDArray[np.float64], *, within: bool) -> NDArray[np.float64]:
    """Return weighted sums, (clusters, systems, k); `within` keeps the parts of a cluster in several strata apart."""
    names = list(zip(columns.clusters, columns.strata, strict=True)) if within else list(columns.clusters)
    of, n = numbered(names)
    sums = np.zeros((n, 2, columns.first.shape[1]))
    np.add.at(sums, of, np.stack([columns.first, columns.second], axis=1) * weights[:, None, None])
    return sums


def _bounds(
    found: Estimate, moved: NDArray[np.float64], columns: Columns, full: float, confidence: float
) -> tuple[float, float] | None:
    if found.stderr is None:
        return None
    of, _ = numbered(columns.clusters)
    weights = np.bincount(of, weights=_weights(columns.strata)) * full
    low, high = bounds(moved, weights, found.stderr, found.df, confidence)
    return max(-full, low), min(full, high)


def _detectable(stderr: float, df: float, full: float) -> float | None:
    """Return the detectable difference; None where it exceeds `full`, as with very few videos."""
    least = detectable(stderr, df)
    return least if least <= full else None
