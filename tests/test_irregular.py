"""Pipes, sockets, devices and folders in place of files of others are refused, and never waited for."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from eval.__main__ import main
from eval.errors import DataError, ModelError, RunError
from eval.files import open_regular, read_regular
from eval.models.checkpoints.ending import repetition_penalty
from eval.models.tarsier.tokenizer_files import read_files
from eval.readers.rows import read_jsonl
from eval.readers.upstream_export import write_predictions
from eval.readers.upstream_import import import_upstream
from eval.regression.records import read as read_baseline
from eval.runs.record import read_record
from eval.runs.result import read_result
from eval.runs.scored import read_settings
from eval.video.frame_store import FrameKey, FrameStore
from tests.cli.runs import evaluate, needs_world

KINDS = ("pipe", "socket", "device", "folder")


def place(path, kind):
    """Put something that is no file in the place of one."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket has little room
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(path.name)
        finally:
            os.chdir(here)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_not_opened(kind, tmp_path):
    path = place(tmp_path / "x", kind)
    for read in (open_regular, read_regular):
        with pytest.raises(OSError, match="s a directory" if kind == "folder" else "no regular file"):
            read(path)
    with pytest.raises(OSError, match="null"):
        read_regular(tmp_path / "a\0b")
    (tmp_path / "file").write_bytes(b"content")
    assert read_regular(tmp_path / "file") == b"content"


@pytest.mark.parametrize("kind", KINDS)
def test_every_reader_refuses_it(kind, tmp_path):
    for name, read, error in (
        ("run.json", read_record, RunError),
        ("result.json", read_result, DataError),
        ("config.yaml", read_settings, DataError),
        ("generation_config.json", repetition_penalty, ModelError),
    ):
        place(tmp_path / name, kind)
        with pytest.raises(error, match=name):
            read(tmp_path)
    with pytest.raises(RunError, match="baseline cannot be read"):
        read_baseline(place(tmp_path / "baseline.jsonl", kind))
    with pytest.raises(DataError, match="rows"):
        next(read_jsonl(place(tmp_path / "rows.jsonl", kind)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["special_tokens_map.json", "added_tokens.json", "tokenizer_config.json", "tokenizer.json"]
)
def test_the_files_of_a_tokenizer_are_refused(name, kind, tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(b"")
    place(tmp_path / name, kind)
    with pytest.raises(ModelError, match=name):
        read_files(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert evaluate(folder, "--limit", "1") == 0
    return folder


@needs_world
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["result.json", "run.json", "config.yaml", "predictions.jsonl"])
def test_every_command_on_a_run_refuses_it(name, kind, finished, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    path = place(run / name, kind)
    out = str(tmp_path / "score")
    for argv in (
        ["bundle", "--run", str(run), "--to", str(tmp_path / "t.tar.gz")],
        *([["score", "--bench", "mvbench", "--pred", str(run), "--out", out]] if name != "result.json" else []),
        *([["export", "--run", str(run), "--to", str(tmp_path / "e")]] if name == "predictions.jsonl" else []),
    ):
        capsys.readouterr()
        code, said = main(argv), capsys.readouterr().err
        assert code == 2, argv
        assert str(path) in said, said
        assert "Traceback" not in said


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_predictions_and_annotations_are_refused(kind, tmp_path, capsys):
    path = place(tmp_path / "p.jsonl", kind)
    assert main(["score", "--bench", "mvbench", "--pred", str(path), "--out", str(tmp_path / "s")]) == 2
    assert main(["eval", "--bench", "mvbench", "--model", "scripted", "--ann", str(path), "--out", "x"]) == 2
    assert capsys.readouterr().err.count("is a pipe, socket or device, not a regular file") == 2


def test_folders_are_never_writable_by_others(tmp_path):
    rows = tmp_path / "clone" / "data" / "annotations"
    rows.mkdir(parents=True)
    (rows / "x.jsonl").write_text("")
    before = os.umask(0)
    try:
        write_predictions([], tmp_path / "a" / "b" / "rows.jsonl", None, "D")
        store = FrameStore(tmp_path / "c" / "d")
        store.put(FrameKey(name="ab" * 32, files=(), stamps=()), [])
        with pytest.raises(DataError):
            import_upstream(tmp_path / "clone", tmp_path / "p" / "q" / "pack")
    finally:
        os.umask(before)
    made = [each for name in "acp" for each in (tmp_path / name, *(tmp_path / name).rglob("*")) if each.is_dir()]
    assert len(made) > 6
    assert all(each.stat().st_mode & 0o777 == 0o755 for each in made), [oct(each.stat().st_mode) for each in made]
