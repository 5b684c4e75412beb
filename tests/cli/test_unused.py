"""Whatever is given and not used is refused; a path is taken as it is, with the home for `~`."""

from __future__ import annotations

import json
import os

import pytest
import yaml

from eval.__main__ import main
from eval.analysis.explain.target import by_hand
from eval.analysis.leaderboard.table import find_row
from eval.api import _overrides, score
from eval.config import load_settings, quoted
from eval.config.overrides import PATHS, USED
from eval.errors import ConfigError
from eval.readers.rows import read_jsonl
from tests.analysis.leaderboard.test_rows import ROW
from tests.cli.runs import evaluate, needs_world, read, small_benchmark


def refused(capsys, *argv):
    assert main(list(argv)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


SCORE = ("score", "--bench", "mvbench", "--pred", "none.jsonl")


@pytest.mark.parametrize(
    ("argv", "others"),
    [
        ((*SCORE, "out=x"), "out"),
        ((*SCORE, "limit=1"), "limit"),
        ((*SCORE, "annotations=x"), "annotations"),
        ((*SCORE, "min_coverage=0.5"), "min_coverage"),
        ((*SCORE, "model.n_frames=4", "max_cost=1", "video.decoder=decord"), "model.n_frames and video.decoder"),
        ((*SCORE, "model=scripted"), "model"),
        ((*SCORE, "accept=[code]", "full_output=true"), "accept and full_output"),
        ((*SCORE, "benchmark=tvbench"), "benchmark"),
        (("judge", "check", "data=x", "judge_check=true"), "data and judge_check"),
        (("judge", "check", "benchmark.split=test"), "benchmark.split"),
        (("judge", "replay", "--bundle", "b", "judge=offline"), "judge"),
        (("verify-row", "--row", "1", "max_cost=1"), "max_cost"),
        (("why", "--run", "r", "model.n_frames=1"), "model.n_frames"),
        (("why", "--run", "r", "prices=x"), "prices"),
        (("equivalence", "--bench", "mvbench", "out=x"), "out"),
    ],
)
def test_a_setting_that_a_command_does_not_use_is_refused(argv, others, capsys):
    verb = " ".join(argv[:2]) if argv[0] == "judge" else argv[0]
    assert f"{verb} does not use {others}; leave" in refused(capsys, *argv)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--judge", "offline"), "--judge: mvbench asks no judge; leave it out"),
        (("--protocol", "native", "max_cost=1"), "--protocol and max_cost: mvbench asks no judge; leave them out"),
        (("judge=scripted",), "judge: mvbench asks no judge"),
    ],
)
def test_settings_of_a_judge_that_nobody_asks_are_refused(more, said, tmp_path, capsys):
    (tmp_path / "p.jsonl").write_text("")
    for verb in (("eval",), ("equivalence",), ("score", "--pred", str(tmp_path / "p.jsonl"))):
        assert said in refused(capsys, *verb, "--bench", "mvbench", *more)


@pytest.mark.parametrize("number", ["1_0", "１０", "٣"])
def test_numbers_are_written_in_plain_digits(number, capsys):
    assert "write numbers in plain digits" in refused(capsys, "eval", "--bench", "mvbench", f"limit={number}")
    with pytest.raises(SystemExit):
        main(["eval", "--bench", "mvbench", "--limit", number])
    assert "is not a whole number" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="is a number from 0 to 100"):
        by_hand(number, "accuracy")
    with pytest.raises(ConfigError, match="no row is called so"):
        find_row([ROW], number)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ("--run", "a", "--against", "b", "--margin", "1", "--workers", "2"),
            "--workers are about the built-in subset",
        ),
        (("--renew", "--workers", "2"), "--workers is about a comparison"),
        (("--renew", "--github"), "--github is about a comparison"),
    ],
)
def test_flags_of_the_other_form_of_the_gate_are_refused(flags, said, capsys):
    assert said in refused(capsys, "regress", *flags)


def test_a_misspelt_setting_is_called_that(capsys):
    assert "Did you mean 'max_cost'?" in refused(capsys, "verify-row", "--row", "1", "max_cots=1")


@needs_world
def test_a_bundle_uses_one_setting(tmp_path, capsys):
    assert evaluate(tmp_path / "run", "--limit", "1") == 0
    capsys.readouterr()
    for verb in (("bundle",), ("judge", "export")):
        argv = (*verb, "--run", str(tmp_path / "run"), "--to", str(tmp_path / "t.tar.gz"), "limit=1")
        assert f"{' '.join(verb)} does not use limit; leave it out" in refused(capsys, *argv)


def test_a_setting_beside_its_flag_is_refused(capsys):
    assert "limit= is given as a flag too" in refused(
        capsys, "eval", "--bench", "mvbench", "--limit", "1", "limit=2"
    )  # the second one would win
    assert "data= is given as a flag too" in refused(capsys, *SCORE, "--data", "x", "data=y")


def test_python_refuses_them_too():
    with pytest.raises(ConfigError, match="score does not use limit"):
        score("none.jsonl", "mvbench", settings={"limit": 2})


def test_every_used_setting_is_one():
    settings = json.loads(json.dumps(load_settings([]).yaml))
    for name in {one.rstrip(".").partition(".")[0] for used in USED.values() for one in used}:
        assert f"{name}:" in settings


