"""Paired tests against statsmodels, scipy and hand calculation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from eval.stats.paired import DRAWS, EXACT_UP_TO, FEW, bounds, detectable, exchange_p, holm, mcnemar_p


def column(values):
    return np.array(values, float)[:, None]


def total(sums):
    return sums[:, 0]


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (5, 5), (1, 8), (30, 12), (400, 460)])
def test_mcnemar_as_statsmodels_and_scipy_have_it(first, second):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    expected = tables.mcnemar([[50, first], [second, 20]], exact=True).pvalue if first + second else 1
    assert mcnemar_p(first, second) == pytest.approx(expected, abs=1e-12)
    if first + second:
        assert mcnemar_p(first, second) == pytest.approx(stats.binomtest(first, first + second).pvalue, abs=1e-12)


def test_exchanging_by_hand():
    # Differences 3, 1, 1 and one 0, which doesn't matter: of 8 ways, all up and all down reach 5.
    assert exchange_p(column([0, 0, 0, 7]), column([3, 1, 1, 7]), total) == (2 / 8, True)
    # 3, 1, -1: sums 5, 3, 3, 1 and their negatives; 6 of 8 reach 3.
    assert exchange_p(column([0, 0, 1]), column([3, 1, 0]), total) == (6 / 8, True)
    assert exchange_p(column([1, 2]), column([1, 2]), total) == (1, True)


def test_exchanging_answers_of_videos_of_one_is_mcnemars_test():
    first, second = column([1] * 9 + [0] * 3 + [1] * 20), column([0] * 9 + [1] * 3 + [1] * 20)
    assert exchange_p(first, second, total) == pytest.approx((mcnemar_p(9, 3), 1))


def test_exchanging_as_scipy_has_it():
    random = np.random.default_rng(2)
    one, two = random.normal(size=9), random.normal(0.5, size=9)
    expected = stats.permutation_test(
        (one, two), lambda a, b, axis: b.mean(axis) - a.mean(axis), permutation_type="samples", n_resamples=np.inf,
        vectorized=True,
    )  # fmt: skip
    assert exchange_p(column(one), column(two), total)[0] == pytest.approx(expected.pvalue, abs=1e-12)


def test_a_ratio_is_exchanged_as_scipy_has_it():
    random = np.random.default_rng(6)
    one, two = random.uniform(1, 2, size=(8, 2)), random.uniform(1, 2.5, size=(8, 2))
    rows = np.arange(8)

    def apart(a, b):
        return two_or_one(b).sum(0)[0] / two_or_one(b).sum(0)[1] - two_or_one(a).sum(0)[0] / two_or_one(a).sum(0)[1]

    def two_or_one(which):
        # scipy permutes numbers of rows: below 8 those of the first.
        which = np.asarray(which, int)
        return np.where((which < 8)[:, None], one[which % 8], two[which % 8])

    expected = stats.permutation_test((rows, rows + 8), apart, permutation_type="samples", n_resamples=np.inf)
    found, exact = exchange_p(one, two, lambda sums: sums[:, 0] / sums[:, 1])
    assert exact
    # scipy doubles the smaller tail; the statistic turns its sign when all are exchanged, so that both are alike.
    assert found == pytest.approx(expected.pvalue, abs=1e-12)


def test_many_clusters_are_drawn_from():
    n = 200
    moved = np.array([1] * 60 + [-1] * 40 + [0] * 100)
    p, exact = exchange_p(column(np.zeros(n)), column(moved), total)
    # Binomial: 60 of 100 or more, both ways.
    assert not exact
    assert p == pytest.approx(mcnemar_p(40, 60), abs=4 * math.sqrt(0.057 * 0.943 / DRAWS))
    assert exchange_p(column(np.zeros(n)), column(moved), total) == (p, exact)
    # Never 0.
    assert exchange_p(column(np.zeros(n)), column(np.ones(n)), total)[0] == 1 / (1 + DRAWS)


def test_up_to_so_many_clusters_p_is_exact():
    assert exchange_p(column(np.zeros(EXACT_UP_TO)), column(np.ones(EXACT_UP_TO)), total) == (2 / 2**EXACT_UP_TO, True)
    assert not exchange_p(column(np.zeros(EXACT_UP_TO + 1)), column(np.ones(EXACT_UP_TO + 1)), total)[1]


@pytest.mark.parametrize(("n", "points"), [(500, 5.6), (1000, 4.0), (4000, 2.0)])
def test_with_a_fifth_discordant_so_much_is_detectable(n, points):
    # (1.959964 + 0.841621) * sqrt(0.2 / n), near 0.
    assert 100 * detectable(math.sqrt(0.2 / n), 1e9) == pytest.approx(points, abs=0.05)


@pytest.mark.slow
def test_holm_as_statsmodels_has_it():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    # By hand: 4 * 0.01, 3 * 0.02, 2 * 0.03 and not less than before, 0.5.
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    for seed in range(5):
        p_values = np.random.default_rng(seed).uniform(size=12) ** 3
        assert holm(p_values.tolist()) == pytest.approx(multitest.multipletests(p_values, method="holm")[1].tolist())
    assert holm([]) == []


@pytest.mark.parametrize("lost", [0, 1, 2, 5, 12])
def test_bounds_of_few_losses_are_exact_ones_of_poisson_events(lost):
    n = 1000
    moved = np.where(np.arange(n) < lost, -1 / n, 0)
    low, high = bounds(moved, np.full(n, 1 / n), 0.0, n - 1, 0.95)
    assert -low * n == pytest.approx(stats.chi2.ppf(0.95, 2 * lost + 2) / 2, abs=1e-9)
    # Gains may go unseen as well, of which none gives a bound of ln 20.
    least = stats.chi2.ppf(0.05, 2 * lost) / 2 if lost else 0.0
    assert (high * n + lost) == pytest.approx(math.hypot(lost - least, math.log(20)), abs=1e-9)


def test_bounds_scale_with_the_weights():
    n, full = 400, 5.0
    moved = np.where(np.arange(n) < 3, -1 / n, 0)
    once = bounds(moved, np.full(n, 1 / n), 0.0, n - 1, 0.95)
    assert bounds(full * moved, np.full(n, full / n), 0.0, n - 1, 0.95) == pytest.approx([full * end for end in once])


def test_bounds_of_many_differences_are_students():
    moved = np.where(np.arange(1000) < FEW, -1e-3, 0)
    reach = stats.t.ppf(0.95, 7) * 0.01
    expected = (moved.sum() - reach, moved.sum() + reach)
    assert bounds(moved, np.full(1000, 1e-3), 0.01, 7, 0.95) == pytest.approx(expected)
    # And never tighter than that with few.
    assert bounds(moved[1:], np.full(999, 1e-3), 0.9, 7, 0.95)[0] == pytest.approx(moved[1:].sum() - 90 * reach)
