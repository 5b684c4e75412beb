"""Bootstrap intervals of statistics other than means: source videos are resampled with replacement."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from eval.stats.clusters import LEVEL, numbered, satterthwaite, t_quantile

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
    df: float
    """Degrees of freedom of the standard error, over strata those of Welch and Satterthwaite."""


def cluster_bootstrap(
    sums: ArrayLike,
    statistic: Callable[[NDArray[Any]], NDArray[Any]],
    *,
    strata: Sequence[Hashable] | None = None,
    repetitions: int = 2000,
    seed: int = 0,
) -> Bootstrap | None:
    """Return the interval of a statistic of sums over groups, resampled with replacement.

    It is bias-corrected, accelerated and expanded: percentiles alone lie too low for a statistic such as BLEU, whose
    spread grows with its value, and too close together, since a sample of n groups spreads by sqrt((n - 1) / n) less
    than what it was drawn from, and Student's quantile is above the normal one. results/bench/statistics.md has the
    measured coverage.

    Args:
        sums: (groups, ...) the summand of each independent group, a source video.
        statistic: Its values for the sums of many draws, (draws, ...) to (draws,); NaN where it is undefined.
        strata: Each group's part of the benchmark. Parts are fixed by design, so each keeps its number of groups.
        repetitions: Number of draws.
        seed: Seed of the random numbers; the same seed gives the same interval.

    None where there is no interval: a stratum has fewer than two groups, whose spread is unknown, or the statistic is
    undefined in more draws than lie in the tails, which leaves the ends unknown.

    Sources: Efron and Tibshirani, An introduction to the bootstrap (1993), chapter 14 (BCa); Davison and Hinkley,
    Bootstrap methods and their application (1997), sections 3.2 (strata) and 3.8 (clusters); Hesterberg, What teachers
    should know about the bootstrap, The American Statistician 69 (2015), for the expansion.
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
    whole = float(np.asarray(statistic(given.sum(axis=0)[None]))[0])
    moved = _moved(given, part_of, statistic)
    df = _degrees(moved, part_of)
    low, high = np.quantile(found, _levels(found, whole, moved, sqrt(len(moved) / (len(moved) - n_parts)), df))
    return Bootstrap(low=float(low), high=float(high), stderr=float(found.std(ddof=1)), df=df)


def _levels(found: NDArray[Any], whole: float, moved: NDArray[Any], expansion: float, df: float) -> list[float]:
    """Return the shares of draws below the two ends, from the draws, the value itself, and what each group adds."""
    # Draws differ from the value by rounding where nothing varies.
    tie = 1e-12 * max(1.0, abs(whole))
    below = np.mean(found < whole - tie) + np.mean(np.abs(found - whole) <= tie) / 2
    bias = float(ndtri(np.clip(below, 0.5 / len(found), 1 - 0.5 / len(found))))
    squares = float((moved**2).sum())
    acceleration = float((moved**3).sum()) / (6 * squares**1.5) if squares > tie**2 else 0.0
    reach = expansion * t_quantile(df)
    ends = []
    for side in (bias - reach, bias + reach):
        # The correction holds near the centre: beyond its pole the whole range is taken.
        turned = 1 - acceleration * side
        ends.append(float(ndtr(bias + side / turned)) if turned > 0 else float(side > 0))
    return ends


def _moved(
    sums: NDArray[Any], part_of: NDArray[np.intp], statistic: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[Any]:
    """Return what each group adds to the statistic, (groups,): less its value without it, centred in each stratum."""
    sizes = np.bincount(part_of)
    of_part = np.zeros((len(sizes), *sums.shape[1:]))
    np.add.at(of_part, part_of, sums)
    rest = of_part[part_of] - sums
    # The stratum keeps its number of groups.
    rest = (rest.T * (sizes / (sizes - 1))[part_of]).T
    without = np.asarray(statistic(sums.sum(axis=0) - of_part[part_of] + rest), dtype=float)
    means = np.bincount(part_of, weights=without) / sizes
    moved: NDArray[Any] = means[part_of] - without
    return np.where(np.isfinite(moved), moved, 0)


def _degrees(moved: NDArray[Any], part_of: NDArray[np.intp]) -> float:
    """Return the degrees of freedom of the sum of the strata's variances."""
    variances, degrees = np.bincount(part_of, weights=moved**2), np.bincount(part_of) - 1
    return satterthwaite(variances.tolist(), degrees.tolist())


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
