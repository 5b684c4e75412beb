"""Tests whether two systems differ on the same samples, and the smallest detectable difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, gammaincinv

from eval.stats.clusters import t_quantile

EXACT_UP_TO = 13
"""Most differing clusters for which all 2^C ways to swap them are enumerated."""
DRAWS = 10_000
"""Number of random ways drawn otherwise; a p of 0.05 then has a standard error of 0.002."""
POWER = 0.8
"""Probability of finding a difference that counts as detectable."""

FEW = 30
"""Below this number of differing clusters, the normal approximation behind Student's interval fails."""

_CELLS = 1 << 22


def mcnemar_p(n_first: int, n_second: int) -> float:
    """Return the exact two-sided p of McNemar's test, for answers that are right or wrong and independent.

    Args:
        n_first: Samples that only the first system has right.
        n_second: Samples that only the second has right.

    Under the null hypothesis each of these samples is a fair coin flip. Source: McNemar, Note on the sampling error of
    the difference between correlated proportions or percentages, Psychometrika 12 (1947), with the binomial in place of
    its approximation.
    """
    n = n_first + n_second
    return min(1.0, 2 * float(bdtr(min(n_first, n_second), n, 0.5))) if n else 1.0


def exchange_p(
    first: ArrayLike, second: ArrayLike, statistic: Callable[[NDArray[Any]], NDArray[Any]], seed: int = 0
) -> tuple[float, bool]:
    """Return the two-sided p of a difference by swapping the two systems cluster by cluster, and whether it is exact.

    Args:
        first: (clusters, k) each cluster's summand of the first system's sums.
        second: (clusters, k) the same of the second.
        statistic: Values of sums, (draws, k) to (draws,).
        seed: Seed of the random numbers.

    If the systems are equal, their answers about a video can be swapped, so that every swap gives a difference as
    likely as the observed one. All swaps are enumerated where few clusters differ; otherwise DRAWS are drawn, and the
    observed one is counted among them. For a mean, a swap flips the sign of a cluster's sum; with clusters of one
    sample and answers right or wrong, this is McNemar's test.

    Sources: Fisher, The design of experiments (1935), section 21; Phipson and Smyth, Permutation p-values should
    never be zero, Statistical Applications in Genetics and Molecular Biology 9 (2010); for clusters, Canay, Romano and
    Shaikh, Randomization tests under an approximate symmetry assumption, Econometrica 85 (2017).
    """
    one, two = np.asarray(first, float), np.asarray(second, float)
    total, apart = one.sum(axis=0) + two.sum(axis=0), two - one
    seen = _moved(apart.sum(axis=0)[None], total, statistic)[0]
    # Swapping equal values has no effect.
    apart = apart[(apart != 0).any(axis=1)]
    n = len(apart)
    # Equal statistics may differ by rounding.
    least = abs(seen) - 1e-9 * max(abs(seen), 1e-9)
    if n <= EXACT_UP_TO:
        signs = 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
        return float(np.mean(np.abs(_moved(signs @ apart, total, statistic)) >= least)), True
    random = np.random.default_rng(seed)
    at_once, as_large = max(1, _CELLS // n), 0
    for begin in range(0, DRAWS, at_once):
        count = min(at_once, DRAWS - begin)
        bits = np.unpackbits(np.frombuffer(random.bytes((count * n + 7) // 8), np.uint8), count=count * n)
        moved = _moved((1.0 - 2.0 * bits.reshape(count, n)) @ apart, total, statistic)
        as_large += int((np.abs(moved) >= least).sum())
    return (1 + as_large) / (1 + DRAWS), False


def _moved(apart: NDArray[Any], total: NDArray[Any], statistic: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
    """Return second minus first of a statistic, for sums with this difference and this total."""
    return np.asarray(statistic((total + apart) / 2) - statistic((total - apart) / 2))


def bounds(moved: ArrayLike, weights: ArrayLike, stderr: float, df: float, confidence: float) -> tuple[float, float]:
    """Return the lower and the upper bound of a paired difference, each one-sided.

    Args:
        moved: (clusters,) what each cluster adds to the difference.
        weights: (clusters,) the most that each could add or take away.
        stderr: Clustered standard error of the difference.
        df: Its degrees of freedom.
        confidence: Confidence level of each bound.

    Student's bounds; where fewer than FEW clusters differ, the wider of them and of exact ones. With few, the observed
    spread says little: no loss gave a standard error of 0, and one loss a tighter bound than none. The exact ones count
    losing and gaining clusters as weighted Poisson events, whose bounds are gamma quantiles, and add the two up.

    Sources: Tiwari, Clegg and Zou, Efficient interval estimation for age-adjusted cancer rates, Statistical Methods in
    Medical Research 15 (2006), after Fay and Feuer, Statistics in Medicine 16 (1997); Zou and Donner, Construction of
    confidence limits about effect measures, Statistics in Medicine 27 (2008), for the difference.
    """
    each = np.asarray(moved, float)
    difference, reach = float(each.sum()), t_quantile(df, confidence) * stderr
    if np.count_nonzero(each) >= FEW:
        return difference - reach, difference + reach
    lost, least_lost, most_lost = _events(-each[each < 0], weights, confidence)
    won, least_won, most_won = _events(each[each > 0], weights, confidence)
    return (
        difference - max(reach, hypot(won - least_won, most_lost - lost)),
        difference + max(reach, hypot(most_won - won, lost - least_lost)),
    )


def _events(sizes: NDArray[Any], weights: ArrayLike, confidence: float) -> tuple[float, float, float]:
    """Return the sum of weighted Poisson events with its bounds; `weights` are those of the possible events."""
    total, squares, possible = float(sizes.sum()), float((sizes**2).sum()), np.asarray(weights, float)
    least = 0.0
    if total:
        least = squares / total * float(gammaincinv(total**2 / squares, 1 - confidence))
    total_next, squares_next = total + float(possible.mean()), squares + float((possible**2).mean())
    most = squares_next / total_next * float(gammaincinv(total_next**2 / squares_next, confidence))
    return total, least, most


def detectable(stderr: float, df: float) -> float:
    """Return the smallest true difference that a test at 5% finds with probability POWER, at this precision.

    Source: Bloom, Minimum detectable effects, Evaluation Review 19 (1995).
    """
    return (t_quantile(df) + t_quantile(df, POWER)) * stderr


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values, in their order, adjusted for multiple tests: the chance that any is below 5% by luck is 5%.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
