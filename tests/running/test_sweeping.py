"""Sweeps: the product of settings, resumed as a whole, by each launcher that runs here."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from eval.config.sweeping import combinations
from eval.errors import ConfigError, RunError
from eval.running import sweeping
from eval.running.start import evaluate
from eval.running.sweep_plan import named
from eval.running.sweeping import SweepRequest, sweep

pytestmark = pytest.mark.slow  # a run a job, and curves

BY: dict[str, Any] = {"sweep": ["model.n_frames=1,2", "model.outputs=[A],[B]"]}
GIVEN: dict[str, Any] = {"bench": "nextqa", "fixed": {"model": "scripted"}}


@pytest.fixture
def begun(monkeypatch):
    """The jobs that were run, by folder."""
    found: list[str] = []
    real = evaluate

    def noted(request):
        found.append(Path(request.out).name)
        return real(request)

    monkeypatch.setattr(sweeping, "evaluate", noted)
    return found


def table(folder):
    with (folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_product_of_the_settings_in_order():
    found = combinations(["model=a,b", "model.n_frames=1,2", "model.fps=choice(1,0.5)", "limit=3"])
    assert len(found) == 8
    assert found[0] == {"model": "a", "model.n_frames": "1", "model.fps": "1", "limit": "3"}
    assert found[-1] == {"model": "b", "model.n_frames": "2", "model.fps": "0.5", "limit": "3"}
    assert [each["model.n_frames"] for each in combinations(["model.n_frames=range(1,4)"])] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("swept", "said"),
    [
        (["model.n_frames"], "is not a setting with its values"),
        (["+x=1,2"], "adds or deletes a setting"),
        (["a=1,2", "a=3"], "a is swept twice; give all of its values at once"),
        (["a=1,2)"], "cannot be read as a setting with its values"),
        (["a=interval(1,2)"], "cannot be read as a setting with its values"),
        (["a=range(1,0)"], "has no value to sweep over"),
        (["a=range(0,200)", "b=range(0,200)"], "more than 10000 combinations"),
    ],
)
def test_what_is_no_sweep_is_refused(swept, said):
    with pytest.raises(ConfigError, match=said):
        combinations(swept)


def test_each_combination_is_a_run_with_a_row_and_a_point(tmp_path, read_here, begun, capsys):
    assert sweep(SweepRequest(**GIVEN, **BY, out=tmp_path / "s"))
    names = [f"n_frames={n},outputs=_{letter}_" for n in (1, 2) for letter in "AB"]
    assert begun == names
    rows = table(tmp_path / "s")
    assert [(row["run"], row["model.n_frames"], row["n"], row["metric"]) for row in rows] == [
        (name, name[9], "24", "accuracy") for name in names
    ]
    result = json.loads((tmp_path / "s" / names[1] / "result.json").read_text())
    (value,) = {
        m["value"]
        for m in result["metrics"]
        if (m["name"], m["accounting"], m["subset"]) == ("accuracy", "strict", "overall")
    }
    assert float(rows[1]["strict"]) == value
    assert (tmp_path / "s" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "model.n_frames" in (tmp_path / "s" / "curve.svg").read_text()
    assert "4 jobs in" in capsys.readouterr().err


def test_done_jobs_are_skipped_failed_ones_tried_again_and_new_ones_added(
    tmp_path, read_here, begun, monkeypatch, capsys
):
    real, broken = sweeping.__dict__["evaluate"], ["n_frames=2"]

    def at_times(request):
        if Path(request.out).name in broken:
            raise RunError("the disk is full")
        return real(request)

    monkeypatch.setattr(sweeping, "evaluate", at_times)
    request = {**GIVEN, "out": tmp_path / "s"}
    assert not sweep(SweepRequest(**request, sweep=["model.n_frames=1,2,3"]))
    assert begun == ["n_frames=1", "n_frames=3"]
    assert [row["failure"] for row in table(tmp_path / "s")] == ["", "the disk is full", ""]
    assert "n_frames=2 has no result: the disk is full" in capsys.readouterr().out
    broken.clear()
    begun.clear()
    assert sweep(SweepRequest(**request, sweep=["model.n_frames=1,2,3,4"]))
    assert begun == ["n_frames=2", "n_frames=4"]
    begun.clear()
    assert sweep(SweepRequest(**request, sweep=["model.n_frames=4"]))
    assert begun == []
    assert [row["run"] for row in table(tmp_path / "s")] == [f"n_frames={n}" for n in (1, 2, 3, 4)]


def test_benchmarks_are_swept_over_or_shared_by_a_job(tmp_path, read_here):
    given: dict[str, Any] = {"fixed": {"model": "scripted"}}
    assert sweep(SweepRequest(**given, bench=None, sweep=["benchmark=nextqa,egoschema"], out=tmp_path / "a"))
    assert sweep(SweepRequest(**given, bench="nextqa,egoschema", sweep=["limit=4,8"], out=tmp_path / "b"))
    assert [(row["run"], row["benchmark"]) for row in table(tmp_path / "a")] == [
        ("benchmark=nextqa", "nextqa"), ("benchmark=egoschema", "egoschema"),
    ]  # fmt: skip
    assert [(row["limit"], row["benchmark"], row["n"]) for row in table(tmp_path / "b")] == [
        ("4", "nextqa", "4"), ("4", "egoschema", "4"), ("8", "nextqa", "8"), ("8", "egoschema", "8"),
    ]  # fmt: skip


def test_a_sweep_is_extended_by_another_setting_and_by_what_changes_no_output(tmp_path, read_here):
    request = {**GIVEN, "out": tmp_path / "s"}
    assert sweep(SweepRequest(**request, sweep=["model.n_frames=1,2"]))
    more = ["model.n_frames=1,2", "model.outputs=[A],[B]"]
    assert sweep(SweepRequest(**request, sweep=more, overrides=["video.workers=1"]))
    assert len(table(tmp_path / "s")) == 6


@pytest.mark.parametrize(
    "damage",
    [
        lambda plan: plan["jobs"][0].update(name="../../out"),
        lambda plan: plan["jobs"][0].update(name="/out"),
        lambda plan: plan.pop("jobs"),
        lambda plan: plan.update(jobs=[1]),
        lambda plan: plan.update(fixed=3),
    ],
)
def test_a_damaged_plan_starts_nothing(tmp_path, read_here, damage):
    request = SweepRequest(**GIVEN, out=tmp_path / "s", sweep=["limit=4,5"])
    assert sweep(request)
    plan = json.loads((tmp_path / "s" / "sweep.json").read_text())
    damage(plan)
    (tmp_path / "s" / "sweep.json").write_text(json.dumps(plan))
    with pytest.raises(RunError, match=r"sweep\.json is damaged"):
        sweep(request)
    assert not (tmp_path / "out").exists()


def test_values_in_quotes_stay_one_value():
    from eval.cli.sweep import _WORDS

    words = _WORDS.findall("model=a,b samples='x,y','z w'  model.name=\"q r\",s")
    assert words == ["model=a,b", "samples='x,y','z w'", 'model.name="q r",s']
    assert [each["samples"] for each in combinations(words[1:2])] == ["'x,y'", "'z w'"]


def test_quotes_belong_to_no_value(tmp_path):
    plan = {"bench": "nextqa", "fixed": {}, "overrides": []}
    (job,) = named(combinations(["model='/my checkpoints/a'"]))
    assert sweeping.request_of(plan, job, tmp_path).model == "/my checkpoints/a"
    assert "checkpoints" not in job.name
    (job,) = named(combinations(["benchmark='nextqa'"]))
    assert sweeping.request_of(plan, job, tmp_path).bench == "nextqa"


def test_folders_with_one_name_are_told_apart_wherever_they_come(tmp_path):
    names = [[job.name for job in named(combinations([f"model={value}"]))] for value in ("/x/c,/y/c", "/y/c")]
    assert names[0][1] == names[1][0] != names[0][0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fixed": {"model": "scripted", "data": "/nowhere"}}, "The data folder '/nowhere' does not exist"),
        ({"sweep": ["model.n_frame=1,2"]}, "model.n_frame"),
        ({"sweep": ["model.n_frames=1,no"]}, "model.n_frames"),
        ({"sweep": ["model=scripted,tarsir-tiny"], "fixed": {}}, "Unknown model 'tarsir-tiny'"),
        ({"bench": None}, "Neither --bench nor the sweep"),
        ({"bench": "nextq"}, "Unknown benchmark 'nextq'"),
        ({"launcher": "slurms"}, "Unknown launcher 'slurms'. Did you mean 'slurm'"),
        ({"sweep": []}, "--sweep names no setting"),
        ({"sweep": ["limit=2,4"], "overrides": ["limit=4"]}, "limit is swept over and given besides"),
        ({"launch": ["hydra.launcher.partition=gpu"]}, "The launcher 'basic' cannot run the sweep"),
    ],
)
def test_a_fault_in_any_job_is_told_before_the_first(tmp_path, change, said):
    request = {**GIVEN, "sweep": ["model.n_frames=1,2"], "out": tmp_path / "s", **change}
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        sweep(SweepRequest(**request))
    assert not list(tmp_path.glob("s/n_frames*"))


def test_another_sweep_or_another_folder_is_refused(tmp_path, read_here):
    assert sweep(SweepRequest(**GIVEN, sweep=["limit=4,5"], out=tmp_path / "s"))
    with pytest.raises(RunError, match="holds a sweep with another bench"):
        sweep(SweepRequest(**{**GIVEN, "bench": "egoschema"}, sweep=["limit=4,5"], out=tmp_path / "s"))
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "notes.txt").touch()
    with pytest.raises(RunError, match="is there already and is not a sweep"):
        sweep(SweepRequest(**GIVEN, sweep=["limit=4,5"], out=tmp_path / "t"))


def _command(out, *more, swept="model.n_frames=1,2,3 model.fps=1,2"):
    here = Path(sys.executable).with_name("tarsier-eval")
    more = ("limit=8", "report=false", *more)
    return [str(here), "sweep", "--bench", "nextqa", "--model", "scripted", "--sweep", swept, "--out", str(out), *more]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit-local"])
def test_jobs_run_in_processes_of_their_own(tmp_path, launcher):
    done = subprocess.run(
        _command(tmp_path / "s", "--launcher", launcher, swept="model.n_frames=1,2"),
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [row["n"] for row in table(tmp_path / "s")] == ["8"] * 2


@pytest.mark.slow
def test_a_job_whose_process_dies_costs_the_table_nothing(tmp_path):
    out = tmp_path / "s"
    words = _command(out, "--launcher", "joblib", "model.delay_s=0.3", swept="model.n_frames=1,2,3")
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not (locks := list(out.glob("n_frames=*/.lock"))):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(json.loads(locks[0].read_text())["pid"], signal.SIGKILL)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 1, told
    assert "The same command goes on with what is not done." in told
    (dead,) = [row for row in table(out) if row["run"] == locks[0].parent.name]
    assert dead["failure"] == "it did not end; the same command goes on"
    assert subprocess.run(words, capture_output=True, timeout=300, check=False).returncode == 0
    assert [row["n"] for row in table(out)] == ["8"] * 3


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_sweep_that_is_ended_in_the_middle_goes_on(tmp_path, how):
    out = tmp_path / "s"
    slow = ["model.delay_s=0.1"]
    process = subprocess.Popen(_command(out, *slow), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(out.glob("*/result.json"))) < 2 or len(list(out.glob("*/predictions.jsonl"))) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(how)
    process.wait(60)
    ended = {path: path.stat().st_mtime_ns for path in out.glob("*/result.json")}
    done = subprocess.run(_command(out, *slow), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = int(done.stderr.partition(" of them done")[0].rpartition(" ")[2])
    assert len(ended) - 1 <= told <= len(ended)  # a result may be there before its job has said so
    assert sum(path.stat().st_mtime_ns == at for path, at in ended.items()) == told
    assert len(table(out)) == 6
    assert {row["n"] for row in table(out)} == {"8"}
