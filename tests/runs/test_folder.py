"""Run folders: creation, continuation, refusal, differences that are accepted, and what a kill leaves behind."""

from __future__ import annotations

import json
import os

import pytest

from eval.errors import RunError
from eval.runs.folder import open_run, read_record, refuse_changed, refuse_foreign, write_atomically, write_json

SAME = {"benchmark": "b", "model": {"name": "m", "n_frames": 8}}
OTHER = {"benchmark": "b", "model": {"name": "m", "n_frames": 16}, "code": "c2"}
CONFIG = "benchmark:\n  name: b\nmodel:\n  name: m\n"


@pytest.fixture
def run(tmp_path):
    """A run with one prediction, closed."""
    with open_run(tmp_path / "run", SAME, CONFIG) as folder:
        folder.append([{"id": "1"}])
    return tmp_path / "run"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_run_keeps_its_config_and_fingerprint(tmp_path):
    with open_run(tmp_path / "a" / "run", SAME, CONFIG) as run:
        assert (run.folder / "config.yaml").read_text() == CONFIG
        assert json.loads((run.folder / "run.json").read_text())["fingerprint"] == SAME
        assert (run.notes, run.record.accepted) == ((), ())
    assert names(run.folder) == ["config.yaml", "run.json"]


def test_the_same_run_goes_on(run):
    with open_run(run, SAME, CONFIG) as again:
        again.append([{"id": "2"}])
        assert again.predictions.read_text() == '{"id": "1"}\n{"id": "2"}\n'
        assert (again.repaired, again.notes) == (False, ())


def test_a_fingerprint_is_compared_as_json_keeps_it(tmp_path):
    open_run(tmp_path, {"events": ("a", "b")}, CONFIG).close()
    open_run(tmp_path, {"events": ("a", "b")}, CONFIG).close()
    refuse_changed(tmp_path, {"events": ["a", "b"]})


def test_a_changed_run_is_refused_by_field(run):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with pytest.raises(
        RunError, match=r"another model\.n_frames: it has 8, this run has 16 \(and another code\)"
    ) as no:
        open_run(run, OTHER, CONFIG)
    assert "Choose another OUT, repeat the settings of that run, or accept what differs by name" in str(no.value)
    assert "accept=[model.n_frames,code]." in str(no.value)
    with pytest.raises(RunError, match="another judge: it has None, this run has 'j'"):
        refuse_changed(run, {**SAME, "judge": "j"})
    refuse_changed(run, {"benchmark": "b"})
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_a_difference_that_is_accepted_is_kept_with_both_values(run):
    refuse_changed(run, OTHER, ["model", "code"])
    with open_run(run, OTHER, f"{CONFIG}code: c2\n", ["model", "code"]) as again:
        accepted = again.record.accepted
    assert [(a.field, a.was, a.now, a.predictions) for a in accepted] == [
        ("model.n_frames", 8, 16, 1),
        ("code", None, "c2", 1),
    ]
    assert all(a.when.startswith("20") for a in accepted)
    assert (
        "goes on with another code, as accepted: 'c2' from here on, after None for the 1 predictions" in again.notes[1]
    )
    assert (run / "config.yaml").read_text() == f"{CONFIG}code: c2\n"
    # From then on the new value is the run's: it goes on without asking, and the old one is refused.
    assert open_run(run, OTHER, CONFIG).record == read_record(run)
    with pytest.raises(RunError, match=r"another model\.n_frames: it has 16, this run has 8"):
        open_run(run, SAME, CONFIG)
    with open_run(run, {**OTHER, "code": "c3"}, CONFIG, ["code"]) as third:
        assert [a.field for a in third.record.accepted] == ["model.n_frames", "code", "code"]


@pytest.mark.parametrize("accept", [["cod"], ["model.n_frame"], ["mod"]])
def test_a_name_that_is_no_field_accepts_nothing(run, accept):
    with pytest.raises(RunError, match=rf"accept: '{accept[0]}' is not a field .* Did you mean '"):
        open_run(run, OTHER, CONFIG, accept)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="not a run"):
        refuse_foreign(tmp_path)
    with pytest.raises(RunError, match="not a run"):
        open_run(tmp_path / "notes.txt", SAME, CONFIG)
    assert names(tmp_path) == ["notes.txt"]
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "config.yaml").write_text("model: mine\n")
    with pytest.raises(RunError, match="not a run"):
        open_run(tmp_path / "project", SAME, CONFIG)
    assert (tmp_path / "project" / "config.yaml").read_text() == "model: mine\n"


