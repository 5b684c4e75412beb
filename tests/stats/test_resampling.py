"""The bootstrap against binomial quantiles, scipy, and the asymptotic formula of statsmodels."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy import stats

from eval.stats import cluster_bootstrap, kappa_of
from eval.stats.kappa import kappas_of


def ends(found):
    return None if found is None else (found.low, found.high)


def mean_of(n):
    return lambda sums: sums / n


def test_the_bootstrap_finds_binomial_quantiles():
    # The mean of 40 draws from as many zeros as ones is binomial; its standard deviation is sqrt(0.25 / 40). Nothing is
    # skewed, so that the levels are those of Hesterberg's expansion; the draws may miss them by one step of 1/40.
    level = stats.norm.cdf(-math.sqrt(40 / 39) * stats.t.ppf(0.975, 39))
    expected = stats.binom.ppf([level, 1 - level], 40, 0.5) / 40
    found = cluster_bootstrap([0.0] * 20 + [1.0] * 20, mean_of(40))
    assert ends(found) == pytest.approx(tuple(expected), abs=0.0251)
    assert found is not None
    assert found.df == pytest.approx(39)
    assert found.stderr == pytest.approx(0.079057, rel=0.05)
    # Two groups: 0 and 1 have a chance of a quarter each.
    assert ends(cluster_bootstrap([0.0, 1.0], mean_of(2))) == (0, 1)


def test_a_ratio_of_sums_as_scipy_has_it():
    random = np.random.default_rng(4)
    sizes = random.integers(1, 9, size=60).astype(float)
    right = random.binomial(sizes.astype(int), 0.6).astype(float)
    level = stats.norm.cdf(-math.sqrt(60 / 59) * stats.t.ppf(0.975, 59))
    expected = stats.bootstrap(
        (right, sizes), lambda a, b, axis: a.sum(axis) / b.sum(axis), paired=True, vectorized=True, n_resamples=20_000,
        method="BCa", confidence_level=1 - 2 * level, rng=np.random.default_rng(1),
    )  # fmt: skip
    found = cluster_bootstrap(np.stack([right, sizes], 1), lambda sums: sums[:, 0] / sums[:, 1], repetitions=20_000)
    assert ends(found) == pytest.approx(tuple(expected.confidence_interval), abs=0.003)
    assert found is not None
    assert found.stderr == pytest.approx(expected.standard_error, rel=0.03)


def test_the_bootstrap_of_kappa_is_as_wide_as_its_formula():
    counts = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    cells = np.repeat(np.eye(9), counts.ravel(), axis=0).reshape(-1, 3, 3)
    assert kappa_of(cells.sum(axis=0)) == pytest.approx(0.49152542)
    # statsmodels.stats.inter_rater.cohens_kappa: 0.3916 to 0.5915 by the asymptotic formula.
    assert ends(cluster_bootstrap(cells, kappas_of)) == pytest.approx((0.3916, 0.5915), abs=0.01)


def test_strata_keep_their_sizes():
    # Within each stratum all are alike, so that every draw is the same; without strata none is.
    groups = [0.0] * 5 + [1.0] * 5
    assert ends(cluster_bootstrap(groups, mean_of(10), strata=list("aaaaabbbbb"))) == (0.5, 0.5)
    assert ends(cluster_bootstrap(groups, mean_of(10))) != (0.5, 0.5)


def test_a_skewed_statistic_is_corrected_as_scipy_does():
    groups = np.random.default_rng(3).lognormal(sigma=0.8, size=25)
    level = stats.norm.cdf(-math.sqrt(25 / 24) * stats.t.ppf(0.975, 24))
    settings = {"n_resamples": 20_000, "confidence_level": 1 - 2 * level}
    expected, plain = (
        stats.bootstrap((groups,), np.mean, method=method, rng=np.random.default_rng(1), **settings).confidence_interval
        for method in ("BCa", "percentile")
    )
    found = cluster_bootstrap(groups, mean_of(25), repetitions=20_000)
    assert ends(found) == pytest.approx((expected.low, expected.high), rel=0.04)
    assert plain.high < 0.95 * expected.high


def test_degrees_of_freedom_of_strata_are_those_of_welch_and_satterthwaite():
    # Only the first of two strata varies: its own two degrees of freedom are all there are.
    groups = [0.0, 1.0, 2.0, *[5.0] * 30]
    found = cluster_bootstrap(groups, mean_of(33), strata=["a"] * 3 + ["b"] * 30)
    assert found is not None
    assert found.df == pytest.approx(2)


def test_the_same_seed_gives_the_same_interval():
    groups = np.random.default_rng(5).exponential(size=30)
    assert cluster_bootstrap(groups, mean_of(30)) == cluster_bootstrap(groups, mean_of(30), seed=0)
    assert cluster_bootstrap(groups, mean_of(30)) != cluster_bootstrap(groups, mean_of(30), seed=1)


def test_no_interval_where_nothing_can_be_said():
    def positive(sums):
        return np.where(sums > 0, sums, np.nan)

    assert cluster_bootstrap([], mean_of(1)) is None
    assert cluster_bootstrap([1.0], mean_of(1)) is None
    assert cluster_bootstrap([1.0, 2.0, 3.0], mean_of(3), strata=["a", "a", "b"]) is None
    # Undefined in a quarter of the draws, which is more than both tails hold.
    assert cluster_bootstrap([0.0, 1.0], positive) is None
    # Undefined in one draw of 1,024; the level is 0.9%, and binomial quantiles are 1 and 9.
    found = ends(cluster_bootstrap([0.0] * 5 + [1.0] * 5, lambda sums: positive(sums) / 10))
    assert found == pytest.approx((0.1, 0.9), abs=0.03)
    with pytest.raises(ValueError, match="1 groups, 2 strata"):
        cluster_bootstrap([1.0], mean_of(1), strata=["a", "b"])


def test_thousands_of_draws_are_held_in_parts():
    # 3,000 groups, 2,000 draws: six million cells, which are more than are held at once.
    begun = time.process_time()
    found = cluster_bootstrap(np.arange(3000.0), mean_of(3000))
    assert time.process_time() - begun < 5
    assert found is not None
    # Standard deviation of 0 to 2999 is 866.0, of their mean 866.0 / sqrt(3000).
    assert found.stderr == pytest.approx(15.81, rel=0.05)
