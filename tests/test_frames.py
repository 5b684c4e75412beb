"""Runs as data frames: tidy, typed, and as the docstring shows them."""

from __future__ import annotations

import doctest
import sys

import pytest

from eval.analysis.leaderboard.cells import to_csv
from eval.errors import ConfigError, DataError
from eval.runs.bundle import pack
from tests.analysis.leaderboard.synthetic import change, write_run
from tests.analysis.leaderboard.test_rows import ROW, UGLY

pd = pytest.importorskip("pandas")

from eval import frames  # noqa: E402


def test_the_example_in_the_docstring(tmp_path, monkeypatch):
    write_run(tmp_path / "results" / "runs" / "one")
    monkeypatch.chdir(tmp_path)
    tried = doctest.testmod(frames)
    assert (tried.failed, tried.attempted) == (0, 5)


def test_metrics_have_a_row_each_and_types(tmp_path):
    write_run(tmp_path / "one", ["A", "B", "B", "B"])
    write_run(tmp_path / "two", ["A", None, "A", "B"], model="two")
    frame = frames.metrics(tmp_path)
    assert len(frame) == 20
    types = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert types["value"] == "float64"
    assert types["n"] == "Int64"
    assert types["complete"] == types["headline"] == "boolean"
    assert types["model"] == "string"
    assert types["date"].startswith("datetime64[")
    assert types["date"].endswith("UTC]")
    strict = frame[(frame.accounting == "strict") & frame.headline].set_index("model")
    assert list(strict["value"]) == [0.25, 0.5]
    assert list(strict["complete"]) == [True, False]
    # An average of what was scored: A, A and B.
    assert (
        frame.query("model == 'two' and accounting == 'upstream' and metric == 'accuracy_micro'")["value"].item()
        == 2 / 3
    )


def test_samples_have_a_row_each(tmp_path):
    write_run(tmp_path / "one", ["A", "(B)", "?", None])
    frame = frames.samples(tmp_path)
    assert list(frame["prediction"].fillna("-")) == ["A", "(B)", "?", "-"]
    assert list(frame["answer"].fillna("-")) == ["A", "B", "-", "-"]
    assert list(frame["status"]) == ["scored", "scored", "invalid", "model_failed"]
    assert list(frame["value"].fillna(-1)) == [1, 0, -1, -1]
    assert str(frame["value"].dtype) == "float64"
    assert list(frame["target"]) == ["A"] * 4
    assert frame["reason"][3] == "gone"
    assert frame["metric"].unique().tolist() == ["accuracy"]
    with pytest.raises(DataError, match="accuracy"):
        frames.samples(tmp_path, metric="acuracy")


def test_two_runs_side_by_side(tmp_path):
    first, second = (
        write_run(tmp_path / "one", ["A", "B", "B", None]),
        write_run(tmp_path / "two", ["A", "A", "B", "A"]),
    )
    both = frames.paired(first, second)
    assert list(both["difference"].fillna(9)) == [0, 1, 0, 9]
    assert both["prediction_second"].tolist() == ["A", "A", "B", "A"]
    other = write_run(tmp_path / "three", ["A"] * 4, digits="tarsier2")
    with pytest.raises(DataError, match="not scored in the same way"):
        frames.paired(first, other)


def test_a_bundle_is_a_place_too(tmp_path):
    run = write_run(tmp_path / "run")
    names = ("result.json", "predictions.jsonl", "scores.jsonl", "run.json")
    (tmp_path / "b.tar.gz").write_bytes(pack({name: (run / name).read_bytes() for name in names}))
    columns = ["id", "prediction", "answer", "value"]
    assert frames.samples(tmp_path / "b.tar.gz")[columns].equals(frames.samples(run)[columns])


def test_a_leaderboard_gives_back_the_names_as_they_were(tmp_path):
    from dataclasses import replace

    rows = [replace(ROW, model=text) for text in UGLY]
    (tmp_path / "leaderboard.csv").write_bytes(to_csv(rows))
    frame = frames.leaderboard(tmp_path / "leaderboard.csv")
    assert frame["model"].tolist() == UGLY
    assert (frame["value"] == 0.1 + 0.2).all()


def test_what_is_damaged_is_told(tmp_path):
    run = write_run(tmp_path / "runs" / "one")
    change(run / "result.json", files={})
    (run / "scores.jsonl").write_text('{"id": 1}\n' * 4)
    with pytest.raises(DataError, match=r"scores\.jsonl:1"):
        frames.samples(tmp_path / "runs")
    (run / "result.json").write_text("{")
    for load in (frames.metrics, frames.samples):
        with pytest.raises(DataError, match="one"):
            load(tmp_path / "runs")
    with pytest.raises(ConfigError, match="does not exist"):
        frames.metrics(tmp_path / "nowhere")


def test_nothing_gives_empty_frames_with_the_same_types(tmp_path):
    write_run(tmp_path / "run")
    (tmp_path / "none").mkdir()
    for load in (frames.metrics, frames.samples):
        assert load(tmp_path / "none").dtypes.equals(load(tmp_path / "run").dtypes)


def test_without_pandas_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match=r"\[frames\]"):
        frames.metrics(write_run(tmp_path / "run"))
