"""Bootstrap intervals of statistics other than means: source videos are resampled with replacement."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.stats.clusters import LEVEL, numbered

_CELLS = 1 << 22
"""Most draws times groups held at once: 32 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Bootstrap results for a statistic."""

    low: float
    """Lower end of the interval."""
    high: float
    """Upper end."""
    stderr: float
    """Standard deviation of the statistic over draws."""


def cluster_bootstrap(
    sums: ArrayLike,
    statistic: Callable[[NDArray[Any]], NDArray[Any]],
    *,
    strata: Sequence[Hashable] | None = None,
    repetitions: int = 2000,
    seed: int = 0,
) -> Bootstrap | None:
    """Return the percentile interval of a statistic of sums over groups, resampled with replacement.

    Args:
        sums: (groups, ...) the summand of each independent group, a source video.
        statistic: Its values for the sums of many draws, (draws, ...) to (draws,); NaN where it is undefined.
        strata: Each group's part of the benchmark. Parts are fixed by design, so each keeps its number of groups.
        repetitions: Number of draws.
        seed: Seed of the random numbers; the same seed gives the same interval.

    None where there is no interval: a stratum has fewer than two groups, whose spread is unknown, or the statistic is
    undefined in more draws than lie in the tails, which leaves the ends unknown.

    Sources: Efron and Tibshirani, An introduction to the bootstrap (1993), chapter 13; Davison and Hinkley, Bootstrap
    methods and their application (1997), sections 3.2 (strata) and 3.8 (clusters).
    """
    given = np.asarray(sums, dtype=float)
    of = strata if strata is not None else [None] * len(given)
    if len(of) != len(given):
        raise ValueError(f"{len(given)} groups, {len(of)} strata")
    part_of, n_parts = numbered(of)
    if not n_parts or np.bincount(part_of).min() < 2:
        return None
    random = np.random.default_rng(seed)
    drawn = np.zeros((repetitions, *given.shape[1:]))
    for part in range(n_parts):
        drawn += _drawn(given[part_of == part], repetitions, random)
    found = np.asarray(statistic(drawn), dtype=float)
    found = found[~np.isnan(found)]
    if len(found) < LEVEL * repetitions:
        return None
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Bootstrap(low=float(low), high=float(high), stderr=float(found.std(ddof=1)))


def _drawn(sums: NDArray[Any], repetitions: int, random: np.random.Generator) -> NDArray[Any]:
    """Return the sums of as many groups as there are, drawn with replacement, (repetitions, ...)."""
    n = len(sums)
    flat = sums.reshape(n, -1)
    parts = []
    at_once = max(1, _CELLS // n)
    for begin in range(0, repetitions, at_once):
        count = min(at_once, repetitions - begin)
        # Number of draws of each group: sums are then one matrix product.
        cells = random.integers(n, size=(count, n)) + n * np.arange(count)[:, None]
        times = np.bincount(cells.ravel(), minlength=count * n).reshape(count, n)
        parts.append(times.astype(float) @ flat)
    return np.concatenate(parts).reshape(repetitions, *sums.shape[1:])
