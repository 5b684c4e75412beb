"""The interval and the smallest differences to expect of so many samples."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from eval.analysis.plan.plan import BenchmarkPlan
from eval.analysis.plan.precision import Precision, precision
from eval.analysis.plan.view import _expected
from eval.core import Clip, Sample


def samples(n, videos, subsets=1):
    return [
        Sample(
            id=str(i), benchmark="b", subset=f"s{i % subsets}", clip=Clip(source=Path(f"{i % videos}.mp4")), prompt="p",
            targets=("A",), cluster=str(i % videos),
        )
        for i in range(n)
    ]  # fmt: skip


def expected(n, videos, value=None) -> Precision:
    found = precision(samples(n, videos), "accuracy", value=value)
    assert found is not None
    return found


def test_a_hundred_samples_on_as_many_videos():
    found = expected(100, 100)
    # Wilson's interval with t(99) = 1.98422: ratio = t^2 / 100 = 0.0393712, and half the width is
    # sqrt(ratio / 4 + ratio^2 / 4) / (1 + ratio).
    assert found.reach == pytest.approx(0.097314, abs=2e-6)
    assert (found.low + found.high) / 2 == pytest.approx(0.5)
    # (1.98422 + 0.84540) * sqrt(0.2) / 10, and the same with sqrt(0.5).
    assert found.paired == pytest.approx(2.82962 * sqrt(0.2) / 10, abs=2e-5)
    assert found.alone == pytest.approx(2.82962 * sqrt(0.5) / 10, abs=2e-5)
    assert found.most_paired == pytest.approx(found.paired)


def test_four_questions_about_a_video_say_up_to_as_little_as_one():
    found = expected(400, 100)
    assert found.videos == 100
    # t(99) * 0.5 / sqrt(100): as for a hundred independent samples.
    assert found.most_reach == pytest.approx(1.98422 * 0.05, abs=2e-6)
    assert found.most_paired == pytest.approx(2 * found.paired)


def test_a_difference_needs_as_many_samples_that_differ():
    # t(23) = 2.068658 and 0.857530 at 80%: 2.926188 / sqrt(24) = 0.597305, whose root of 0.2 is above 0.2; its square.
    assert expected(24, 24).paired == pytest.approx(0.356773, abs=1e-5)
    # t(3) = 3.182446 and 0.978472: 4.160918 / 2 squared is more than everything.
    assert expected(4, 4).paired > 1


def test_near_a_published_value_the_interval_is_narrower():
    assert expected(400, 400, value=0.9).reach < expected(400, 400).reach


@pytest.mark.parametrize("metric", ["cider", "f1", "score"])
def test_what_spreads_by_an_unknown_amount_has_none(metric):
    assert precision(samples(100, 100), metric) is None


def test_one_video_tells_nothing_about_others():
    assert precision(samples(10, 1), "accuracy") is None


def test_samples_that_can_show_no_difference_have_no_share_that_differs():
    few = SimpleNamespace(precision=expected(2, 2), metric="accuracy")
    assert _expected(cast("BenchmarkPlan", few))[1] == "too few samples to show a difference from another run"
    some = SimpleNamespace(precision=expected(100, 100), metric="accuracy")
    assert "paired runs that differ on 20% of samples)" in _expected(cast("BenchmarkPlan", some))[1]
    groups = precision(samples(8, 2), "group_score")
    few = SimpleNamespace(precision=groups, metric="group_score")
    assert _expected(cast("BenchmarkPlan", few))[1] == "too few groups to show a difference from another run"
