"""Statistics against hand calculation, and against scikit-learn 1.9.1, statsmodels 0.15.0 and scipy 1.17.1."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eval.stats import cluster_bootstrap, clustered_mean, cohens_kappa, kappa_of, t_quantile

VALUES = [1, 0, -1, 1, 0, 0, 1, -1, 0, 1, 1, 0]
VIDEOS = list("aaabbccccdde")


def test_kappa_by_hand():
    # 6 of 10 agree; by chance 0.5 * 0.7 + 0.5 * 0.3 = 0.5 would: (0.6 - 0.5) / (1 - 0.5).
    assert cohens_kappa(["yes"] * 5 + ["no"] * 5, ["yes"] * 4 + ["no"] + ["yes"] * 3 + ["no"] * 2) == pytest.approx(0.2)
    assert cohens_kappa(["yes", "no"], ["yes", "no"]) == 1
    assert cohens_kappa(["yes", "no"], ["no", "yes"]) == -1
    assert cohens_kappa(["yes", "yes", "no", "no"], ["yes", "no", "yes", "no"]) == 0


def test_kappa_as_scikit_learn_has_it():
    first, second = list("eeeennncccen"), list("eenencncceen")
    assert cohens_kappa(first, second) == pytest.approx(0.6170212765957447)
    # statsmodels.stats.inter_rater.cohens_kappa
    assert kappa_of([[88, 14, 18], [10, 40, 10], [2, 6, 12]]) == pytest.approx(0.49152542372881347)


def test_kappa_is_undefined_where_chance_alone_agrees():
    assert cohens_kappa([], []) is None
    assert cohens_kappa(["yes"] * 3, ["yes"] * 3) is None
    # One grader with one label only is no such case.
    assert cohens_kappa(["yes"] * 3, ["yes", "no", "no"]) == 0
    with pytest.raises(ValueError, match="1 labels of one grader, 0 of the other"):
        cohens_kappa(["yes"], [])


def test_clustered_mean_by_hand():
    # Mean 0.5; residuals sum to 1 in `a` and -1 in `b`: sqrt(1 + 1) / 4 * sqrt(2 / 1) = 0.5, and t(1) is 12.706.
    found = clustered_mean([1, 1, 0, 0], ["a", "a", "b", "b"])
    assert (found.mean, found.stderr) == pytest.approx((0.5, 0.5))
    assert (found.low, found.high) == pytest.approx((-5.8531, 6.8531), abs=1e-4)
    assert (found.n, found.n_clusters) == (4, 2)


def test_clustered_mean_as_statsmodels_has_it():
    # Its OLS on a constant, with cov_type "cluster" and use_t.
    found = clustered_mean(VALUES, VIDEOS)
    assert (found.mean, found.stderr) == pytest.approx((0.25, 0.18922815), abs=1e-8)
    assert (found.low, found.high) == pytest.approx((-0.27538156, 0.77538156), abs=1e-6)


def test_clusters_of_one_have_the_usual_standard_error():
    # Sample variance of 1, 2, 3, 4 is 5/3.
    assert clustered_mean([1, 2, 3, 4], range(4)).stderr == pytest.approx(math.sqrt(5 / 3 / 4))


def test_one_cluster_says_nothing_about_others():
    found = clustered_mean([1, 2], ["a", "a"])
    assert (found.mean, found.stderr, found.low, found.high) == (1.5, None, None, None)
    with pytest.raises(ValueError, match="0 values"):
        clustered_mean([], [])


@pytest.mark.parametrize(
    ("df", "quantile"),  # scipy.stats.t.ppf(0.975, df)
    [(1, 12.706205), (9, 2.262157), (10, 2.228139), (30, 2.042272), (799, 1.962937), (10**9, 1.959964)],
)
def test_t_quantiles_as_scipy_has_them(df, quantile):
    assert t_quantile(df) == pytest.approx(quantile, rel=5e-6)


def mean(values):
    return float(np.mean(values))


def test_the_bootstrap_finds_binomial_quantiles():
    # The mean of 40 draws from as many zeros as ones is binomial: scipy.stats.binom.ppf([0.025, 0.975], 40, 0.5) is
    # 14 and 26.
    assert cluster_bootstrap([0.0] * 20 + [1.0] * 20, mean) == pytest.approx((0.35, 0.65))
    # Two groups: 0 and 1 have a chance of a quarter each.
    assert cluster_bootstrap([0.0, 1.0], mean) == (0, 1)


def test_the_bootstrap_of_kappa_is_as_wide_as_its_formula():
    counts = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
    cells = [(i, j) for i in range(3) for j in range(3) for _ in range(counts[i][j])]

    def kappa(drawn):
        table = np.zeros((3, 3))
        np.add.at(table, tuple(np.array(drawn).T), 1)
        return kappa_of(table)

    # statsmodels.stats.inter_rater.cohens_kappa: 0.3916 to 0.5915 by the asymptotic formula.
    assert cluster_bootstrap(cells, kappa) == pytest.approx((0.3916, 0.5915), abs=0.01)


def test_strata_keep_their_sizes():
    # Within each stratum all are alike, so that every draw is the same; without strata none is.
    groups = [0.0] * 5 + [1.0] * 5
    assert cluster_bootstrap(groups, mean, strata=list("aaaaabbbbb")) == (0.5, 0.5)
    assert cluster_bootstrap(groups, mean) != (0.5, 0.5)


def test_the_same_seed_gives_the_same_interval():
    groups = list(np.random.default_rng(5).exponential(size=30))
    assert cluster_bootstrap(groups, mean) == cluster_bootstrap(groups, mean, seed=0)
    assert cluster_bootstrap(groups, mean) != cluster_bootstrap(groups, mean, seed=1)


def test_no_interval_where_nothing_can_be_said():
    assert cluster_bootstrap([], mean) is None
    assert cluster_bootstrap([1.0], mean) is None
    assert cluster_bootstrap([1.0, 2.0, 3.0], mean, strata=["a", "a", "b"]) is None
    # Undefined in a quarter of the draws, which is more than both tails hold.
    assert cluster_bootstrap([0.0, 1.0], lambda drawn: mean(drawn) or None) is None
    # Undefined in one draw of 1,024.
    some = cluster_bootstrap([0.0] * 5 + [1.0] * 5, lambda drawn: mean(drawn) or None)
    assert some == pytest.approx((0.2, 0.8))
    with pytest.raises(ValueError, match="1 groups, 2 strata"):
        cluster_bootstrap([1.0], mean, strata=["a", "b"])
