"""The engine of many processes, on a real cluster of two nodes on this machine: equal outputs, and deaths survived."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval import api, config
from eval.core import FramePolicy
from eval.engines.cluster import Node, Slot, difference, slots
from eval.engines.crew import Crew
from eval.engines.engine import Setup
from eval.engines.groups import plan
from eval.engines.ray import RayEngine
from eval.engines.worker import Loaded, NodeFacts
from eval.errors import ConfigError, EngineError, ModelError
from eval.running.judge_session import Judging
from eval.running.start import setup_of
from eval.timing import Clock

ray = pytest.importorskip("ray")
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two nodes with two processors each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    made.add_node(num_cpus=2)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


@contextmanager
def started(*overrides, workers=2, **engine):
    settings = config.load_settings(["benchmark=nextqa", *overrides])
    benchmark, _ = Judging(settings).benchmark(settings)
    with RayEngine(workers=workers, **engine).start(setup_of(settings)) as session:
        groups, _ = plan(list(benchmark.samples()), session.model)
        yield session, groups


def outputs(predicted):
    found = [prediction for pairs in predicted for _, prediction in pairs]
    assert not [name for name, n in Counter(one.id for one in found).items() if n > 1]
    return {one.id: one.output if one.error is None else one.error for one in found}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The outputs of a run in one process, one clip at a time: by sample, and its files."""
    out = tmp_path_factory.mktemp("local") / "run"
    api.evaluate("nextqa", out=out, settings={"model.clips_at_once": 1})
    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row["id"]: row["output"] for row in rows}, out


@slow
def test_outputs_and_scores_are_those_of_one_process(cluster, expected, tmp_path, capsys):
    _, local = expected
    out = tmp_path / "run"
    settings = {"model.clips_at_once": 1, "engine": "ray", "engine.workers": 3}
    (result,) = api.evaluate("nextqa", out=out, settings=settings)
    for name in ("predictions.jsonl", "scores.jsonl", "run.json"):
        mine, theirs = ((folder / name).read_text("utf-8") for folder in (out, local))
        assert mine.replace(json.loads(mine)["config_sha256"] if name == "run.json" else "\0", "") == theirs.replace(
            json.loads(theirs)["config_sha256"] if name == "run.json" else "\0", ""
        )
    assert result.timing is not None
    workers = result.timing["workers"]
    assert len(workers) == 3
    assert sum(one["samples"] for one in workers) == result.counts.total
    assert len({one["name"].rpartition(" ")[0] for one in workers}) == 2  # of both nodes
    assert re.search("[23] workers, all together", (out / "timeline.svg").read_text("utf-8"))
    # The same folder is continued by one process, which has nothing left to do.
    (again,) = api.evaluate("nextqa", out=out, settings={"model.clips_at_once": 1})
    assert again.score_id == result.score_id
    assert "24 of 24 samples are done" in capsys.readouterr().err


def _kills(when):
    """A check of outputs that kills the worker in which it is made, while `when` says so."""

    def settled(text):
        if when():
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    return settled


@slow
def test_a_worker_that_dies_costs_nothing(cluster, expected, tmp_path):
    flags = [tmp_path / str(i) for i in range(2)]
    for flag in flags:
        flag.touch()

    def when():
        for flag in flags:
            try:
                flag.unlink()
            except OSError:
                continue
            return True
        return False

    with started("model.clips_at_once=1") as (session, groups):
        found = outputs(session.predict(groups, settled={"nextqa": _kills(when)}, clock=Clock()))
    wanted, _ = expected
    assert not any(flag.exists() for flag in flags)
    failures = {name: said for name, said in found.items() if "workers died" in said}
    assert found.keys() == wanted.keys()
    # Two deaths may hit one group, which is then a failure with its reason, and never a wrong output.
    assert len(failures) <= 4
    assert all(found[name][0] == said for name, said in wanted.items() if name not in failures)


@slow
def test_clips_that_end_two_workers_each_fail_alone(cluster, expected):
    # With one worker, whose place has to outlive them.
    with started("model.clips_at_once=1", workers=1) as (session, groups):
        poison = [groups[0], groups[2]]
        for group in poison:
            samples = {clip: tuple(replace(s, benchmark="poison") for s in of) for clip, of in group.clips.items()}
            groups[group.number] = replace(group, clips=samples)
        found = outputs(session.predict(groups, settled={"poison": _kills(lambda: True)}, clock=Clock()))
        assert session.seconds_left() == pytest.approx(0.0, abs=1e-6)
    wanted, _ = expected
    failed = {sample.id for group in poison for sample in group.samples}
    assert {name for name, said in found.items() if said.startswith("model: 2 workers died over this clip")} == failed
    assert all(found[name][0] == said for name, said in wanted.items() if name not in failed)


