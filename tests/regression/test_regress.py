"""`tarsier-eval regress`: exit codes, files, and faults that are planted and named."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from contextlib import nullcontext
from unittest import mock

import pytest
import torch

from eval.errors import ConfigError, RunError, TarsierEvalError
from eval.models.tarsier2.positions import prompt_positions
from eval.regression import builtin
from eval.regression.builtin import BASELINE, Setup, observe_builtin
from eval.regression.comparing import compare
from eval.regression.fixed import fixed_checks
from eval.regression.observing import Batching
from eval.regression.records import Observation, as_kept, read
from tests.analysis.compare.systems import answers, write
from tests.cli.runs import command, needs_world
from tests.regression.observed import metric, observation, sample


def regress(**flags):
    return command("regress", **flags)


@pytest.fixture
def observed(monkeypatch):
    """Stands for what the built-in subset gives; put another into it to change that."""
    found = {"now": observation()}
    monkeypatch.setattr(builtin, "observe_builtin", lambda _setup: found["now"])
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return found


def test_a_baseline_is_made_passes_fails_and_is_renewed(tmp_path, observed, capsys, monkeypatch):
    path = str(tmp_path / "b.jsonl")
    with pytest.raises(RunError, match="there is no baseline"):
        regress(baseline=path)
    assert regress(baseline=path, renew=True) == 0
    before = (tmp_path / "b.jsonl").read_bytes()
    assert regress(baseline=path) == 0
    observed["now"] = observation(sample(ids="1 4*160 7"), metric())
    capsys.readouterr()
    assert regress(baseline=path, junit=str(tmp_path / "sub" / "j.xml")) == 1
    shown = capsys.readouterr().out
    assert 'ids (input ids, in runs) of mvbench, q1: expected "1 4*168 7", found "1 4*160 7"' in shown
    assert "::error" not in shown
    assert ET.parse(tmp_path / "sub" / "j.xml").getroot().attrib["failures"] == "1"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    regress(baseline=path)
    assert "::error title=regress%3A ids::ids (input ids" in capsys.readouterr().out
    assert (tmp_path / "b.jsonl").read_bytes() == before
    assert regress(baseline=path, renew=True) == 0
    assert "1 of 2 records change" in capsys.readouterr().out
    assert regress(baseline=path) == 0


def junit_error(path):
    root = ET.parse(path).getroot()
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == ("1", "0", "1")
    (error,) = root.iter("error")
    return error.attrib["message"]


def test_a_gate_that_could_not_run_leaves_no_verdict_of_an_earlier_one(tmp_path, observed, monkeypatch):
    path, file = str(tmp_path / "b.jsonl"), tmp_path / "j.xml"
    regress(baseline=path, renew=True)
    assert regress(baseline=path, junit=str(file)) == 0
    assert ET.parse(file).getroot().attrib["errors"] == "0"
    for wrong, said in (
        ({"baseline": str(tmp_path / "none.jsonl")}, "there is no baseline"),
        ({"margin": 1.0}, "--margin, --metric and --accept are about two runs"),
        ({"run": str(tmp_path), "against": str(tmp_path / "gone"), "margin": 1.0}, str(tmp_path)),
        ({"baseline": path, "renew": True}, "--junit is about a comparison, and --renew makes none"),
    ):
        assert regress(baseline=path, junit=str(file)) == 0
        with pytest.raises(TarsierEvalError) as caught:
            regress(junit=str(file), **wrong)
        assert said in str(caught.value)
        assert junit_error(file) == str(caught.value)[:500]

    def interrupted(_setup):
        raise KeyboardInterrupt

    monkeypatch.setattr(builtin, "observe_builtin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        regress(baseline=path, junit=str(file))
    assert junit_error(file) == "The gate was ended before it had a verdict."


def test_the_exit_code_of_a_margin(tmp_path, capsys):
    old = write(tmp_path / "old", answers([1] * 900 + [0] * 100))
    runs = {
        0: write(tmp_path / "same", answers([1] * 900 + [0] * 100)),
        1: write(tmp_path / "bad", answers([1] * 800 + [0] * 200)),
        3: write(tmp_path / "moved", answers([1] * 850 + [0] * 50 + [1] * 50 + [0] * 50)),
    }
    for code, run in runs.items():
        flags = {"run": str(run), "against": str(old), "margin": 1.5, "junit": str(tmp_path / "j.xml"), "github": True}
        assert regress(**flags) == code
        assert ET.parse(tmp_path / "j.xml").getroot().attrib["failures"] == str(int(code == 1))
    shown = capsys.readouterr().out
    assert "PASS: mvbench" in shown
    assert "::error title=regress%3A accuracy::FAIL" in shown
    assert "::warning title=regress%3A accuracy::INCONCLUSIVE" in shown
    assert "Mixed settings" not in shown


def test_what_is_accepted_shows_wherever_a_pass_is_told(tmp_path, capsys):
    old = write(tmp_path / "old", answers([1] * 900 + [0] * 100))
    new = write(tmp_path / "new", answers([1] * 900 + [0] * 100), split="val")
    flags = {"run": str(new), "against": str(old), "margin": 1.5, "junit": str(tmp_path / "j.xml"), "github": True}
    assert regress(**flags, accept=["split"]) == 0
    said = "NOT ONLY THE MODELS DIFFER, as accepted: split"
    shown = capsys.readouterr().out
    assert "::notice title=regress%3A accuracy::PASS" in shown
    assert shown.count(said) == 2
    assert said in ET.parse(tmp_path / "j.xml").getroot().findtext(".//system-out", "")


def test_a_margin_points_out_a_run_that_was_continued_with_another_setting(tmp_path, capsys):
    changed = {"field": "code", "was": "1", "now": "2", "when": "2026-11-01T12:00:00+00:00", "predictions": 37}
    old = write(tmp_path / "old", answers([1] * 900 + [0] * 100))
    new = write(tmp_path / "new", answers([1] * 900 + [0] * 100), accepted=[changed])
    assert regress(run=str(new), against=str(old), margin=1.5) == 0
    assert f"Mixed settings: {new} was continued with another code (after 37 predictions)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"run": "a"}, "--run NEW --against OLD --margin POINTS"),
        ({"run": "a", "against": "b"}, "give all three"),
        ({"run": "a", "against": "b", "margin": 1.0, "renew": True}, "leave them out"),
        ({"margin": 1.0}, "give --run and --against"),
    ],
)
def test_flags_that_do_not_go_together(flags, said):
    with pytest.raises(ConfigError, match=said):
        regress(**flags)


def fixed(tmp_path):
    """Compare the fixed checks with the committed baseline's."""
    kept = read(BASELINE)
    was = [each for each in kept.records if each.benchmark == "fixed"]
    now = Observation(checkpoint=kept.checkpoint, world=kept.world, libraries={}, records=list(fixed_checks(tmp_path)))
    return compare(Observation(checkpoint=kept.checkpoint, world=kept.world, libraries={}, records=was), as_kept(now))


