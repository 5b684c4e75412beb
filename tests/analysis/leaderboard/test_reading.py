"""Run folders as they are found: sound ones give rows, and nothing else stops the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.analysis.leaderboard.finding import find_rows
from eval.analysis.leaderboard.reading import rows_of
from eval.building import build
from eval.config import load_settings
from eval.errors import ConfigError, TarsierEvalError
from eval.runs.scored import ScoredRun
from tests.analysis.leaderboard.synthetic import DATE, change, write_run


def found_in(*places, table="/nowhere/results/leaderboard.csv"):
    return find_rows([Path(place) for place in places], Path(table))


def by_name(rows):
    return {(row.subset, row.metric, row.accounting): row for row in rows}


def test_a_run_gives_a_row_for_each_metric(tmp_path):
    folder = write_run(tmp_path / "results" / "runs" / "one", ["A", "B", None, "B"])
    found = found_in(tmp_path / "results" / "runs", table=tmp_path / "results" / "leaderboard.csv")
    assert (found.n_results, found.unfinished, found.skipped) == (1, (), ())
    rows = by_name(found.rows)
    assert len(rows) == len(found.rows) == 10
    # Action Sequence: A, and a failure; Action Antonym: twice B, where A is right.
    strict, upstream = rows["Action Sequence", "accuracy", "strict"], rows["Action Sequence", "accuracy", "upstream"]
    assert (strict.value, strict.n, upstream.value, upstream.n) == (0.5, 2, 1.0, 1)
    headline = rows["overall", "accuracy", "strict"]
    assert (headline.value, headline.headline, headline.complete) == (0.25, True, False)  # 3 of 4 is below 99.5%
    assert [row.headline for row in found.rows].count(True) == 2
    assert (headline.model, headline.split, headline.date, headline.coverage) == ("always-A", "test", DATE, 0.5)
    assert (headline.provenance, headline.bundle_sha256, headline.builtin) == ("runs/one", "", True)
    assert headline.predictions_sha256 == ScoredRun.read(folder).raw["files"]["predictions.jsonl"]["sha256"]


def test_the_fingerprint_follows_what_predictions_and_score_depend_on(tmp_path):
    def fingerprint(name, **given):
        return ScoredRun.read(write_run(tmp_path / name, **given)).fingerprint

    plain = fingerprint("plain")
    assert fingerprint("again", date="2027-01-01T00:00:00+00:00", about={"code": "abc", "versions": {}}) == plain
    assert fingerprint("other", settings={"n_frames": 16}) != plain
    assert fingerprint("rule", digits="tarsier2") != plain
    here, there = ({"checkpoint": f"{root}/tarsier-7b"} for root in ("/home/a", "/mnt/b/c"))
    assert fingerprint("here", settings=here) == fingerprint("there", settings=there) != plain
    continued = write_run(tmp_path / "continued")
    accepted = {"field": "code", "was": 1, "now": 2, "when": DATE, "predictions": 3}
    change(continued / "run.json", accepted=[accepted])
    assert ScoredRun.read(continued).fingerprint != plain


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"n_frames": 8}, "uniform-8"),
        ({"n_frames": 128, "fps": 2}, "fps-2-max-128"),
        ({"n_frames": 8, "max_pixels": 460800, "min_pixels": 0}, "uniform-8-tarsier2"),
        ({"n_frames": 8, "architecture": "LlavaOnevisionForConditionalGeneration"}, "uniform-8-tarsier2"),
        ({"n_frames": 128, "fps": 0.5, "frame_rule": "tarsier2"}, "fps-0.5-max-128-tarsier2"),
        ({"n_frames": 8, "max_pixels": None, "provider": "openai"}, "uniform-8"),
        ({"n_frames": "8"}, ""),
    ],
)
def test_frames_are_named_with_their_rule(tmp_path, told, name):
    rows = rows_of(ScoredRun.read(write_run(tmp_path / "run", settings=told)), "run")
    assert {row.frames for row in rows} == {name}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tarsier-tiny", "tarsier2-tiny"])
def test_frames_are_named_as_the_model_has_them(tmp_path, name):
    model = build(load_settings([f"model={name}", "model.n_frames=4"]).model, "model")
    rows = rows_of(ScoredRun.read(write_run(tmp_path / "run", settings=dict(model.describe()))), "run")
    assert {row.frames for row in rows} == {model.frames.name}
    assert model.frames.name == ("uniform-4" if name == "tarsier-tiny" else "uniform-4-tarsier2")


def test_runs_are_found_at_any_depth_once(tmp_path):
    write_run(tmp_path / "all" / "mvbench")
    write_run(tmp_path / "all" / "tvbench")
    write_run(tmp_path / "one")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "notes.txt").write_text("about these runs")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = found_in(tmp_path, tmp_path / "one")
    assert (found.n_results, found.skipped) == (3, ())


def damaged(tmp_path):
    """Folders of which none is a sound run, and what is to be said of each."""

    def run(name):
        return write_run(tmp_path / name)

    (run("torn") / "result.json").write_bytes((tmp_path / "torn" / "result.json").read_bytes()[:500])
    (run("empty") / "result.json").write_text("")
    (run("list") / "result.json").write_text("[]")
    (run("deep") / "result.json").write_text("[" * 100_000)
    (run("bytes") / "result.json").write_bytes(b"\xff\xfe\x00")
    change(run("text") / "result.json", metrics__0__value="high")
    change(run("infinite") / "result.json", metrics__0__value=1e999)
    change(run("accounting") / "result.json", metrics__0__accounting="mine")
    change(run("twice") / "result.json", metrics__1__name="accuracy")
    change(run("nameless") / "result.json", model="")
    change(run("long") / "result.json", model="x" * 3000)
    change(run("nul") / "result.json", model="a\0b")
    change(run("undated") / "result.json", provenance__date="some day")
    change(run("scorer") / "result.json", provenance__scorer=None)
    change(run("again") / "result.json", provenance__scored_with="yes")
    (run("record") / "run.json").write_text("{}")
    with (run("longer") / "scores.jsonl").open("a") as file:
        file.write("{}\n")
    predictions = run("altered") / "predictions.jsonl"
    predictions.write_text(predictions.read_text().replace('"output": "B"', '"output": "A"'))
    (run("scoreless") / "scores.jsonl").unlink()
    (run("folder") / "result.json").unlink()
    (tmp_path / "folder" / "result.json").mkdir()
    (run("link") / "result.json").unlink()
    (tmp_path / "link" / "result.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "foreign" / "deeper").mkdir(parents=True)
    (tmp_path / "foreign" / "deeper" / "photo.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "odd.tar.gz").write_bytes(b"nothing packed")
    return [path for path in tmp_path.iterdir() if path.name != "link"]  # which counts as one that is not through


def test_damaged_and_foreign_folders_are_named_and_counted(tmp_path):
    bad = damaged(tmp_path / "runs")
    write_run(tmp_path / "runs" / "sound")
    write_run(tmp_path / "runs" / "begun")
    (tmp_path / "runs" / "begun" / "result.json").unlink()
    found = found_in(tmp_path / "runs")
    assert found.n_results == 1
    assert {Path(line.split(":")[0]).name for line in found.unfinished} == {"begun", "link"}
    assert len(found.skipped) == len(bad)
    for path in bad:
        assert sum(f"{path}" in line for line in found.skipped) >= 1, path.name
    assert not any("\n" in line or "Traceback" in line for line in found.skipped)


def test_a_place_that_is_not_there_is_a_mistake(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        found_in(tmp_path / "nowhere")


def test_a_score_of_a_foreign_file_is_known_by_its_content(tmp_path):
    folder = write_run(tmp_path / "score")
    for name in ("run.json", "config.yaml", "predictions.jsonl"):
        (folder / name).unlink()
    found = json.loads((folder / "result.json").read_text())
    del found["files"]["predictions.jsonl"]
    found["provenance"] = {
        "predictions": "/somewhere/p.jsonl",
        "predictions_sha256": "ab" * 32,
        "scored_with": {"date": "2026-11-02T00:00:00+00:00"},
        "scorer": found["provenance"]["scorer"],
    }
    (folder / "result.json").write_text(json.dumps(found))
    row = rows_of(ScoredRun.read(folder), "score")[0]
    assert row.date == "2026-11-02T00:00:00+00:00"
    assert row.data.startswith("scores ")
    assert row.predictions_sha256 == "ab" * 32
    change(folder / "result.json", provenance__predictions_sha256="cd" * 32)
    assert rows_of(ScoredRun.read(folder), "score")[0].fingerprint != row.fingerprint


def test_every_byte_of_a_result_may_be_spoilt(tmp_path):
    folder = write_run(tmp_path / "run")
    content = (folder / "result.json").read_bytes()
    for position in range(0, len(content), 97):
        (folder / "result.json").write_bytes(content[:position] + b"\x07" + content[position + 1 :])
        try:
            rows_of(ScoredRun.read(folder), "run")
        except TarsierEvalError as error:
            assert "\n" not in str(error)  # noqa: PT017 - many of the positions leave a sound result
