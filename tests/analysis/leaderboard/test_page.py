"""The data of the leaderboard's page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from eval.analysis.leaderboard.page import leaderboard_payload
from eval.analysis.leaderboard.plots import Plot
from eval.analysis.leaderboard.reading import rows_of
from eval.analysis.leaderboard.significance import differ_independently
from eval.runs.scored import ScoredRun
from tests.analysis.leaderboard.synthetic import write_run
from tests.analysis.leaderboard.test_rows import ROW

QUOTED = replace(
    ROW, origin="published", benchmark="mvbench", split="", judge="", protocol="", accounting="", value=0.626,
    model="Tarsier-7b", source="the paper", score_id="", fingerprint="", date="", headline=True, metric="accuracy",
    subset="overall", n=None, complete=None, stderr=None, low=None, high=None, n_clusters=None, coverage=None,
)  # fmt: skip


def board(rows, table, plots=(), folder=Path("plots")):
    return leaderboard_payload(rows, table, differ_independently, plots, folder)["leaderboard"]


def of_runs(tmp_path, **runs):
    return [
        row
        for name, outputs in runs.items()
        for row in rows_of(ScoredRun.read(write_run(tmp_path / name, outputs, model=name)), name)
    ]


def test_a_row_for_each_accounting_with_its_subsets(tmp_path):
    found = board(of_runs(tmp_path, m=["A", "B", "A", None]), tmp_path / "t.csv")
    assert found["benchmarks"] == [
        {"name": "mvbench", "title": "MVBench", "metric": "accuracy", "unit": "percent", "best": 1.0}
    ]
    rows = {row["accounting"]: row for row in found["rows"]}
    assert set(rows) == {"upstream", "strict"}
    # Action Sequence: both right. Action Antonym: one wrong, one failed.
    strict = rows["strict"]
    assert (strict["value"], strict["n"], strict["chance"], strict["published"]) == (0.5, 4, 0.5, False)
    assert {each["subset"]: each["value"] for each in strict["subsets"]} == {
        "Action Sequence": 1.0,
        "Action Antonym": 0.0,
    }
    assert strict["group"].startswith("split test, samples ")
    assert strict["caveats"][0].startswith("Incomplete")
    assert "50.0% of the samples" in strict["caveats"][1]
    assert "built-in world" in strict["caveats"][2]


def test_published_rows_are_marked_and_say_their_source(tmp_path):
    subset = replace(QUOTED, subset="Action Sequence", headline=False, value=0.4)
    (row,) = board([QUOTED, subset], tmp_path / "t.csv")["rows"]
    assert (row["published"], row["source"], row["value"], row["n"]) == (True, "the paper", 0.626, None)
    assert (row["interval"], row["best"], row["complete"], row["accounting"]) == (None, False, True, "")
    assert row["subsets"] == [{"subset": "Action Sequence", "value": 0.4, "interval": None, "n": None}]
    assert row["group"] == "Published; not measured here."


def test_only_the_best_by_more_than_chance_is_the_best(tmp_path):
    rows = of_runs(tmp_path, good=["A"] * 40, bad=["B"] * 39 + ["A"])
    found = board([*rows, QUOTED], tmp_path / "t.csv")["rows"]
    assert {(row["model"], row["best"]) for row in found if row["accounting"] in ("strict", "")} == {
        ("good", True), ("bad", False), ("Tarsier-7b", False)
    }  # fmt: skip
    close = of_runs(tmp_path, one=["A"] * 20 + ["B"] * 20, two=["A"] * 19 + ["B"] * 21)
    assert not any(row["best"] for row in board(close, tmp_path / "t.csv")["rows"])


def test_rows_of_one_model_say_what_differs(tmp_path):
    settings = ({"n_frames": n, "fps": None} for n in (8, 16))
    rows = [
        row
        for name, given in zip("ab", settings, strict=True)
        for row in rows_of(ScoredRun.read(write_run(tmp_path / name, model="m", settings=given)), name)
    ]
    assert {row["differs"] for row in board(rows, tmp_path / "t.csv")["rows"]} == {"8 frames", "16 frames"}


def test_figures_are_linked_relative_to_the_page(tmp_path):
    plot = Plot(benchmark="mvbench", title="A figure", stem="a b", draw=lambda: None)  # type: ignore[arg-type,return-value]
    found = board([QUOTED], tmp_path / "t" / "t.csv", [plot], tmp_path / "plots")
    files = {"svg": "../plots/a%20b.svg", "png": "../plots/a%20b.png"}
    assert found["plots"] == [{"benchmark": "mvbench", "title": "A figure", **files}]