@needs_world
@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_annotations_that_hold_none_are_no_reason_to_take_others(kind, tmp_path, capsys):
    there = {"folder": tmp_path / "empty", "pipe": tmp_path / "pipe", "device": "/dev/null"}[kind]
    if kind == "folder":
        there.mkdir()
    if kind == "pipe":
        os.mkfifo(there)
    for bench in ("mvbench", "nextqa", "dream-1k"):  # of the built-in world, which has rows of its own
        argv = ["eval", "--bench", bench, "--model", "scripted", "--ann", str(there), "--out", str(tmp_path / bench)]
        assert f"annotations {there}" in refused(capsys, *argv) or kind == "folder"
        assert not (tmp_path / bench).exists()


@needs_world
def test_a_path_is_not_interpolated(tmp_path):
    root = tmp_path / "a${data}'s \\"
    root.mkdir()
    run = root / "${oc.env:HOME}\\'"
    flags = small_benchmark(root)
    assert evaluate(run, *flags) == 1  # two of the three videos cannot be read
    assert len(read(run / "predictions.jsonl")) == 3
    assert json.loads((run / "result.json").read_text())["provenance"]["data"] == str(root)
    assert next(read_jsonl(run / "predictions.jsonl"))
    assert yaml.safe_load((run / "config.yaml").read_text())["out"] == str(run)
    assert evaluate(run, *flags) == 1  # the same one goes on


@pytest.mark.parametrize("text", ["a'b", "a\\", "a\\'b", "\\\\", "${x}", "a\\${x}\\'", "x,y", "''"])
def test_a_quoted_text_is_taken_as_it_is(text):
    settings = load_settings([f"data={quoted(text)}"])
    assert (str(settings.data), settings.benchmark["data"]) == (text, text)


@pytest.mark.parametrize("key", ["data", "annotations", "out", "video.store", "benchmark.pack", "protocol.pack"])
@pytest.mark.parametrize("form", ['{}="~/x y"', "{}=~/x"])
def test_a_path_from_the_home_is_one_in_settings(key, form, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load_settings([form.format(key)])
    found = {
        "data": settings.data,
        "annotations": settings.annotations,
        "out": settings.out,
        "video.store": settings.loading.store,
        "benchmark.pack": settings.benchmark["pack"],
        "protocol.pack": settings.protocol["pack"],
    }[key]
    assert str(found) == str(tmp_path / ("x y" if "x y" in form else "x"))
    assert "~" not in settings.yaml


def test_the_paths_of_a_judge_are_in_the_home_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load_settings(["judge=local", *_overrides({"verdicts": "~/v", "prices": "~/p"})])
    assert (settings.judge["verdicts"], settings.judge["prices"]) == (str(tmp_path / "v"), str(tmp_path / "p"))
    assert load_settings(["judge=replay", "judge.bundle=~/b"]).judge["bundle"] == str(tmp_path / "b")


@pytest.mark.parametrize("key", [name for name in PATHS if name.partition(".")[0] not in ("judge", "benchmark")])
def test_a_home_of_nobody_is_one_line(key, capsys):
    assert "there is no such user" in refused(capsys, "eval", "--bench", "mvbench", f"{key}=~nosuchuser/x")


@pytest.mark.parametrize("place", ["~nosuchuser/x", "loop", "loop/x"])
@pytest.mark.parametrize(
    "argv",
    [
        *[("eval", "--bench", "mvbench", flag) for flag in ("--data", "--ann", "--out", "--model")],
        *[("score", "--bench", "mvbench", "--pred", "x", flag) for flag in ("--pred", "--data", "--out")],
        *[("bundle", "--run", "r", "--to", "t.tar.gz", flag) for flag in ("--run", "--to")],
        *[("judge", "export", "--run", "r", "--to", "t.tar.gz", flag) for flag in ("--run", "--to")],
        *[("judge", "replay", "--bundle", "b", flag) for flag in ("--bundle", "--pred", "--data", "--out")],
        *[("judge", "compare", "--first", "a", "--second", "b", flag) for flag in ("--first", "--second")],
        ("judge", "check", "--judge", "replay:"),
        *[("compare", "--first", "a", "--second", "b", flag) for flag in ("--first", "--second", "--to")],
        *[("export", "--run", "r", "--to", "t", flag) for flag in ("--run", "--to", "--ann")],
        *[("import", "--upstream", "u", flag) for flag in ("--upstream", "--to")],
        *[("why", "--run", "r", "--value", "1", flag) for flag in ("--run", "--data", "--verdicts", "--to")],
        *[("verify-row", "--row", "1", flag) for flag in ("--run", "--table", "--data")],
        *[("leaderboard", flag) for flag in ("--runs", "--to")],
        ("regress", "--baseline"),
        ("regress", "--junit"),
        ("regress", "--margin", "1", "--run", "r", "--against"),
    ],
    ids=lambda argv: " ".join((argv[0], argv[-1])),
)
def test_a_path_that_leads_nowhere_is_one_line(argv, place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("eval.report.progress.LONG", 600)  # a hub may be asked for loop/x, and be long in failing
    (tmp_path / "loop").symlink_to("loop")
    last = (argv[-1] + place,) if argv[-1].endswith(":") else (argv[-1], place)
    said = refused(capsys, *argv[:-1], *last)
    assert said.startswith("tarsier-eval: ")
