"""Rank correlation: values by hand and scipy's, and the interval against a bootstrap that ranks each draw."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from eval.stats import rank_correlation


def test_by_hand_without_and_with_ties():
    # 1 - 6 (1 + 1) / (4 * 15).
    assert rank_correlation([1, 2, 3, 4], [10, 30, 20, 40], "abcd", "ssss")[0] == pytest.approx(0.8)
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: products of the residuals 4.5, squares 4.5 and 5.
    assert rank_correlation([1, 2, 2, 3], [1, 2, 3, 4], "abcd", "ssss")[0] == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


@pytest.mark.parametrize(("x", "y"), [([1, 1, 1], [1, 2, 3]), ([1, 2], [1, 2]), ([], [])])
def test_what_has_no_correlation(x, y):
    assert rank_correlation(x, y, list(range(len(x))), ["s"] * len(x)) == (None, None)


def test_a_source_of_one_video_has_a_value_and_no_interval():
    value, ends = rank_correlation([1, 2, 3], [1, 2, 3], "abc", "sst")
    assert value == pytest.approx(1)
    assert ends is None


def test_the_interval_is_that_of_draws_ranked_anew():
    random = np.random.default_rng(3)
    strata = np.repeat(["s", "t"], 100)
    x = random.integers(0, 20, 200)
    y = (x * 0.2 + random.normal(0, 3, 200)).round()
    value, ends = rank_correlation(x, y, list(range(200)), strata.tolist())
    assert value == pytest.approx(spearmanr(x, y)[0])
    draws = []
    for _ in range(1000):
        rows = np.concatenate([100 * part + random.integers(0, 100, 100) for part in (0, 1)])
        draws.append(spearmanr(x[rows], y[rows])[0])
    assert ends == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.02)


def test_samples_of_one_video_are_drawn_together():
    x, y = [1, 2, 3, 4, 5, 6], [1, 3, 2, 5, 4, 6]
    pairs = rank_correlation(x * 2, y * 2, "abcdef" * 2, "s" * 12)
    single = rank_correlation(x, y, "abcdef", "s" * 6)
    assert pairs[0] == pytest.approx(single[0])
    assert pairs[1] == pytest.approx(single[1])
