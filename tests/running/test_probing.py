"""Probes end to end: a model that really looks, on a world in which it is known what each subtask needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.mini.probed import NEEDS, write
from eval import api, building
from eval.analysis.leaderboard.finding import find_rows
from eval.core import OVERALL
from eval.errors import ConfigError, RunError
from eval.running.explaining import explain_run
from eval.running.probing import Probing, probe
from eval.running.request import EvalRequest, WhyRequest
from tests.running.seeing import SeeingModel

VIDEOS, FEW = 80, 12


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    write(folder, VIDEOS)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write(folder, FEW)
    return folder


@pytest.fixture
def seeing(monkeypatch):
    """The model that every run of the test gets."""
    return _patched(monkeypatch, SeeingModel())


def _patched(monkeypatch, model):
    monkeypatch.setattr(
        building, "build", lambda node, kind, *rest: model if kind == "model" else _build(node, kind, *rest)
    )
    return model


_build = building.build


def asked(world: Path, out: Path, **more) -> EvalRequest:
    return EvalRequest(bench="mvbench", model="scripted", data=world, out=out, verb="probe", **more)


def probed(world: Path, out: Path, probes: str = "all", **more) -> Probing:
    return probe(asked(world, out, **more), probes)


@pytest.mark.slow  # twelve runs of 320 samples
def test_each_known_outcome_is_found(large, tmp_path, seeing, read_here, capsys):
    found = probed(large, tmp_path / "p")
    assert found.whole
    needs = {one.subset: one.need for one in found.report.subtasks if one.subset != OVERALL}
    assert needs == NEEDS
    rows = {row.probe: row for row in found.report.rows}
    assert "frames-8" not in rows  # the plain run shows them
    changes = {name: row.changes["Moving Direction"] for name, row in rows.items()}
    # The later colour is an option: it is the answer to frames backwards, and to the middle one, the fifth of 8.
    assert {name: round(changes[name].second, 9) for name in ("reversed", "one-frame")} == {
        "reversed": 0,
        "one-frame": 0,
    }
    for name in ("rotated", "frames-2", "frames-16"):
        assert changes[name].first == changes[name].second == pytest.approx(1)
    assert rows["reversed"].changes["Object Existence"].second == pytest.approx(1)
    assert rows["no-question"].changes["Counterfactual Inference"].second < 0.6
    assert rows["no-video"].changes["Counterfactual Inference"].second == pytest.approx(1)
    # Three of four subtasks are answered in the same words, wherever the options stand, and guesses differ.
    assert 0.75 <= (rows["rotated"].unchanged or 0) < 0.85
    assert rows["reversed"].unchanged == pytest.approx(0.5 + 0.25 * _same(tmp_path / "p", "reversed"))
    folder = tmp_path / "p"
    assert json.loads((folder / "probe.json").read_text())["primary"] == "accuracy"
    told = (folder / "probe.md").read_text()
    printed = capsys.readouterr().out
    for text in (told, printed):
        assert "motion: the order of its frames" in text
        assert "Left above blind: +" in text


def _same(folder: Path, name: str) -> float:
    """Return the share of equal answers to the questions that nothing answers, read from the files of two runs."""

    def answers(run: str) -> dict[str, str]:
        rows = map(json.loads, (folder / run / "predictions.jsonl").read_text().splitlines())
        return {row["id"]: row["output"] for row in rows if row["subset"] == "Moving Count"}

    one, other = answers("plain"), answers(name)
    return sum(one[key] == other[key] for key in one) / len(one)


def test_variants_share_what_they_can(world, tmp_path, seeing, monkeypatch):
    from tests import reading

    loaded = []
    real = reading.ReadHere.load

    def noted(self, clips, **how):
        for one in real(self, clips, **how):
            loaded.append(one.clip)
            yield one

    monkeypatch.setattr(reading.ReadHere, "load", noted)
    probed(world, tmp_path / "p")
    # Each video in 8 frames, in 2, in 4 and in 16, and the grey clip: views and other clips' frames cost no decoding.
    assert len(loaded) == len(set(loaded)) == 4 * FEW + 1
    # Plain, moved options (3 places of 4), no question, and another clip's samples go to the model with one clip.
    assert seeing.calls.count((8, 4 + 3 * 4 + 4 + 4)) == FEW
    assert seeing.calls.count((8, 4)) == 2 * FEW  # shuffled, reversed
    assert [seeing.calls.count((n, 4)) for n in (1, 2, 4, 16)] == [FEW] * 4
    assert [prompts for frames, prompts in seeing.calls if prompts == 4 * FEW] == [4 * FEW]
    assert len(seeing.calls) == 8 * FEW - FEW + 1


def test_a_probe_passes_for_no_result_of_the_benchmark(world, tmp_path, seeing):
    out = tmp_path / "p"
    probed(world, out, "reversed")
    plain, other = api.load(out / "plain"), api.load(out / "reversed")
    assert (plain.benchmark, other.benchmark) == ("mvbench", "mvbench:reversed")
    assert "probe" not in plain.provenance
    assert other.provenance["probe"] == "reversed"
    found = find_rows([out], tmp_path / "table.csv")
    assert {row.benchmark for row in found.rows} == {"mvbench"}
    assert found.n_results == 1
    assert [line.partition(": ")[2] for line in found.probes] == [
        "a probe (reversed), whose numbers are none of the benchmark."
    ]
    with pytest.raises(ConfigError, match=r"is of 'mvbench', .* of 'mvbench:reversed'"):
        api.compare(plain, other)
    with pytest.raises(ConfigError, match=r"reversed is a probe of mvbench \(reversed\), and scored as it was run"):
        api.score(out / "reversed")
    with pytest.raises(ConfigError, match=r"is a probe \(reversed\); give the plain run beside it"):
        explain_run(WhyRequest(run=out / "reversed", value="50"))


def test_probes_of_two_runs_are_compared_and_different_ones_refused(world, tmp_path, seeing):
    one = [probed(world, tmp_path / name, "reversed").folder for name in ("a", "b")]
    assert {change.difference for change in api.compare(one[0] / "reversed", one[1] / "reversed").changes} == {0}


def test_publications_hold_no_probes(world, tmp_path, seeing):
    from eval.analysis.publish.runs import read_runs

    probed(world, tmp_path / "p", "reversed")
    with pytest.raises(RunError, match=r"reversed is a probe \(reversed\), and no run of the benchmark; leave it out"):
        read_runs([tmp_path / "p"])


@pytest.mark.slow  # three times twelve runs
def test_the_same_command_goes_on(world, tmp_path, monkeypatch, read_here):
    class Stopped(SeeingModel):
        def generate(self, asked, clock=None):
            if len(self.calls) > 30:
                raise KeyboardInterrupt
            return super().generate(asked, clock)

    _patched(monkeypatch, Stopped())
    out = tmp_path / "p"
    with pytest.raises(KeyboardInterrupt):
        probed(world, out)
    done = sum(len((path).read_text().splitlines()) for path in out.glob("*/predictions.jsonl"))
    assert done > 50
    rest = _patched(monkeypatch, SeeingModel())
    found = probed(world, out)
    whole = _patched(monkeypatch, SeeingModel())
    again = probed(world, tmp_path / "q")
    assert sum(prompts for _, prompts in rest.calls) == sum(prompts for _, prompts in whole.calls) - done
    assert found.report == again.report


def test_a_run_of_no_effect_claims_nothing(world, tmp_path, monkeypatch):
    _patched(monkeypatch, SeeingModel(blind=True))
    report = probed(world, tmp_path / "p", "no-video,one-frame,shuffled,reversed").report
    assert [one.need for one in report.subtasks] == ["unknown"] * 5
    assert all(one.least is None or one.least > 0 for one in report.subtasks)


@pytest.mark.parametrize(
    ("probes", "more", "said"),
    [
        ("backwards", {}, "--probes: there is no probe 'backwards'"),
        ("", {}, "--probes: there is no probe ''"),
        ("reversed", {"overrides": ["shard=1/2"]}, "probe does not use shard"),
    ],
)
def test_mistakes_are_named(world, tmp_path, probes, more, said):
    with pytest.raises(ConfigError, match=said):
        probed(world, tmp_path / "p", probes, **more)


def test_several_benchmarks_and_odd_margins_are_refused(world, tmp_path):
    with pytest.raises(ConfigError, match="probes take one benchmark at a time"):
        probe(EvalRequest(bench="mvbench,nextqa", model="scripted", verb="probe"))
    for margin in (0, 1e-9):
        with pytest.raises(ConfigError, match=f"--margin {margin:g} is not a loss to rule out"):
            probe(asked(world, tmp_path / "p"), margin=margin)


def test_of_one_frame_there_is_no_other_order(world, tmp_path, capsys):
    flags = {"bench": "nextqa", "model": "scripted", "limit": 4, "out": tmp_path / "p", "verb": "probe"}
    found = probe(EvalRequest(**flags, overrides=["model.n_frames=1"]), "one-frame,reversed,no-video")
    assert [row.probe for row in found.report.rows] == ["no-video"]
    assert "one-frame, reversed: left out, since the plain run shows just that." in "".join(capsys.readouterr())


def test_a_report_has_the_probes_of_earlier_calls(tmp_path, capsys):
    flags = {"bench": "nextqa", "model": "scripted", "limit": 4, "out": tmp_path / "p", "verb": "probe"}
    probe(EvalRequest(**flags), "no-video,reversed")
    (tmp_path / "p" / "reversed" / "result.json").unlink()
    found = probe(EvalRequest(**flags), "one-frame")
    assert [row.probe for row in found.report.rows] == ["no-video", "one-frame"]
    assert "reversed: begun by an earlier call and not finished" in "".join(capsys.readouterr())


def test_another_folder_is_refused(world, tmp_path, seeing):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="is there already and holds no probes"):
        probed(world, tmp_path, "reversed")
    out = probed(world, tmp_path / "p", "reversed").folder
    with pytest.raises(RunError, match="plain is there already and holds no probes"):
        probed(world, out / "plain", "reversed")


def test_open_answers_have_no_probes_of_options(tmp_path, capsys):
    found = probe(
        EvalRequest(bench="tgif-qa", model="scripted", limit=4, out=tmp_path / "p", verb="probe"),
        "rotated,no-question,one-frame,no-video",
    )
    assert [row.probe for row in found.report.rows] == ["no-video", "one-frame"]
    assert found.report.positions == ()
    assert "rotated is left out: it can ask none of the samples of tgif-qa." in capsys.readouterr().err
