"""Correlation of ranks, with its interval over clusters."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.stats.clusters import numbered
from eval.stats.resampling import cluster_bootstrap

LEAST = 3
"""Least number of samples: the ranks of two always agree or disagree fully."""


def rank_correlation(
    x: ArrayLike, y: ArrayLike, clusters: Sequence[Hashable], strata: Sequence[Hashable]
) -> tuple[float | None, tuple[float, float] | None]:
    """Return Spearman's rank correlation of two values, and its interval over clusters, drawn within strata.

    Ties share the mean of their ranks, and each draw is ranked anew. None where one of the values is constant, or there
    are too few samples.

    Source: Spearman, The proof and measurement of association between two things, American Journal of Psychology 15
    (1904).
    """
    of_cluster, n_clusters = numbered(list(zip(clusters, strata, strict=True)))
    stratum_of = dict(zip(of_cluster.tolist(), strata, strict=True))
    first, second = (_ranking(np.asarray(values, dtype=float)) for values in (x, y))

    def correlation(times: NDArray[Any]) -> NDArray[Any]:
        """Return the correlation where each cluster counts so many times, (draws, clusters) to (draws,)."""
        weights = times[:, of_cluster]
        total = weights.sum(axis=1, keepdims=True)
        one, two = (
            ranks - (weights * ranks).sum(axis=1, keepdims=True) / total for ranks in (first(weights), second(weights))
        )
        spread = np.sqrt((weights * one**2).sum(axis=1) * (weights * two**2).sum(axis=1))
        found: NDArray[Any] = np.where(spread > 0, (weights * one * two).sum(axis=1), np.nan) / np.where(
            spread > 0, spread, 1
        )
        return found

    if len(of_cluster) < LEAST:
        return None, None
    whole = float(correlation(np.ones((1, n_clusters)))[0])
    if np.isnan(whole):
        return None, None
    spread = cluster_bootstrap(np.eye(n_clusters), correlation, strata=[stratum_of[i] for i in range(n_clusters)])
    return whole, None if spread is None else (spread.low, spread.high)


def _ranking(values: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return a function from the number of times that each value counts, (draws, values), to the values' ranks."""
    order = np.argsort(values, kind="stable")
    _, begins, place = np.unique(values[order], return_index=True, return_inverse=True)
    of_value = np.empty(len(values), dtype=int)
    of_value[order] = place

    def ranks(times: NDArray[Any]) -> NDArray[Any]:
        sums = np.add.reduceat(times[:, order], begins, axis=1)
        middle = np.cumsum(sums, axis=1) - sums / 2
        found: NDArray[Any] = middle[:, of_value]
        return found

    return ranks
