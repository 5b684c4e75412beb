"""Three-valued outcomes by hand-made numbers: normal quantiles 1.644854 (95%) and 0.841621 (80%)."""

from __future__ import annotations

import pytest

from eval.analysis.margin import decide, margin_gate
from eval.errors import ConfigError
from eval.regression.junit import junit_of_margin
from eval.regression.view import margin_lines
from tests.analysis.compare.systems import answers, scored

MANY = 1e9
"""Degrees of freedom at which Student's t is normal."""


@pytest.mark.parametrize(
    ("difference", "verdict", "low", "high"),
    [
        (0.0, "pass", -0.00493456, 0.00493456),  # 1.644854 * 0.003
        (-0.005, "pass", -0.00993456, -0.00006544),  # worse than 0, and a loss of the margin is still ruled out
        (-0.0051, "inconclusive", -0.01003456, -0.00016544),
        (-0.01, "inconclusive", -0.01493456, -0.00506544),
        (-0.0149, "inconclusive", -0.01983456, -0.00996544),
        (-0.015, "fail", -0.01993456, -0.01006544),
        (0.02, "pass", 0.01506544, 0.02493456),
    ],
)
def test_the_bounds_decide(difference, verdict, low, high):
    found = decide(difference, 0.003, MANY, 0.01, 1000)
    assert (found.verdict, found.armed) == (verdict, True)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-8)
    assert found.needed == 557  # 1000 * (2.486475 * 0.003 / 0.01)^2 = 556.4


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(0.0, "inconclusive"), (0.5, "inconclusive"), (-0.018, "inconclusive"), (-0.019, "fail")],
)
def test_with_too_few_samples_nothing_passes(difference, verdict):
    # A loss may be shown all the same: the upper bound is the difference and 1.644854 * 0.005.
    found = decide(difference, 0.005, MANY, 0.01, 1000)
    # 1000 * (2.486475 * 0.005 / 0.01)^2 = 1545.6
    assert (found.verdict, found.armed, found.needed) == (verdict, False, 1546)


def test_few_videos_widen_the_bounds():
    # Student's t of 4 degrees of freedom: 2.131847 at 95%.
    assert decide(0.0, 0.003, 4, 0.01, 1000).low == pytest.approx(-0.00639554, abs=1e-8)


def test_where_nothing_differs_the_samples_alone_decide():
    assert decide(0.0, 0.0, MANY, 0.01, 1000, alike=0.004).verdict == "pass"
    found = decide(0.0, 0.0, MANY, 0.01, 1000, alike=0.02)
    assert (found.verdict, found.needed) == ("inconclusive", 2000)


@pytest.mark.parametrize(
    ("difference", "alike", "verdict", "low", "high"),
    [
        (1.0, 0.95, "inconclusive", -0.9, 1.0),
        (-1.0, 0.95, "inconclusive", -1.0, 0.9),
        (-1.0, 0.02, "fail", -1.0, -0.96),
        (1.0, 0.009, "pass", 0.982, 1.0),
    ],
)
def test_a_difference_that_is_the_same_in_all_videos_is_as_sure_as_there_are_videos(
    difference, alike, verdict, low, high
):
    found = decide(difference, 0.0, MANY, 0.01, 1000, alike=alike)
    assert found.verdict == verdict
    assert [found.low, found.high] == pytest.approx([low, high])


def test_two_videos_decide_nothing_however_they_turn(tmp_path):
    for first, second in (([1, 1], [0, 0]), ([0, 0], [1, 1])):
        name = f"{first[0]}{second[0]}"
        new, old = scored(tmp_path / f"n{name}", answers(first)), scored(tmp_path / f"o{name}", answers(second))
        found = margin_gate(new, old, margin=1.0).decision
        assert (found.verdict, found.armed) == ("inconclusive", False)
    many = scored(tmp_path / "n", answers([0] * 300)), scored(tmp_path / "o", answers([1] * 300))
    assert margin_gate(*many, margin=1.0).decision.verdict == "fail"


def runs(tmp_path, worse, better, n=1000, **more):
    """Return a new run and an old one that differ in some of n answers, each about a video of its own."""
    old = [1] * worse + [0] * better + [1] * (n - worse - better)
    new = [0] * worse + [1] * better + [1] * (n - worse - better)
    return scored(tmp_path / "new", answers(new), model="new", **more), scored(
        tmp_path / "old", answers(old), model="old"
    )


def test_runs_are_paired(tmp_path):
    # 10 turn each way: the standard error is sqrt(20 / (1000 * 999)) = 0.0044744, and a loss of 2 points, but not one
    # of 1 point, is within reach: 1000 * ((1.64638 + 0.84195) * 0.0044744 / 0.02)^2 = 309.9.
    new, old = runs(tmp_path, 10, 10)
    found = margin_gate(new, old, margin=2.0)
    assert (found.decision.verdict, found.decision.needed) == ("pass", 310)
    assert found.decision.low == pytest.approx(-1.64638 * 0.0044744, abs=1e-6)
    assert margin_gate(new, old, margin=1.0).decision.armed is False
    first, second = margin_lines(found)[:2]
    assert first == "PASS: mvbench, accuracy (strict), new against old: a loss of 2 is ruled out."
    assert "99.0 -> 99.0" in second
    assert 'failures="0"' in junit_of_margin(found)


@pytest.mark.parametrize(("worse", "verdict"), [(50, "fail"), (25, "inconclusive"), (5, "pass")])
def test_a_loss_of_two_points(tmp_path, worse, verdict):
    # Losses of 5, 2.5 and 0.5 points, with standard errors of 0.69, 0.49 and 0.22 points.
    new, old = runs(tmp_path, worse, 0)
    found = margin_gate(new, old, margin=2.0)
    assert found.decision.verdict == verdict
    if verdict == "inconclusive":
        assert "shown to be worse, but not by how much" in margin_lines(found)[0]


def test_runs_that_are_alike(tmp_path):
    new, old = runs(tmp_path, 0, 0)
    assert margin_gate(new, old, margin=1.0).decision.verdict == "pass"
    assert margin_gate(new, old, margin=0.1).decision.verdict == "inconclusive"


def test_what_is_refused(tmp_path):
    new, old = runs(tmp_path, 1, 1, n=10)
    with pytest.raises(ConfigError, match="--margin 0"):
        margin_gate(new, old, margin=0)
    with pytest.raises(ConfigError, match="no such metric"):
        margin_gate(new, old, margin=1, metric="acuracy")
    other = scored(tmp_path / "other", answers([1] * 10), split="val")
    with pytest.raises(ConfigError, match="--accept split"):
        margin_gate(other, old, margin=1)
    one = [scored(tmp_path / name, answers([1, 0, 1], cluster="v")) for name in ("c", "d")]
    with pytest.raises(ConfigError, match="1 videos"):
        margin_gate(*one, margin=1)
