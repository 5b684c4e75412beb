"""The Python API: the same folders, numbers and errors as the command line, and README's example."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tarsier_eval
from eval.api import _overrides
from eval.config import PROJECT
from tests.cli.runs import evaluate, needs_world

pytestmark = needs_world


@pytest.mark.slow
def test_a_run_is_that_of_the_command_line(tmp_path, capsys):
    assert evaluate(tmp_path / "command", "--limit", "6", "model.n_frames=4") == 0
    shown = capsys.readouterr().out
    (result,) = tarsier_eval.evaluate(
        "mvbench", model="scripted", limit=6, out=tmp_path / "python", settings={"model.n_frames": 4}
    )
    again = capsys.readouterr().out
    assert again.splitlines()[:12] == shown.splitlines()[:12]
    for name in ("predictions.jsonl", "scores.jsonl"):
        assert (tmp_path / "python" / name).read_bytes() == (tmp_path / "command" / name).read_bytes()
    loaded = tarsier_eval.load(tmp_path / "command")
    assert loaded.result.metrics == result.metrics
    assert list(loaded.scores) == [sample.id for sample, _ in loaded.predictions]
    assert loaded.settings["model"]["n_frames"] == 4
    loaded.verify()
    scored = tarsier_eval.score(tmp_path / "command", "mvbench", out=tmp_path / "score")
    assert scored.metrics == result.metrics
    same = tarsier_eval.compare(loaded, tmp_path / "python")
    assert [change.difference for change in same.changes] == [0.0] * len(same.changes)


@pytest.mark.slow
def test_several_benchmarks_give_a_result_each(tmp_path):
    results = tarsier_eval.evaluate(["mvbench", "nextqa"], model="scripted", limit=2, out=tmp_path / "run")
    assert [result.benchmark for result in results] == ["mvbench", "nextqa"]


def test_errors_are_those_of_the_command_line(tmp_path):
    with pytest.raises(tarsier_eval.TarsierEvalError, match="mvbench"):
        tarsier_eval.evaluate("mvbnech", out=tmp_path / "run")
    with pytest.raises(tarsier_eval.TarsierEvalError, match="does not exist"):
        tarsier_eval.load(tmp_path / "nowhere")


def test_settings_of_every_kind():
    settings = {"a": 1, "b.c": "it's, [x]", "d": None, "e": True, "f": ["code", 2], "g": {"h": 0.5}, "i": Path("/x y")}
    assert _overrides(settings) == [
        "a=1", "b.c='it\\'s, [x]'", "d=null", "e=true", "f=['code', 2]", "g={h: 0.5}", "i='/x y'",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_example_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    value, difference = capsys.readouterr().out.splitlines()[-2:]
    before, after = (
        json.loads((tmp_path / "results" / "runs" / name / "result.json").read_text()) for name in ("before", "after")
    )
    values = [result["metrics"][0]["value"] for result in (before, after)]
    assert value.split()[0] == str(values[0])
    assert float(difference) == pytest.approx(values[1] - values[0])
