"""What is bold: the best, where it is better than chance explains."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eval.analysis.leaderboard.significance import best_of, differ_independently
from tests.analysis.leaderboard.test_rows import ROW

FIRST = replace(ROW, value=0.50, stderr=0.03, complete=True, n=100)


def other(value, stderr=0.04, **more):
    return replace(FIRST, value=value, stderr=stderr, model="other", **more)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.40, True),  # sqrt(0.03^2 + 0.04^2) = 0.05, and 0.10 / 0.05 = 2 is above 1.96
        (0.41, False),  # 0.09 / 0.05 = 1.8 is below
        (0.60, True),
        (0.50, False),
    ],
)
def test_the_z_test(value, expected):
    assert differ_independently(FIRST, other(value)) is expected
    assert differ_independently(other(value), FIRST) is expected


def test_intervals_count_on_the_sides_that_face_each_other():
    # 0.9 reaches down to 0.7, and 0.6 up to 0.75: sqrt(0.2^2 + 0.15^2) = 0.25 is less than the 0.3 between them.
    upper, lower = (replace(FIRST, stderr=None, value=value) for value in (0.9, 0.6))
    assert differ_independently(replace(upper, low=0.7, high=0.91), replace(lower, low=0.1, high=0.75)) is True
    assert differ_independently(replace(upper, low=0.6, high=0.91), replace(lower, low=0.1, high=0.75)) is False


def test_nothing_is_said_where_an_error_is_unknown_or_was_not_seen():
    assert differ_independently(FIRST, other(0.1, None)) is None
    assert differ_independently(FIRST, other(None)) is None
    assert differ_independently(replace(FIRST, stderr=0.0), other(0.1, 0.0)) is None


def test_the_best_is_better_than_the_second_best():
    worst, second = other(0.1), other(0.45)
    assert best_of([worst, FIRST]) is FIRST
    assert best_of([worst, second, FIRST]) is None
    assert best_of([FIRST]) is None
    assert best_of([]) is None


def test_the_best_is_better_than_each_other_one_not_only_than_the_next():
    second, third = other(0.45), replace(other(0.44), model="third")
    assert best_of([third, second, FIRST], lambda _, row: row is second) is None
    assert best_of([third, second, FIRST], lambda first, _: first is FIRST) is FIRST


def test_incomplete_and_published_numbers_are_never_best_and_never_second():
    worst = other(0.1)
    assert best_of([worst, FIRST, other(0.9, complete=False), other(0.9, complete=None)]) is FIRST
    assert best_of([worst, replace(FIRST, complete=False)]) is None
    published = replace(other(0.9, None), origin="published", complete=None, score_id="")
    assert best_of([worst, FIRST, published]) is FIRST


@pytest.mark.parametrize(
    "field", ["score_id", "benchmark", "data", "judge", "accounting", "metric", "subset", "protocol"]
)
def test_numbers_of_different_columns_are_never_compared(field):
    with pytest.raises(ValueError, match="cannot be compared"):
        best_of([FIRST, other(0.1, **{field: "another"})])


def test_the_test_can_be_replaced():
    assert best_of([FIRST, other(0.49)], lambda first, second: True) is FIRST
