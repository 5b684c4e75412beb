"""Two rows are compared sample by sample where their runs are at hand."""

from __future__ import annotations

from dataclasses import replace

from eval.analysis.leaderboard.paired import differ_by_runs
from eval.analysis.leaderboard.reading import rows_of
from eval.analysis.leaderboard.significance import differ_independently
from eval.runs.scored import ScoredRun
from tests.analysis.leaderboard.synthetic import write_run


def micro(tmp_path, name, outputs):
    """The plain accuracy of a run, by the strict accounting."""
    rows = rows_of(ScoredRun.read(write_run(tmp_path / name, outputs, model=name)), name)
    return next(row for row in rows if (row.metric, row.accounting) == ("accuracy_micro", "strict"))


def test_a_small_difference_that_always_points_one_way_is_found(tmp_path):
    """100 against 92 of 200, all 8 of them samples that the first alone has right: 2 / 2^8 is below 5%."""
    first = micro(tmp_path, "first", ["A"] * 100 + ["B"] * 100)
    second = micro(tmp_path, "second", ["A"] * 92 + ["B"] * 108)
    assert differ_independently(first, second) is False
    differ = differ_by_runs(tmp_path / "leaderboard.csv")
    assert differ(first, second) is True
    assert differ(second, first) is True
    # As large, but 50 and 42 samples point either way.
    third = micro(tmp_path, "third", ["A"] * 50 + ["B"] * 50 + ["A"] * 42 + ["B"] * 58)
    assert differ(first, third) is False


def test_without_a_run_the_numbers_alone_decide(tmp_path):
    first = micro(tmp_path, "first", ["A"] * 100 + ["B"] * 100)
    second = micro(tmp_path, "second", ["A"] * 92 + ["B"] * 108)
    differ = differ_by_runs(tmp_path / "leaderboard.csv")
    assert differ(first, replace(second, provenance="gone")) is False
    assert differ(first, replace(second, provenance="gone", value=0.1, low=0.05, high=0.15)) is True
    (tmp_path / "second" / "scores.jsonl").write_text("{")
    assert differ(first, second) is False


def test_a_row_that_is_not_what_its_run_says_is_not_compared_by_it(tmp_path):
    first = micro(tmp_path, "first", ["A"] * 100 + ["B"] * 100)
    second = micro(tmp_path, "second", ["A"] * 92 + ["B"] * 108)
    older = replace(second, value=0.5)
    assert differ_by_runs(tmp_path / "leaderboard.csv")(first, older) is False
