"""How a result's table shows intervals, and what a part says of a full run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from eval.core import Result
from eval.report.terminal import projection, show_result
from eval.running.score import count
from eval.scorers.accounting import averages
from tests.scorers.test_accounting import score


def result(scores, metrics=None):
    return Result(
        benchmark="b", model="m", judge=None, protocol=None, score_id="s", primary="accuracy", complete=True,
        counts=count(scores), metrics=tuple(averages(scores) if metrics is None else metrics), coverage=(),
        provenance={},
    )  # fmt: skip


def shown(given):
    console = Console(width=120, record=True, file=None)
    with console.capture() as captured:
        show_result(given, console=console)
    return captured.get()


def test_the_interval_stands_beside_the_value():
    scores = [
        score(f"v{i}", i % 2, video=f"v{i}", subset="A subtask of MVBench with a long name"[: 10 + i % 20])
        for i in range(400)
    ]
    text = shown(result(scores))
    assert "95% interval" in text
    # Half of 400: 0.5 -+ 0.049, t(399) = 1.96593.
    assert "45.1-54.9" in text
    assert max(map(len, text.splitlines()[:30])) <= 120
    assert "source videos: intervals are rough" not in text


def test_few_videos_are_a_warning():
    assert "Only 20 source videos: intervals are rough" in shown(
        result([score(f"v{i}", i % 2, video=f"v{i}") for i in range(20)])
    )


def test_a_part_says_what_a_full_run_would():
    scores = [score(f"v{i}", i % 2, video=f"v{i}") for i in range(100)]
    # Standard error sqrt(0.25 / 99) = 0.050252, t(99) 1.984217; of 2,500 a fifth, with t(2499) 1.960914.
    assert projection(result(scores), 2500) == (
        "accuracy is known to ±10.0 from 100 samples; all 2,500 would say it to ±2.0, as far as these tell."
    )
    assert projection(result(scores), 100) is None
    # Two videos: sqrt(0.25 / 1) times t(1) 12.7062 is +-635.3 in a hundred, more than the scale.
    assert projection(result(scores[:2]), 2500) is None
    assert projection(result([score("a", 1)]), 100) is None
    assert projection(result(scores, metrics=()), 2500) is None


def test_results_of_earlier_versions_have_no_interval():
    (old,) = averages([score("a", 1), score("b", 0)])[1:]
    old = replace(old, stderr=None, interval=None, n_clusters=None, n_effective=None)
    assert " - " in shown(result([], metrics=[old]))
    assert projection(result([], metrics=[old]), 10) is None


@pytest.mark.parametrize("name", ["accuracy", "score"])
def test_a_judges_score_is_shown_from_0_to_5(name):
    scores = [score(f"v{i}", 5 * (i % 2), video=f"v{i}", name="score") for i in range(100)]
    text = shown(result(scores, metrics=averages(scores, name="score", full=5.0)))
    assert "2.01-2.99" in text
