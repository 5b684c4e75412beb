"""Three-valued outcomes by hand-made numbers: normal quantiles 1.644854 (95%) and 0.841621 (80%)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eval.analysis.compare.change import Change
from eval.analysis.compare.systems import compare_systems
from eval.analysis.compare.view import verdict
from eval.analysis.margin import decide, margin_gate
from eval.errors import ConfigError
from eval.regression.junit import junit_of_margin
from eval.regression.view import margin_lines
from tests.analysis.compare.systems import GROUPS, answers, line, scored

MANY = 1e9
"""Degrees of freedom at which Student's t is normal."""


def change(difference, stderr, df=MANY, n=1000):
    """A change of accuracy, each sample about a video of its own."""
    return Change(
        name="accuracy", accounting="strict", subset="overall", average="micro", first=0.5,
        second=0.5 + difference, difference=difference, stderr=stderr, df=df, low=None, high=None,
        bounds=None, p=1.0, test="mcnemar", p_adjusted=None, detectable=None, full=1.0,
        n=n, n_clusters=n, n_first=0, n_second=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.0049, 0.0049, "pass"),
        (-0.0099, -0.0001, "pass"),  # worse than 0, and a loss of the margin is still ruled out
        (-0.0101, -0.0002, "inconclusive"),
        (-0.0199, -0.0099, "inconclusive"),
        (-0.0199, -0.0101, "fail"),
        (0.6, 0.72, "pass"),  # however few samples
    ],
)
def test_the_bounds_decide(low, high, verdict):
    assert decide(change(0.0, 0.3), (low, high), 0.01).verdict == verdict


def test_the_number_of_samples_that_a_margin_needs():
    # 1000 * (2.486475 * 0.005 / 0.01)^2 = 1545.6
    assert decide(change(0.0, 0.005), (-0.01, 0.01), 0.01).needed == 1546
    # ln 20 = 2.9957 of a video may go unseen: 2.9957 / 0.01 samples where none differs.
    assert decide(change(0.0, 0.0, None), (-0.01, 0.01), 0.01).needed == 300


def test_two_videos_decide_nothing_however_they_turn(tmp_path):
    for first, second in (([1, 1], [0, 0]), ([0, 0], [1, 1])):
        name = f"{first[0]}{second[0]}"
        new, old = scored(tmp_path / f"n{name}", answers(first)), scored(tmp_path / f"o{name}", answers(second))
        assert margin_gate(new, old, margin=1.0).decision.verdict == "inconclusive"
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
    # 10 turn each way: the standard error is sqrt(20 / (1000 * 999)) = 0.0044744, and 310 samples are needed for 2
    # points: 1000 * ((1.64638 + 0.84195) * 0.0044744 / 0.02)^2 = 309.9. Of 10 Poisson events, the bounds at 95% are
    # 5.4254 and 16.9622 (tables of chi square, 20 and 22 degrees of freedom), and sqrt(4.5746^2 + 6.9622^2) = 8.3306.
    new, old = runs(tmp_path, 10, 10)
    found = margin_gate(new, old, margin=2.0)
    assert (found.decision.verdict, found.decision.needed) == ("pass", 310)
    assert found.decision.low == pytest.approx(-0.0083306, abs=1e-6)
    assert margin_gate(new, old, margin=0.8).decision.verdict == "inconclusive"
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


@pytest.mark.parametrize(("worse", "verdict"), [(0, "pass"), (1, "pass"), (2, "inconclusive"), (5, "inconclusive")])
def test_a_run_that_only_loses_passes_as_rarely_as_it_should(tmp_path, worse, verdict):
    # A run that loses exactly 0.5 points has 5 losses in 1000 on average, and 0 or 1 of them in 4.0% of cases; with 2,
    # which Student's bound let pass, it would be 12.4%.
    new, old = runs(tmp_path, worse, 0)
    assert margin_gate(new, old, margin=0.5).decision.verdict == verdict


def test_a_gain_beyond_doubt_passes_with_few_samples(tmp_path):
    new, old = runs(tmp_path, 0, 40, n=60)
    found = margin_gate(new, old, margin=1.0)
    assert found.decision.verdict == "pass"
    assert found.decision.needed > 60


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


def test_a_metric_over_groups_needs_groups(tmp_path):
    def run(name, values):
        lines = [line(f"{n}_{i}", {"accuracy": 1.0} | ({"group_score": value} if i == 3 else {}), cluster=str(n))
                 for n, value in enumerate(values) for i in range(4)]  # fmt: skip
        return scored(tmp_path / name, lines, scorer=GROUPS, model=name)

    found = margin_gate(run("new", [1, 0, 1, 1, 0]), run("old", [1, 1, 0, 1, 0]), margin=1.0)
    first, second = margin_lines(found)[:2]
    needed = found.decision.needed
    assert (
        f"not enough groups to decide: a margin of 1 needs about {needed} groups like these, and there are 5" in first
    )
    assert first.endswith("Take more groups, or a wider margin.")
    assert f"5 groups of questions; the margin of 1 needs {needed}." in second
    with pytest.raises(ConfigError, match=r"1 group of questions leaves the error of group_score unknown"):
        margin_gate(run("a", [1]), run("b", [0]), margin=1.0)


def test_a_headline_without_a_value_is_replaced_by_no_other_metric(tmp_path):
    """Groups of which only some questions were run have accuracy, and no group score."""
    lines = [line(f"{i}", {"accuracy": 1.0}, cluster=str(i)) for i in range(40)]
    runs = [scored(tmp_path / name, lines, scorer=GROUPS) for name in "ab"]
    runs = [replace(run, result=replace(run.result, primary="group_score")) for run in runs]
    for metric in (None, "group_score"):
        with pytest.raises(ConfigError, match="group_score has no value under the accounting strict in both runs"):
            margin_gate(*runs, margin=10, metric=metric)
    told = "group score: nothing to compare, since no group of questions is whole in both."
    assert verdict(compare_systems(*runs)) == told