def test_predictions_without_their_fingerprint_are_not_taken_up(run):
    (run / "run.json").unlink()
    with pytest.raises(RunError, match=r"holds predictions\.jsonl and no run\.json"):
        open_run(run, SAME, CONFIG)


# What a kill leaves behind.


@pytest.mark.parametrize("left", ["run.json", "config.yaml", "neither", "empty"])
def test_a_start_that_was_killed_between_its_files_goes_on(tmp_path, left):
    open_run(tmp_path, SAME, CONFIG).close()
    for name in ("run.json", "config.yaml"):
        if name != left:
            (tmp_path / name).unlink()
    if left == "empty":
        (tmp_path / "config.yaml").touch()
    (tmp_path / ".run.json.0a1b2c3d").write_text("{")
    (tmp_path / ".lock").write_text("")
    with open_run(tmp_path, SAME, CONFIG) as again:
        assert (tmp_path / "config.yaml").read_text() == CONFIG
        assert again.record.fingerprint == SAME
        assert f"{tmp_path / '.run.json.0a1b2c3d'}: removed a half-written file." in again.notes
    assert names(tmp_path) == ["config.yaml", "run.json"]


def test_half_written_files_are_removed_and_nothing_else(run):
    for name in (".predictions.jsonl.k3_x9z0q", ".result.json.00000000", ".scores.jsonl.abc", ".mine.00000000"):
        (run / name).write_text("{")
    with open_run(run, SAME, CONFIG) as again:
        assert len(again.notes) == 2
    assert names(run) == [".mine.00000000", ".scores.jsonl.abc", "config.yaml", "predictions.jsonl", "run.json"]


def test_a_torn_last_line_is_dropped(run):
    with (run / "predictions.jsonl").open("a") as file:
        file.write('{"id": "2", "out')
    with open_run(run, SAME, CONFIG) as again:
        assert again.repaired
        assert "predictions.jsonl:2: dropped a half-written last line (16 bytes)" in again.notes[0]
        assert again.predictions.read_text() == '{"id": "1"}\n'


@pytest.mark.parametrize("damage", ["gone", "", "benchmark: b\n", CONFIG.replace("name: b", "name: \0")])
def test_a_configuration_that_is_damaged_is_written_again(run, damage):
    if damage == "gone":
        (run / "config.yaml").unlink()
    else:
        (run / "config.yaml").write_text(damage)
    with open_run(run, SAME, CONFIG) as again:
        assert "config.yaml was missing or damaged" in again.notes[0]
    assert (run / "config.yaml").read_text() == CONFIG
    assert open_run(run, SAME, CONFIG).notes == ()


def test_a_configuration_that_only_reads_otherwise_stays_as_it_was_first(run):
    """Where the data lie, say: what predictions depend on is in the fingerprint."""
    assert open_run(run, SAME, f"{CONFIG}data: elsewhere\n").notes == ()
    assert (run / "config.yaml").read_text() == CONFIG


def test_a_folder_of_an_earlier_version_goes_on(run):
    (run / "run.json").write_text(json.dumps({"fingerprint": SAME}))
    with open_run(run, SAME, "other: yaml\n") as again:
        assert again.notes == ()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"fingerprint": 3}', '{"fingerprint": {}, "accepted": [{"field": "x"}]}', "\0" * 40],
)
def test_a_damaged_record_is_refused(run, content):
    (run / "run.json").write_text(content)
    for use in (lambda: open_run(run, SAME, CONFIG), lambda: refuse_changed(run, SAME), lambda: read_record(run)):
        with pytest.raises(RunError, match=r"run\.json is damaged") as raised:
            use()
        assert "\n" not in str(raised.value)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"value": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"value": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert json.loads(path.read_text()) == {"value": 1}
    assert names(tmp_path) == ["result.json"]


@pytest.mark.skipif(os.name == "nt", reason="folders have no such permissions there")
def test_a_place_where_no_folder_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        RunError, match=r"Cannot create the folder .*file/run: not a directory\. One of its folders is a"
    ):
        open_run(tmp_path / "file" / "run", SAME, CONFIG)
