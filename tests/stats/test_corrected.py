"""Means corrected for a judge's errors: values by hand, and intervals against those of simpler cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.scorers.event_table import f1_of
from eval.stats import corrected, estimate
from eval.stats.clusters import t_quantile
from eval.stats.corrected import refuted, rogan_gladen

# 10 clusters of one yes and one no each: sensitivity 9/10, specificity 8/10.
ERRORS = np.array([[int(i != 0), 1, int(i > 1), 1] for i in range(10)])


def shares(n: int, yes: int, known_no: int = 0, known_yes: int = 0) -> tuple[Any, Any]:
    """Return the sums and the interval of a mean over so many videos."""
    said, total = [1.0] * yes + [0.0] * (n - yes), n + known_no + known_yes
    values = [*said, *[0.0] * known_no, *[1.0] * known_yes]
    return (yes / total, n / total, known_yes / total), estimate(values, list(range(total))).of_shares()


def rates_of(errors: Any, times: Any) -> Any:
    return corrected.rates_of(errors, times)


def prediction_powered(*arguments: Any) -> Any:
    return corrected.prediction_powered(*arguments)


def score(errors: Any, *parts: tuple[Any, Any], statistic: Any = None, own: Any = None) -> Any:
    rates = rates_of(errors, [1] * len(errors))
    sums, ends = zip(*parts, strict=True)
    return rogan_gladen(rates, sums, ends, own or ends[0], statistic)


def width(found: Any) -> Any:
    return found.interval[1] - found.interval[0]


def test_rates_and_their_intervals_by_hand():
    rates = rates_of(ERRORS, [1] * 10)
    assert (rates.sensitivity.value, rates.specificity.value) == (0.9, 0.8)
    assert rates.gain == pytest.approx(0.7)
    # No error in 10 clusters: 10 independent answers, of which Wilson's lower end is n / (n + t^2).
    perfect = rates_of([[1, 1, 1, 1]], [10])
    low = 10 / (10 + t_quantile(9) ** 2)
    assert (perfect.sensitivity.low, perfect.sensitivity.high) == (pytest.approx(low), 1)
    assert perfect.least_gain == pytest.approx(1 - 2**0.5 * (1 - low))
    assert rates_of([[1, 1, 0, 0]], [50]) is None
    assert rates_of([[1, 1, 1, 1]], [1]) is None
    # Always yes: sensitivity 1, specificity 0.
    assert rates_of([[1, 1, 0, 1]], [50]).gain == 0


def test_rogan_gladen_by_hand():
    # 50 of 100 called yes: (0.5 + 0.8 - 1) / (0.9 + 0.8 - 1).
    part = shares(100, 50)
    found = score(ERRORS, part)
    assert found.value == pytest.approx(0.3 / 0.7)
    assert not found.is_clipped
    # Below: fewer yes, a higher sensitivity, a lower specificity, each by itself; the distances as a right triangle's.
    rates = rates_of(ERRORS, [1] * 10)
    yes, no = rates.sensitivity, rates.specificity
    below = [
        (part[1][0] - 0.2) / 0.7,
        0.3 / (yes.high + 0.8 - 1),
        (0.5 + no.low - 1) / (0.9 + no.low - 1),
    ]
    assert found.interval[0] == pytest.approx(max(0, 0.3 / 0.7 - np.linalg.norm(np.array(below) - 0.3 / 0.7)))
    assert found.interval[1] <= 1


def test_values_that_no_judge_gave_are_left_as_they_are():
    # 40 judged, half of them yes, 40 known to be wrong and 20 known to be right.
    assert score(ERRORS, shares(40, 20, 40, 20)).value == pytest.approx(0.4 * (0.3 / 0.7) + 0.2)
    # Nothing judged: the mean and its interval stay.
    part = shares(0, 0, 40, 20)
    found = score(ERRORS, part)
    assert (found.value, found.interval) == (pytest.approx(1 / 3), pytest.approx(part[1]))


def test_no_error_seen_leaves_room_for_some():
    few, many = ([[1, 1, 1, 1]] * n for n in (10, 5000))
    part = shares(200, 67)
    assert score(many, part).value == pytest.approx(67 / 200)
    assert score(many, part).interval == pytest.approx(part[1], abs=0.001)
    assert width(score(few, part)) > 1.5 * width(score(many, part))


@pytest.mark.parametrize("yes", [0, 1, 5, 11, 17, 21, 22])
def test_the_interval_is_never_narrower_than_the_uncorrected_one_over_the_gain(yes):
    part = shares(22, yes)
    raw = part[1][1] - part[1][0]
    for errors, gain in ((ERRORS, 0.7), (np.array([[1, 1, 1, 1]] * 10), 1.0)):
        found = score(errors, part)
        assert width(found) >= min(1, raw / gain) - 1e-12
        assert 0 <= found.interval[0] <= found.value <= found.interval[1] <= 1


def test_a_larger_card_and_a_better_judge_narrow_the_interval():
    part = shares(1000, 500)
    large = width(score(np.tile(ERRORS, (20, 1)), part))
    assert large < 0.4 * width(score(ERRORS, part))
    assert width(score(np.array([[1, 1, 1, 1]] * 200), part)) < large


def test_what_lies_outside_is_cut():
    # Fewer yes than the false yes alone would give: (0.1 + 0.8 - 1) / 0.7 is below 0.
    found = score(ERRORS, shares(100, 10))
    assert (found.value, found.is_clipped, found.interval[0]) == (0, True, 0)


def test_a_statistic_of_two_corrected_means():
    found = score(ERRORS, shares(100, 50), shares(100, 70), statistic=f1_of)
    recall, precision = 0.3 / 0.7, 0.5 / 0.7
    assert found.value == pytest.approx(2 * recall * precision / (recall + precision))
    assert not found.is_clipped
    # A precision above 1 is cut, and F1 says so.
    assert score(ERRORS, shares(100, 50), shares(100, 95), statistic=f1_of).is_clipped


def test_one_cluster_has_no_interval():
    assert score(ERRORS, ((0.5, 1, 0), None)).interval is None


@pytest.mark.parametrize(("yes", "found"), [(100, (1.0, True)), (0, (0.0, False)), (88, None), (22, None), (50, None)])
def test_shares_that_no_truth_gives_refute_the_rates(yes, found):
    # 400 clusters of either: between 0.2 and 0.9 of the answers are called yes, give or take 4 points.
    rates = rates_of(ERRORS, [40] * 10)
    assert refuted(rates, *shares(100, yes)) == found
    assert refuted(rates, (0, 0, 0.5), (0.4, 0.6)) is None


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
    plain = estimate(labels.tolist(), clusters)
    assert found.value == pytest.approx(plain.value)
    assert found.interval == pytest.approx(plain.of_shares(), abs=0.02)


def test_labels_without_an_error_leave_room_for_some():
    # 30 labels, all as the judge says: up to t^2 / (30 + t^2) of either error may be among the others.
    verdicts = [float(i % 2) for i in range(1000)]
    found = prediction_powered(verdicts, list(range(1000)), range(30), verdicts[:30])
    assert found.value == 0.5
    unseen = t_quantile(29) ** 2 / (30 + t_quantile(29) ** 2)
    plain = t_quantile(29) * (0.25 / 1000 * 30 / 29) ** 0.5
    assert found.interval[1] - 0.5 == pytest.approx((plain**2 + 0.97 * unseen**2) ** 0.5, rel=1e-3)
    # All called yes and labelled yes: not a point either.
    assert prediction_powered([1.0] * 40, list(range(40)), range(30), [1] * 30).interval[0] < 0.95