@slow
def test_a_node_that_is_lost_costs_nothing(cluster, expected):
    clock = Clock()
    with started("model.clips_at_once=1", workers=4) as (session, groups):
        stream = session.predict(groups, settled={}, clock=clock)
        found = [next(stream)]
        cluster.remove_node(next(iter(cluster.worker_nodes)))
        found += stream
    wanted, _ = expected
    assert {name: said[0] for name, said in outputs(found).items()} == wanted


def test_workers_are_spread_over_machines_with_room():
    a, b = Node(id="a", name="a", cpus=16, gpus=2), Node(id="b", name="b", cpus=8, gpus=4)

    def found(nodes, **given):
        options = {"workers": None, "gpus_per_worker": None, "cpus_per_worker": None, **given}
        return [(slot.name, slot.cpus, slot.gpus) for slot in slots(nodes, **options)]

    assert found([a, b]) == [
        ("a 1", 8, 1), ("a 2", 8, 1), ("b 1", 2, 1), ("b 2", 2, 1), ("b 3", 2, 1), ("b 4", 2, 1),
    ]  # fmt: skip
    assert found([a, b], gpus_per_worker=2.0) == [("a 1", 16, 2), ("b 1", 4, 2), ("b 2", 4, 2)]
    assert found([a], gpus_per_worker=0.5, workers=3) == [(f"worker {i}", 5, 0.5) for i in (1, 2, 3)]
    assert found([a, b], gpus_per_worker=0.0) == [
        ("a 1", 4, 0), ("a 2", 4, 0), ("a 3", 4, 0), ("a 4", 4, 0), ("b 1", 4, 0), ("b 2", 4, 0),
    ]  # fmt: skip
    two = Node(id="c", name="c", cpus=2, gpus=0)
    assert found([two]) == [("worker 1", 2, 0)]
    assert found([two], workers=2) == [("worker 1", 1, 0), ("worker 2", 1, 0)]
    with pytest.raises(EngineError, match=r"engine\.gpus_per_worker=1, and no machine of the cluster has a GPU"):
        found([two], gpus_per_worker=1.0)
    with pytest.raises(
        EngineError,
        match="With cpus_per_worker=1 there is room for 2 workers on 0 GPUs and 2 processors, and not for 3",
    ):
        found([two], workers=3)
    with pytest.raises(EngineError, match="With gpus_per_worker=4 there is room for 0 workers on 2 GPUs"):
        found([a], gpus_per_worker=4.0)
    with pytest.raises(EngineError, match="With gpus_per_worker=1 and cpus_per_worker=32 there is room for 0 workers"):
        found([a, b], gpus_per_worker=1.0, cpus_per_worker=32.0)
    with pytest.raises(EngineError, match=r"gpus_per_worker=1\.5: give a whole number of GPUs, or a share below 1"):
        found([a, b], gpus_per_worker=1.5)
    assert len(found([Node(id="d", name="d", cpus=8, gpus=1)], gpus_per_worker=0.2, workers=5)) == 5
    assert len(found([Node(id="d", name="d", cpus=8, gpus=1)], gpus_per_worker=0.1)) == 10


def test_a_machine_that_differs_is_named_with_its_difference():
    here = NodeFacts(python="3.11", code="aa", libraries={"torch": "2.13"}, unseen=())

    def said(**change):
        return difference(here, replace(here, **change))

    assert said() == ""
    assert said(python="3.12") == "it has Python 3.12, this machine has 3.11"
    assert said(code="bb") == "its code of tarsier-eval differs (hash bb, here aa)"
    assert said(libraries={"torch": "2.6"}) == "it has torch 2.6, this machine has 2.13"
    assert said(libraries={}) == "it has torch (none), this machine has 2.13"
    assert said(unseen=("/data/videos",)) == "it does not see /data/videos"


def test_a_worker_that_cannot_load_the_model_is_left_out_where_another_could(monkeypatch):
    slots_of_two = [Slot(node=Node(id=n, name=n, cpus=1, gpus=0), name=n, cpus=1, gpus=0) for n in "ab"]
    crew = Crew(slots_of_two, Setup(model={}, reading={}), 5.0, 60.0)
    results: dict[str, Any] = {}

    def start(name):
        crew._places[name].actor = name
        crew._places[name].loaded = None
        crew._calls[ref := f"{name} {len(results)}"] = (name, "load")
        results[ref] = loaded if name == "a" else ray.exceptions.RayTaskError("load", "", ModelError("GPU is full"))

    def get(ref):
        if isinstance(results[ref], Exception):
            raise results[ref]
        return results[ref]

    loaded = Loaded(
        name="m", frames=FramePolicy(n_frames=8), whole_clips=False, clips_ahead=4, description={"name": "m"}, notes=()
    )
    monkeypatch.setattr(crew, "_start", start)
    monkeypatch.setattr("eval.engines.crew.nodes", lambda: [slot.node for slot in slots_of_two])
    for name, function in (("get", get), ("kill", lambda _: None), ("wait", lambda refs, **_: (refs[:1], refs[1:]))):
        monkeypatch.setattr(ray, name, function)
    crew.open()
    assert list(crew.ready()) == ["a"]
    while crew._calls:
        assert [event.worker for event in crew.events()] == ["b"]
    assert len(results) == 1 + 3
    assert list(crew.ready()) == ["a"]
    results.clear()
    crew = Crew(slots_of_two[1:], Setup(model={}, reading={}), 5.0, 60.0)
    monkeypatch.setattr(crew, "_start", start)
    with pytest.raises(ModelError, match="GPU is full"):
        crew.open()


