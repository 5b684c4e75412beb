"""Folders of one run and of several: what goes into which, and what a message offers."""

from __future__ import annotations

import pytest

from eval import building
from eval.__main__ import main
from eval.runs.lock import FolderLock
from tests.cli.runs import evaluate


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "several"
    assert evaluate(out, "--limit", "2", bench="nextqa,egoschema") == 0
    return out


def refused(capsys, *words):
    capsys.readouterr()
    assert main(list(words)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def evaluated(out, bench, *more):
    return ["eval", "--bench", bench, "--model", "scripted", "--limit", "2", "--out", str(out), *more]


@pytest.mark.slow
def test_several_benchmarks_do_not_go_into_the_folder_of_one(several, tmp_path, capsys):
    line = refused(capsys, *evaluated(several / "nextqa", "nextqa,egoschema"))
    assert "is the folder of one run or score (it holds run.json), and several benchmarks take a folder each" in line
    (tmp_path / "file").write_text("")
    assert "is a file. Choose another OUT." in refused(capsys, *evaluated(tmp_path / "file", "nextqa,egoschema"))


def test_one_benchmark_does_not_go_into_the_folder_of_several(several, capsys):
    line = refused(capsys, *evaluated(several, "nextqa"))
    assert "holds several runs (egoschema, nextqa). Choose another OUT, or one of these folders." in line


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "--first", "{}", "--second", "{}/nextqa"],
        ["judge", "export", "--run", "{}", "--to", "{}.tar.gz"],
        ["why", "--run", "{}"],
    ],
)
def test_where_one_run_is_wanted_those_inside_are_named(several, capsys, words):
    line = refused(capsys, *(word.format(several) for word in words))
    said = f"{several} holds no result.json itself; give one of the runs in it: egoschema, nextqa."
    assert said in line.replace("'", "")


@pytest.mark.parametrize("name", ["", "predictions.jsonl"])
def test_the_benchmark_of_a_run_is_known(several, tmp_path, name):
    assert main(["score", "--pred", str(several / "egoschema" / name), "--out", str(tmp_path / "score")]) == 0


def test_the_benchmark_of_other_files_is_asked_for(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text("{}\n")
    line = refused(capsys, "score", "--pred", str(tmp_path / "a.jsonl"))
    assert "does not say of which benchmark it is; name it: --bench <name>." in line


def test_accepting_is_offered_only_where_it_can_help(several, capsys):
    for more in (("--limit", "1"), ("--bench", "mvbench")):
        line = refused(capsys, *evaluated(several / "nextqa", "nextqa"), *more)
        assert "Choose another OUT, or repeat the settings of that run." in line
        assert "accept=" not in line
    line = refused(capsys, *evaluated(several / "nextqa", "nextqa", "model.n_frames=2"))
    assert "accept=[model.n_frames]" in line


def test_a_busy_folder_is_noticed_before_the_model_is_loaded(several, tmp_path, capsys, monkeypatch):
    build = building.build

    def of_no_model(node, name, *more):
        assert name != "model"
        return build(node, name, *more)

    monkeypatch.setattr(building, "build", of_no_model)
    with FolderLock(several / "nextqa"):
        line = refused(capsys, *evaluated(several / "nextqa", "nextqa"))
    assert "is being written by process" in line
