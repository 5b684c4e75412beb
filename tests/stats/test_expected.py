"""Standard errors to expect before anything is measured, worked out by hand."""

from __future__ import annotations

from math import sqrt

import pytest

from eval.stats.expected import error_factors


def test_answers_that_are_independent_and_that_are_alike():
    # Weights of 1/4: four squares of 1/16, and two videos of 1/2.
    assert error_factors(["a", "a", "b", "b"]) == pytest.approx((0.5, sqrt(0.5)))
    assert error_factors(["a", "b", "c", "d"]) == pytest.approx((0.5, 0.5))


def test_a_mean_over_parts_weighs_each_part_alike():
    # Parts of 1 and 3 samples: weights of 1/2, and of 1/6 three times.
    alone, alike = error_factors(["a", "b", "c", "d"], ["x", "y", "y", "y"])
    assert alone == pytest.approx(sqrt(1 / 4 + 3 / 36))
    assert alike == pytest.approx(alone)
    # The video of x is one of y's too: 1/2 + 1/6.
    assert error_factors(["a", "a", "c", "d"], ["x", "y", "y", "y"])[1] == pytest.approx(sqrt((2 / 3) ** 2 + 2 / 36))


def test_no_samples_have_no_error():
    with pytest.raises(ValueError, match="no samples"):
        error_factors([])
