"""Trackers: what they are sent, and that nothing about them costs a run. The stand-ins take what the packages take."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from eval.__main__ import main
from eval.running.tracking import track
from tests.analysis.leaderboard.synthetic import write_run
from tests.cli.runs import evaluate, needs_world, read, small_benchmark

INIT = {
    "wandb": {"project", "name", "config", "job_type", "reinit", "settings", "entity", "tags", "group", "mode", "id"},
    "trackio": {"project", "name", "config", "group", "space_id", "resume", "settings", "private", "embed"},
}
"""Some arguments of `init`: of wandb 0.31 and of trackio 0.43."""


class Table:
    def __init__(self, columns, data):
        self.columns, self.data = columns, data


@pytest.fixture
def tracker(monkeypatch, request):
    """Stand-ins of both packages, which record what they are asked for."""
    calls: list[tuple[str, Any]] = []

    class Run:
        def log(self, data, step=None):
            calls.append(("log", data))

        def finish(self):
            calls.append(("finish", None))

    for name, known in INIT.items():
        module = ModuleType(name)

        def init(_known=known, _name=name, **given):
            assert set(given) <= _known
            print("* a tracker's own words")
            calls.append((_name, given))
            return Run()

        module.init, module.Table = init, Table  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    return calls


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_finished_run_is_sent(tmp_path, tracker, name, capsys):
    track(name, write_run(tmp_path / "run", ["A", "B", "?", None]))
    (asked, given), (_, sent), (last, _) = tracker
    assert (asked, last) == (name, "finish")
    assert given["project"] == "tarsier-eval"
    assert given["name"].startswith("always-A mvbench ")
    assert (given["config"]["benchmark"], given["config"]["made_by"]["n_samples"]) == ("mvbench", 4)
    counts = {key: value for key, value in sent.items() if key.startswith("counts/")}
    assert counts == {
        "counts/total": 4, "counts/scored": 2, "counts/invalid": 1, "counts/model_failed": 1, "counts/judge_failed": 0,
    }  # fmt: skip
    assert sent["overall/accuracy_micro/strict"] == 0.25
    assert sent["overall/accuracy_micro/strict/n"] == 4
    assert sent["overall/accuracy_micro/upstream"] == 0.5
    low, high = (sent[f"overall/accuracy_micro/strict/{end}"] for end in ("low", "high"))
    assert 0 <= low < 0.25 < high <= 1
    table = sent["samples"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.data]
    assert [(row["output"], row["answer"], row["status"], row["accuracy"]) for row in rows] == [
        ("A", "A", "scored", 1.0), ("B", "B", "scored", 0.0), ("?", None, "invalid", None),
        (None, None, "model_failed", None),
    ]  # fmt: skip
    assert capsys.readouterr().out == ""  # results alone are for pipes


@needs_world
def test_the_setting_sends_runs_and_scores_and_changes_nothing(tmp_path, tracker):
    assert evaluate(tmp_path / "plain", "--limit", "3") == 0
    assert tracker == []
    assert evaluate(tmp_path / "sent", "--limit", "3", "tracker=wandb") == 0
    assert [call for call, _ in tracker] == ["wandb", "log", "finish"]
    fingerprints = [read(tmp_path / name / "predictions.jsonl") for name in ("plain", "sent")]
    assert fingerprints[0] == fingerprints[1]
    # It is no part of what a run depends on: the run goes on with another one.
    assert evaluate(tmp_path / "plain", "--limit", "3", "tracker=trackio") == 0
    assert tracker[3][0] == "trackio"
    words = ["score", "--pred", str(tmp_path / "plain"), "--out", str(tmp_path / "score"), "tracker=trackio"]
    assert main(words) == 0
    assert [call for call, _ in tracker[6:]] == ["trackio", "log", "finish"]


@needs_world
def test_a_shard_is_not_sent(tmp_path, tracker):
    assert evaluate(tmp_path / "run", "shard=1/2", "tracker=wandb") == 0
    assert tracker == []


@needs_world
@pytest.mark.parametrize("code", [0, 1])
def test_a_tracker_that_fails_costs_one_line(tmp_path, tracker, monkeypatch, capsys, code):
    def init(**_):
        raise RuntimeError("no such\nproject")

    monkeypatch.setattr(sys.modules["wandb"], "init", init)
    more = ["--limit", "2"] if code == 0 else small_benchmark(tmp_path)
    assert evaluate(tmp_path / "run", *more, "tracker=wandb") == code
    said = capsys.readouterr().err.splitlines()
    (line,) = [line for line in said if line.startswith("tracker")]
    assert line.startswith("tracker=wandb failed, and ")
    assert line.endswith("RuntimeError: no such")
    assert (tmp_path / "run" / "result.json").is_file()


@pytest.mark.parametrize("verb", ["eval", "score"])
@pytest.mark.parametrize("absent", [None, ModuleType("wandb")])  # not there, or a folder of its logs
def test_one_that_is_not_installed_is_told_before_anything_starts(tmp_path, capsys, monkeypatch, verb, absent):
    monkeypatch.setitem(sys.modules, "wandb", absent)
    run = write_run(tmp_path / "run")
    given = ["--bench", "mvbench"] if verb == "eval" else ["--pred", str(run)]
    assert main([verb, *given, "--out", str(tmp_path / "out"), "tracker=wandb"]) == 2
    said = capsys.readouterr().err
    assert said.endswith("tracker=wandb needs its package, which is not installed, or broken: pip install wandb.\n")
    assert not (tmp_path / "out").exists()


def test_an_unknown_one(tmp_path, capsys):
    assert main(["eval", "--bench", "mvbench", "--out", str(tmp_path / "out"), "tracker=wandbb"]) == 2
    assert "tracker='wandbb' is unknown. Did you mean 'wandb'?" in capsys.readouterr().err


def test_a_tracker_that_leaves_the_program_costs_one_line(tmp_path, tracker, monkeypatch, capsys):
    def init(**_):
        sys.exit(7)

    monkeypatch.setattr(sys.modules["wandb"], "init", init)
    track("wandb", write_run(tmp_path / "run"))
    assert "tracker=wandb failed, and " in capsys.readouterr().err
    assert tracker == []


def test_a_package_that_is_broken_is_told_before_anything_starts(tmp_path, capsys, monkeypatch):
    (tmp_path / "wandb.py").write_text("raise RuntimeError('built for another Python')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    assert main(["eval", "--bench", "mvbench", "--out", str(tmp_path / "out"), "tracker=wandb"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
