"""Clustered errors and intervals against hand calculation, statsmodels and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from eval.stats import clustered_mean, estimate
from eval.stats.clusters import influences, projected_reach, share_interval, steadiness, t_quantile

VALUES = [1, 0, -1, 1, 0, 0, 1, -1, 0, 1, 1, 0]
VIDEOS = list("aaabbccccdde")


def test_clustered_mean_by_hand():
    # Mean 0.5; residuals sum to 1 in `a` and -1 in `b`: sqrt(1 + 1) / 4 * sqrt(2 / 1) = 0.5, and t(1) is 12.706.
    found = clustered_mean([1, 1, 0, 0], ["a", "a", "b", "b"])
    assert (found.mean, found.stderr) == pytest.approx((0.5, 0.5))
    assert (found.low, found.high) == pytest.approx((-5.8531, 6.8531), abs=1e-4)
    assert (found.n, found.n_clusters) == (4, 2)


def test_clustered_mean_as_statsmodels_0_15_has_it():
    # Its OLS on a constant, with cov_type "cluster" and use_t.
    found = clustered_mean(VALUES, VIDEOS)
    assert (found.mean, found.stderr) == pytest.approx((0.25, 0.18922815), abs=1e-8)
    assert (found.low, found.high) == pytest.approx((-0.27538156, 0.77538156), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_clustered_means_equal_statsmodels(seed):
    linear_model = pytest.importorskip("statsmodels.regression.linear_model")
    random = np.random.default_rng(seed)
    clusters = random.integers(40, size=500)
    values = random.integers(2, size=500) + random.normal(size=40)[clusters]
    model = linear_model.OLS(values, np.ones(500)).fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
    found = clustered_mean(values.tolist(), clusters.tolist())
    assert found.stderr == pytest.approx(model.bse[0], abs=1e-10)
    assert [found.low, found.high] == pytest.approx(model.conf_int()[0].tolist(), abs=1e-10)


def test_a_macro_average_over_shared_videos_equals_statsmodels():
    linear_model = pytest.importorskip("statsmodels.regression.linear_model")
    random = np.random.default_rng(3)
    # 30 videos, each with 1 to 4 questions in each of 5 subsets.
    pairs = [(video, part) for video in range(30) for part in range(5) for _ in range(random.integers(1, 5))]
    videos, parts = (np.array(column) for column in zip(*pairs, strict=True))
    values = random.normal(size=30)[videos] + random.normal(size=len(videos)) + parts
    dummies = (parts[:, None] == np.arange(5)).astype(float)
    how = {"groups": videos, "use_correction": False}
    model = linear_model.OLS(values, dummies).fit(cov_type="cluster", cov_kwds=how)
    mean = np.full(5, 1 / 5)
    found = estimate(values.tolist(), videos.tolist(), parts.tolist())
    assert found.value == pytest.approx(mean @ model.params, abs=1e-10)
    assert found.stderr == pytest.approx(math.sqrt(mean @ model.cov_params() @ mean * 30 / 29), abs=1e-10)


def test_videos_of_one_stratum_each_add_variances_with_squared_weights():
    # `x` as above: 0.5. `y`: residuals 0.5 and -0.5, sqrt(0.5) / 2 * sqrt(2) = 0.5. Together sqrt(0.25 + 0.25) / 2.
    found = estimate([1, 1, 0, 0, 1, 0], list("aabbcd"), list("xxxxyy"))
    assert (found.value, found.stderr) == pytest.approx((0.5, math.sqrt(0.5) / 2))
    # Welch and Satterthwaite: two equal variances with one degree of freedom each.
    assert found.df == pytest.approx(2)


def test_what_a_video_has_in_common_over_strata_counts():
    # The same two videos, right and wrong, in both strata: as sure as one stratum alone, not more so.
    assert estimate([1, 0, 1, 0], list("abab"), list("xxyy")).stderr == pytest.approx(0.5)
    # Opposite answers in the two: the mean can't move.
    assert estimate([1, 0, 0, 1], list("abab"), list("xxyy")).stderr == 0


def test_effective_sample_size_by_hand():
    # Sample variance 1/3, of a mean of four independent ones 1/12; clustered 1/4. 4 * (1/12) / (1/4).
    assert estimate([1, 1, 0, 0], list("aabb")).n_effective == pytest.approx(4 / 3)
    assert estimate([1, 0, 0, 1, 1], list("abcde")).n_effective == pytest.approx(5)
    assert estimate([1, 1, 1], list("abc")).n_effective is None


def test_clusters_of_one_have_the_usual_standard_error():
    # Sample variance of 1, 2, 3, 4 is 5/3.
    assert clustered_mean([1, 2, 3, 4], range(4)).stderr == pytest.approx(math.sqrt(5 / 3 / 4))


def test_one_cluster_says_nothing_about_others():
    found = clustered_mean([1, 2], ["a", "a"])
    assert (found.mean, found.stderr, found.low, found.high) == (1.5, None, None, None)
    assert estimate([1, 0, 1], list("abc"), list("xxy")).stderr is None
    assert estimate([1, 0, 1], list("abc"), list("xxy")).of_shares() is None
    with pytest.raises(ValueError, match="0 values"):
        clustered_mean([], [])
    with pytest.raises(ValueError, match="2 values, 1 clusters"):
        estimate([1, 2], ["a"])


def test_rounding_is_no_error():
    assert estimate([0.1] * 7, list("abcdefg")).stderr == 0


@pytest.mark.parametrize("df", [1, 3.7, 9, 10, 30, 799])
def test_t_quantiles_as_scipy_has_them(df):
    assert t_quantile(df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-9)


@pytest.mark.parametrize(("right", "n"), [(0, 20), (1, 20), (10, 20), (197, 200), (200, 200), (3, 4000)])
def test_shares_have_wilsons_interval(right, n):
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    share = right / n
    # So many degrees of freedom that t is normal; independent answers; none varies at the ends, and then n is given.
    low, high = share_interval(share, math.sqrt(share * (1 - share) / n), 1e12, n)
    expected = proportion.proportion_confint(right, n, method="wilson")
    assert (float(low), float(high)) == pytest.approx(expected, abs=1e-8)


def test_all_right_leaves_room_below():
    # Ten videos of two: as if ten answers. Wilson's lower end is 1 / (1 + t^2 / n), t(9) = 2.262157.
    found = estimate([1] * 20, [f"v{i // 2}" for i in range(20)])
    assert found.of_shares() == pytest.approx((1 / (1 + 2.262157**2 / 10), 1), abs=1e-6)
    low, high = estimate([5.0] * 20, [f"v{i // 2}" for i in range(20)]).of_shares(5) or (0, 0)
    assert (low, high) == pytest.approx((5 / (1 + 2.262157**2 / 10), 5), abs=1e-5)


@pytest.mark.parametrize("n_right", range(13))
def test_intervals_stay_within_their_bounds_and_hold_the_value(n_right):
    found = estimate([1] * n_right + [0] * (12 - n_right), [f"v{i // 3}" for i in range(12)])
    low, high = found.of_shares() or (2, 2)
    assert 0 <= low <= found.value <= high <= 1
    assert low < high


def test_students_interval_is_cut_at_bounds():
    # Standard error of 1, 2, 3, 4 is 0.645497, t(3) 3.182446: 2.5 -+ 2.054260.
    found = estimate([1, 2, 3, 4], list("abcd"))
    assert found.within(0, 10) == pytest.approx((0.445740, 4.554260), abs=1e-6)
    assert found.within(1, 4) == (1, 4)
    assert estimate([0, 0, 0], list("abc")).within(0, 10) is None


def test_one_cluster_apart_counts_as_three_and_normal_ones_in_full():
    # Squares 9/16 and three times 1/16 (of four, one apart): sum 3/4, fourth powers 84/256: 3 * 0.5625 / 0.328125.
    assert float(steadiness([0.75, -0.25, -0.25, -0.25])) == pytest.approx(3 * 0.5625 / 0.328125)
    assert float(steadiness([1.0, *[0.0] * 999])) == 3
    normal = np.random.default_rng(0).normal(size=100_000)
    assert float(steadiness(normal)) / len(normal) == pytest.approx(1, abs=0.03)
    assert float(steadiness([0.0, 0.0])) == math.inf


def test_influences_of_many_repetitions_at_once():
    found = influences([[2, 0], [1, 1]], [[2, 2], [2, 2]])
    # The first is the case above: (2 - 0.5 * 2) / 4 * sqrt(2).
    assert found[0].tolist() == pytest.approx([math.sqrt(2) / 4, -math.sqrt(2) / 4])
    assert found[1].tolist() == [0, 0]


def test_a_full_run_is_as_much_surer_as_it_is_larger():
    # Four times as many halve the error; 20 videos become 80: t(79) is 1.990450.
    assert projected_reach(0.02, 100, 20, 400) == pytest.approx(0.01 * 1.990450, abs=1e-7)
    assert projected_reach(0.02, 100, 20, 100) == pytest.approx(0.02 * 2.093024, abs=1e-7)
