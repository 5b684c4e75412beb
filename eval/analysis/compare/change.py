"""By how much a metric changes from one system to another, on paired samples: interval, p, and what could be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from eval.core import Accounting
from eval.stats import Bootstrap, Estimate, cluster_bootstrap, estimate
from eval.stats.clusters import numbered, share_interval
from eval.stats.paired import detectable, exchange_p, mcnemar_p

Test = Literal["mcnemar", "exchange", "exchange_drawn"]
"""`mcnemar`: exact, of independent answers. `exchange`: all ways to exchange the systems by video. `exchange_drawn`: of
these, as many as are drawn."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What changes."""

    name: str
    """The metric, as in results."""
    accounting: Accounting
    """How samples without a value count; `upstream` leaves out what either system has no value for."""
    subset: str
    """`overall`, or the subset's own name."""
    average: Literal["micro", "macro"]
    """Over samples, or over subsets."""


@dataclass(frozen=True, kw_only=True)
class Change(Measure):
    """A metric of two systems, on the samples that both are counted in."""

    first: float
    """Of the first system, unscaled."""
    second: float
    """Of the second."""
    difference: float
    """Second minus first."""
    stderr: float | None
    """Clustered standard error of the difference; None where it can't be told."""
    low: float | None
    """Lower end of the difference's 95% interval, over source videos; None where it can't be told."""
    high: float | None
    """Upper end."""
    p: float
    """How likely systems that are alike would differ this much, two-sided."""
    test: Test
    """Where p is from."""
    p_adjusted: float | None
    """p of a subset, adjusted for being one of several (Holm); None where it stands alone."""
    detectable: float | None
    """The smallest true difference that 80% of such comparisons would find at 5%; None where it can't be told, or the
    metric has no room for one."""
    full: float
    """The most that the metric can be; 1 for shares."""
    n: int
    """Paired samples."""
    n_clusters: int
    """Source videos that they are about."""
    n_first: int | None
    """Samples in which the first is better; None where the metric has no value of a sample's own."""
    n_second: int | None
    """Samples in which the second is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What two systems have of each paired sample."""

    first: NDArray[np.float64]
    """(n, k) of the first: its value, or what it adds to the sums of which the metric is a function."""
    second: NDArray[np.float64]
    """(n, k) of the second."""
    clusters: Sequence[str]
    """Source video of each."""
    strata: Sequence[str]
    """The subset of each, where the average is over subsets; else all the same."""


def change_of_mean(measure: Measure, columns: Columns, full: float) -> Change:
    """Return the change of a mean of values from 0 to `full`.

    The interval is that of the mean of differences, which is clustered as a metric's own is. If nothing differs, it
    is as far from 0 as the share of samples that differ may be without any being seen.
    """
    one, two = columns.first[:, 0], columns.second[:, 0]
    moved = two - one
    found = estimate(moved.tolist(), columns.clusters, columns.strata)
    weights = _weights(columns.strata)
    binary = bool(np.isin(np.concatenate([one, two]), (0.0, full)).all())
    n_first, n_second = int((moved < 0).sum()), int((moved > 0).sum())
    test: Test = "mcnemar"
    if binary and found.n_clusters == found.n and len(set(columns.strata)) == 1:
        p = mcnemar_p(n_first, n_second)
    else:
        sums = _by_cluster(columns, weights, within=False)
        p, exact = exchange_p(sums[:, 0], sums[:, 1], lambda totals: totals[:, 0])
        test = "exchange" if exact else "exchange_drawn"
    low, high = _ends(found, moved, full)
    return Change(
        first=float((one * weights).sum()),
        second=float((two * weights).sum()),
        difference=found.value,
        stderr=found.stderr,
        low=low,
        high=high,
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

    The interval is from drawing videos again, within strata, both systems' answers about one staying together.
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
    return Change(
        first=first,
        second=second,
        difference=second - first,
        stderr=spread.stderr if spread else None,
        low=spread.low if spread and known else None,
        high=spread.high if spread and known else None,
        p=p,
        test="exchange" if exact else "exchange_drawn",
        detectable=_detectable(spread.stderr, max(1, len(sums) - n_strata), full) if spread and known else None,
        full=full,
        n=len(columns.clusters),
        n_clusters=len(set(columns.clusters)),
        n_first=None,
        n_second=None,
        p_adjusted=None,
        **asdict(measure),
    )


def _weights(strata: Sequence[str]) -> NDArray[np.float64]:
    """Return what each sample weighs in the mean over strata of their means, (n,), which add up to 1."""
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


def _ends(found: Estimate, moved: NDArray[np.float64], full: float) -> tuple[float | None, float | None]:
    if found.stderr is None:
        return None, None
    if not moved.any():
        reach = float(share_interval(0.0, 0.0, found.df, found.n_cautious)[1]) * full
        return -reach, reach
    return found.within(-full, full) or (None, None)


def _detectable(stderr: float, df: float, full: float) -> float | None:
    """Return what would be seen; None where no two values from 0 to `full` differ so much, as of very few videos."""
    least = detectable(stderr, df)
    return least if least <= full else None
