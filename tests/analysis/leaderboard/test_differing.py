"""What tells the rows of one model apart, in words."""

from __future__ import annotations

from dataclasses import replace

from eval.analysis.leaderboard.differing import run_key, told_apart
from eval.analysis.leaderboard.reading import rows_of
from eval.runs.scored import ScoredRun
from tests.analysis.leaderboard.synthetic import write_run
from tests.analysis.leaderboard.test_rows import ROW


def told(rows, table):
    found = told_apart(rows, table)
    return [", ".join(found[run_key(row)].values()) for row in rows]


def run(tmp_path, name, **more):
    rows = rows_of(ScoredRun.read(write_run(tmp_path / name, **more)), name)
    return next(row for row in rows if row.headline and row.accounting == "strict")


def test_a_row_alone_needs_no_telling(tmp_path):
    assert told([ROW, replace(ROW, model="another")], tmp_path / "t.csv") == ["", ""]


def test_frame_policies_are_told_in_words(tmp_path):
    rows = [
        replace(ROW, frames=frames, fingerprint=frames)
        for frames in ("uniform-8", "fps-2-max-128", "", "a-policy-from-elsewhere")
    ]
    assert told(rows, tmp_path / "t.csv") == ["8 frames", "2 fps, at most 128 frames", "", "a-policy-from-elsewhere"]


def test_the_rule_is_told_where_it_differs(tmp_path):
    rows = [replace(ROW, frames=frames, fingerprint=frames) for frames in ("uniform-8", "uniform-8-tarsier2")]
    assert told(rows, tmp_path / "t.csv") == ["8 frames by the rule of tarsier", "8 frames by the rule of tarsier2"]


def test_settings_of_runs_at_hand_are_told(tmp_path):
    rows = [
        run(tmp_path, "a", settings={"n_frames": 8, "fps": None, "dtype": "bfloat16", "compile": False}),
        run(tmp_path, "b", settings={"n_frames": 8, "fps": None, "dtype": "float32", "compile": True}),
    ]
    assert told(rows, tmp_path / "t.csv") == ["dtype bfloat16, no compile", "dtype float32, compile"]


def test_hashes_are_numbered_by_date_and_told_only_where_nothing_else_is(tmp_path):
    settings = {"n_frames": 8, "fps": None}
    old, new = "2026-10-01T00:00:00+00:00", "2026-11-01T00:00:00+00:00"
    rows = [
        run(tmp_path, "new", settings={**settings, "code": "b" * 16}, date=new),
        run(tmp_path, "old", settings={**settings, "code": "a" * 16}, date=old),
    ]
    assert told(rows, tmp_path / "t.csv") == ["code 2 of 2", "code 1 of 2"]
    rows = [
        run(tmp_path, "c", settings={"n_frames": 8, "fps": None, "code": "b" * 16}, date=new),
        run(tmp_path, "d", settings={"n_frames": 4, "fps": None, "code": "a" * 16}, date=old),
    ]
    assert told(rows, tmp_path / "t.csv") == ["8 frames", "4 frames"]


def test_without_their_runs_the_dates_tell(tmp_path):
    rows = [
        replace(ROW, fingerprint=letter, date=f"2026-11-0{day}T10:30:00+00:00", provenance="gone")
        for letter, day in (("a", 1), ("b", 2))
    ]
    assert told(rows, tmp_path / "t.csv") == ["scored 2026-11-01 10:30", "scored 2026-11-02 10:30"]


def test_publications_are_told_by_their_judges_and_sources(tmp_path):
    rows = [
        replace(ROW, origin="published", judge=judge, source=source, score_id="", date="", fingerprint="")
        for judge, source in (("gpt-3.5", "paper"), ("gpt-4", "report"))
    ]
    assert told(rows, tmp_path / "t.csv") == ["gpt-3.5, paper", "gpt-4, report"]