def test_a_cluster_that_cannot_be_reached_is_an_error_at_once(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if ray.is_initialized():
        pytest.skip("there is a connection already")
    with pytest.raises(EngineError, match=f"engine.address=127.0.0.1:{port} cannot be reached"):
        api.evaluate("nextqa", out=tmp_path / "run", settings={"engine": "ray", "engine.address": f"127.0.0.1:{port}"})
    with pytest.raises(EngineError, match=r"engine\.address=here is not an address"):
        api.evaluate("nextqa", out=tmp_path / "run", settings={"engine": "ray", "engine.address": "here"})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "value", ["workers=0", "gpus_per_worker=-1", "cpus_per_worker=0", "wait_s=0", "silent_s=0", "workers=x"]
)
def test_settings_out_of_range_are_refused(tmp_path, value):
    name, _, given = value.partition("=")
    with pytest.raises(ConfigError, match=f"engine.{name}"):
        api.evaluate("nextqa", out=tmp_path / "run", settings={"engine": "ray", f"engine.{name}": given})


@slow
def test_what_cannot_work_is_an_error_before_a_model_is_loaded(cluster, tmp_path):
    with (
        pytest.raises(EngineError, match=r"model\.device=cuda, and the workers have no GPU"),
        started("model.device=cuda"),
    ):
        pass
    with pytest.raises(EngineError, match="room for"), started(workers=99):
        pass


def test_a_model_behind_a_server_is_refused_before_anything_is_started(tmp_path):
    with pytest.raises(EngineError, match="has many requests under way by itself"):
        api.evaluate("nextqa", out=tmp_path / "run", model="http://127.0.0.1:9/v1", settings={"engine": "ray"})
    assert not (tmp_path / "run").exists()


@slow
def test_a_model_that_cannot_be_loaded_is_the_error_of_one_process(cluster, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with (
        pytest.raises(ModelError, match=r"config\.json"),
        started(f"model.checkpoint={tmp_path}", "model.revision=null"),
    ):
        pass


def _command(out, *more):
    here = Path(sys.executable).with_name("tarsier-eval")
    model = ["model=scripted", "model.delay_s=0.15", "engine=ray", "engine.workers=2", "engine.cpus_per_worker=0.5"]
    return [str(here), "eval", "--bench", "mvbench", "--out", str(out), *model, *more]


def _name_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")[:100]
    except OSError:
        return ""


def _descendants(pid):
    """The names of all processes below one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found, new = {}, {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found.update({child: name for child in new if (name := _name_of(child))})
    return found


def _lines(out):
    path = out / "predictions.jsonl"
    return path.read_text("utf-8").count("\n") if path.exists() else 0


@slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_driver_that_is_ended_leaves_what_is_done_and_no_process(tmp_path, how):
    out, here = tmp_path / "run", tmp_path / "eval"
    here.mkdir()  # a folder of this package's name where the user is
    with (tmp_path / "told").open("w") as told:
        process = subprocess.Popen(_command(out), cwd=tmp_path, stdout=told, stderr=told, start_new_session=True)
    while _lines(out) < 5:
        assert process.poll() is None, (tmp_path / "told").read_text()
        time.sleep(0.05)
    family = _descendants(process.pid)
    assert any("raylet" in name for name in family.values())
    if how == signal.SIGINT:  # as a terminal sends it: to all processes of the group
        os.killpg(process.pid, how)
    else:
        process.send_signal(how)
    code = process.wait(60)
    until = time.monotonic() + 60
    # Two small processes of Ray's notice only after a minute that a cluster was killed.
    while left := [name for pid, name in family.items() if _name_of(pid) == name and "Agent" not in name]:
        assert time.monotonic() < until, left
        time.sleep(0.2)
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    n = _lines(out)
    done = subprocess.run(_command(out), cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{n} of 168 samples are done" in done.stderr
    ids = [json.loads(line)["id"] for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]
    assert len(ids) == len(set(ids)) == 168
