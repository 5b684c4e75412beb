"""Several benchmarks in one run: the samples, the time and the picture of each, and one line of progress for all."""

from __future__ import annotations

import json

import pytest

from eval.engines.engine import WorkerTimes
from eval.running.benchmark_run import BenchmarkRun
from tests.cli.runs import evaluate, needs_world

pytestmark = needs_world
BENCHES = ("mvbench", "nextqa", "tvbench")


def timing(folder):
    return json.loads((folder / "result.json").read_text())["timing"]


@pytest.mark.slow
def test_each_benchmark_of_a_run_has_its_own_samples_time_and_picture(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("eval.report.progress.PLAIN_INTERVAL", 0.0)
    out = tmp_path / "run"
    assert evaluate(out, "--limit", "20", bench=",".join(BENCHES)) == 0
    told = capsys.readouterr()
    for bench in BENCHES:
        samples = len((out / bench / "predictions.jsonl").read_text().splitlines())
        assert timing(out / bench)["samples"] == samples > 0
        assert timing(out / bench)["shared_by_samples_with"] == list(BENCHES)
        assert f"{bench} | scripted | with all 3 benchmarks" in (out / bench / "timeline.svg").read_text()
        assert "divided by their samples" in (out / bench / "log.txt").read_text()
    total = sum(timing(out / bench)["samples"] for bench in BENCHES)
    lines = [line for line in told.err.splitlines() if line.startswith("3 benchmarks (")]
    assert f": {total}/{total} samples" in lines[-1]
    assert not any(line.startswith(BENCHES) and "samples, " in line for line in told.err.splitlines())


def test_a_run_of_one_benchmark_shares_nothing(tmp_path):
    assert evaluate(tmp_path / "run", "--limit", "3", bench="nextqa") == 0
    assert "shared_by_samples_with" not in timing(tmp_path / "run")
    assert timing(tmp_path / "run")["samples"] == 3


@pytest.mark.parametrize("workers", [(), (WorkerTimes(name="w"),)])
def test_workers_do_not_wait_while_a_benchmark_is_scored(tmp_path, monkeypatch, workers):
    events = []
    for name in ("keep", "result"):
        real = getattr(BenchmarkRun, name)

        def noted(self, *args, name=name, real=real):
            events.append((name, self.job.benchmark.name))
            return real(self, *args)

        monkeypatch.setattr(BenchmarkRun, name, noted)
    monkeypatch.setattr("eval.engines.local.LocalSession.workers", workers)
    assert evaluate(tmp_path / "run", bench="nextqa,msvd-caption") == 0
    first_result = events.index(("result", "nextqa"))
    # One process predicts the second benchmark after it has scored the first.
    assert any(what == "keep" for what, _ in events[first_result:]) == (not workers)
