"""Means corrected for a judge's errors: values by hand, and intervals against those of simpler cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.scorers.event_table import f1_of
from eval.stats import clustered_mean, corrected
from eval.stats.corrected import prediction_powered

# 10 clusters of one yes and one no each: sensitivity 9/10, specificity 8/10.
ERRORS = np.array([[int(i != 0), 1, int(i > 1), 1] for i in range(10)])
STRATA = ["a"] * 10


def rogan_gladen(*arguments) -> Any:
    return corrected.rogan_gladen(*arguments)


def informedness_interval(*arguments) -> Any:
    return corrected.informedness_interval(*arguments)


def test_rogan_gladen_by_hand():
    # 50 of 100 called yes: (0.5 + 0.8 - 1) / (0.9 + 0.8 - 1).
    sums = np.array([[[0.01 * (i < 50), 0.01, 0]] for i in range(100)])
    found = rogan_gladen(ERRORS, STRATA, sums, [""] * 100)
    assert found.value == pytest.approx(0.3 / 0.7)
    assert not found.is_clipped
    low, high = found.interval
    assert 0 <= low < 0.3 / 0.7 < high <= 1


def test_values_that_no_judge_gave_are_left_as_they_are():
    # 40 judged, half of them yes, 40 known to be wrong and 20 known to be right.
    rows = [(0.01, 0.01, 0)] * 20 + [(0, 0.01, 0)] * 20 + [(0, 0, 0)] * 40 + [(0, 0, 0.01)] * 20
    found = rogan_gladen(ERRORS, STRATA, np.array([[row] for row in rows]), [""] * 100)
    assert found.value == pytest.approx(0.4 * (0.3 / 0.7) + 0.2)


def test_a_judge_without_errors_leaves_the_mean_and_its_spread():
    perfect = np.array([[1, 1, 1, 1]] * 50)
    sums = np.array([[[0.005 * (i % 3 == 0), 0.005, 0]] for i in range(200)])
    found = rogan_gladen(perfect, ["a"] * 50, sums, [""] * 200)
    assert found.value == pytest.approx(67 / 200)
    plain = clustered_mean([float(i % 3 == 0) for i in range(200)], list(range(200)))
    assert found.interval == pytest.approx((plain.low, plain.high), abs=0.01)


def test_a_larger_card_and_a_better_judge_narrow_the_interval():
    sums = np.array([[[0.001 * (i < 500), 0.001, 0]] for i in range(1000)])

    def width(errors):
        low, high = rogan_gladen(errors, ["a"] * len(errors), sums, [""] * 1000).interval
        return high - low

    assert width(np.tile(ERRORS, (20, 1))) < 0.4 * width(ERRORS)
    assert width(np.array([[1, 1, 1, 1]] * 200)) < width(np.tile(ERRORS, (20, 1)))


def test_what_lies_outside_is_cut():
    # Fewer yes than the false yes alone would give: (0.1 + 0.8 - 1) / 0.7 is below 0.
    few = np.array([[[0.01 * (i < 10), 0.01, 0]] for i in range(100)])
    found = rogan_gladen(ERRORS, STRATA, few, [""] * 100)
    assert (found.value, found.is_clipped, found.interval[0]) == (0, True, 0)


def test_a_statistic_of_two_corrected_means():
    sums = np.array([[[0.01 * (i < 50), 0.01, 0], [0.01 * (i < 70), 0.01, 0]] for i in range(100)])
    recall, precision = 0.3 / 0.7, 0.5 / 0.7
    found = rogan_gladen(ERRORS, STRATA, sums, [""] * 100, f1_of)
    assert found.value == pytest.approx(2 * recall * precision / (recall + precision))


def test_one_cluster_has_no_interval():
    assert rogan_gladen(ERRORS, STRATA, np.array([[[0.5, 1, 0]]]), [""]).interval is None


def test_better_than_chance():
    times = [20] * 10
    low, high = informedness_interval(ERRORS, times, STRATA)
    assert 0.5 < low < 0.7 < high < 0.9
    # Always yes: sensitivity 1, specificity 0.
    assert informedness_interval([[1, 1, 0, 1]], [50], ["a"]) == (0, 0)
    assert informedness_interval([[1, 1, 0, 0]], [50], ["a"]) is None


def test_prediction_powered_by_hand():
    # All: 3 of 6 called yes. Labelled: 0 and 3, whose labels are yes and yes, called yes and no: on average 1/2 more.
    found = prediction_powered([1, 1, 1, 0, 0, 0], "abcdef", [0, 3], [1, 1])
    assert found.value == pytest.approx(1.0)
    found = prediction_powered([1, 1, 1, 0, 0, 0], "abcdef", [0, 3, 4, 5], [1, 1, 0, 0])
    assert found.value == pytest.approx(0.75)


def test_prediction_powered_with_all_labelled_is_the_mean_of_the_labels():
    random = np.random.default_rng(0)
    verdicts, labels = random.integers(0, 2, 60), random.integers(0, 2, 60)
    clusters = [i // 3 for i in range(60)]
    found = prediction_powered(verdicts, clusters, range(60), labels)
    plain = clustered_mean(labels.tolist(), clusters)
    assert found.value == pytest.approx(plain.mean)
    assert found.interval == pytest.approx((plain.low, plain.high))