@pytest.mark.slow
def test_the_fixed_checks_are_as_in_the_committed_baseline(tmp_path):
    found = fixed(tmp_path)
    assert found.passed, found.first
    assert len(found.checked) > 500


@pytest.mark.parametrize(
    ("target", "fault", "field"),
    [
        ("eval.video.sampling.round", int, "indices"),
        ("eval.scorers.multiple_choice.first_character", lambda text: text.strip()[:1], "answer"),
        ("eval.captions.cider.SIGMA", 10.0, "values"),
        ("eval.scorers.accounting.video_of", lambda score: score.id, "aggregate"),
        ("eval.judges.rounds._is_open", lambda *_: False, "verdict"),
    ],
)
def test_a_fault_in_what_needs_no_model_is_named(tmp_path, target, fault, field):
    from eval.captions import cider

    cider._penalties.cache_clear()
    with mock.patch(target, fault, create=target.endswith(".round")):
        found = fixed(tmp_path)
    cider._penalties.cache_clear()
    assert found.first is not None
    assert found.first.field == field


def mirrored(frame, size):
    return frame.transpose(0).resize((size.side, size.side))


def behind_the_picture(ids, grids, image_token):
    """Return positions by transformers 5.23, where text goes on behind the largest of height and width."""
    found = prompt_positions(ids, grids, image_token)
    last = max(place for place, token in enumerate(ids) if token == image_token)
    ((frames, rows, columns),) = grids
    found[:, last + 1 :] -= max(0, frames - max(rows, columns))
    return found


def not_normalised(model):
    return torch.arange(256).expand(3, 256) / 255


@needs_world
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "field", "patched", "fault"),
    [
        ("", None, "eval.video.preparing._square", None),
        ("", "frames", "eval.video.preparing._square", mirrored),
        (", tarsier2-tiny", None, "eval.models.tarsier2.model.prompt_positions", None),
        (", tarsier2-tiny", "frames", "eval.video.preparing._resized", lambda rgb, size: rgb.resize(size, 2)),
        (", tarsier2-tiny", "positions", "eval.models.tarsier2.model.prompt_positions", behind_the_picture),
        (", tarsier2-tiny", "logprobs",
         "eval.models.tarsier2.model.Tarsier2ForConditionalGeneration.values_of_bytes", property(not_normalised)),
    ],
)  # fmt: skip
def test_a_fault_on_the_way_to_the_model_is_named(model, field, patched, fault, monkeypatch):
    setup = Setup(in_process=True, benchmarks=("vatex-caption",), way=Batching(clips_at_once=3, shuffled=1))
    monkeypatch.setattr(builtin, "suites", lambda _: [sample(benchmark="fixed")])  # they have tests of their own
    with mock.patch(patched, fault) if fault else nullcontext():
        now = as_kept(observe_builtin(setup))
    kept = read(BASELINE)
    records = [each for each in kept.records if each.benchmark == f"vatex-caption{model}"]
    mine = [each for each in now.records if each.benchmark == f"vatex-caption{model}"]
    found = compare(
        Observation(checkpoint=kept.checkpoint, world=kept.world, libraries={}, records=records),
        Observation(checkpoint=now.checkpoint, world=now.world, libraries={}, records=mine),
    )
    assert (found.first and found.first.field) == field
    assert len([each for each in mine if "frames" in each.fields]) == (3 if model else 8)
    assert [each.id for each in now.records if each.benchmark == "fixed"] == ["q1"]
