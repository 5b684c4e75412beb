"""Run folders: creation, continuation, refusal, repair."""

from __future__ import annotations

import json

import pytest

from eval.errors import RunError
from eval.store import open_run, refuse_foreign, write_atomically, write_json

SAME = {"benchmark": "b", "model": {"name": "m", "n_frames": 8}}


def test_a_new_run_keeps_its_config_and_fingerprint(tmp_path):
    folder = open_run(tmp_path / "a" / "run", SAME, "limit: 3\n").folder
    assert (folder / "config.yaml").read_text() == "limit: 3\n"
    assert json.loads((folder / "run.json").read_text())["fingerprint"] == SAME


def test_the_same_run_goes_on(tmp_path):
    open_run(tmp_path / "run", SAME, "").append([{"id": "1"}])
    again = open_run(tmp_path / "run", SAME, "")
    again.append([{"id": "2"}])
    assert again.predictions.read_text() == '{"id": "1"}\n{"id": "2"}\n'
    assert not again.repaired


def test_a_changed_run_is_refused_by_field(tmp_path):
    open_run(tmp_path / "run", SAME, "")
    with pytest.raises(RunError, match=r"another model\.n_frames: it has 8, this run has 16"):
        open_run(tmp_path / "run", {"benchmark": "b", "model": {"name": "m", "n_frames": 16}}, "")
    with pytest.raises(RunError, match="another judge: it has None, this run has 'j'"):
        open_run(tmp_path / "run", {**SAME, "judge": "j"}, "")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="not a run"):
        refuse_foreign(tmp_path)
    with pytest.raises(RunError, match="not a run"):
        open_run(tmp_path / "notes.txt", SAME, "")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_torn_last_line_is_dropped(tmp_path):
    folder = open_run(tmp_path / "run", SAME, "")
    folder.append([{"id": "1"}])
    with folder.predictions.open("a") as file:
        file.write('{"id": "2", "out')
    again = open_run(tmp_path / "run", SAME, "")
    assert again.repaired
    assert again.predictions.read_text() == '{"id": "1"}\n'


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"value": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"value": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert json.loads(path.read_text()) == {"value": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]
