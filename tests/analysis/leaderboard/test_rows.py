"""Rows: which of several counts, and the file that keeps them."""

from __future__ import annotations

import csv
import io
import random
from dataclasses import replace
from typing import Any

import pytest

from eval.analysis.leaderboard.cells import read_csv, to_csv
from eval.analysis.leaderboard.rows import TableRow, instant, merged, superseded
from eval.analysis.leaderboard.table import find_row
from eval.analysis.leaderboard.view import sections
from eval.errors import ConfigError, DataError

ROW = TableRow(
    origin="run",
    benchmark="mvbench",
    split="test",
    subset="overall",
    model="m",
    metric="accuracy",
    accounting="strict",
    judge="",
    protocol="",
    value=0.1 + 0.2,
    date="2026-11-01T12:00:00+00:00",
    score_id="abc",
    fingerprint="f" * 16,
)
UGLY = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''", "'", "＝1", "a,b", 'say "hi"', "two\nlines",
    "carriage\rreturn", "both\r\n", " lead", "trail ", "naïve 模型 🎬", "a|b", "<b>&amp;", "$x_1^2$", "\\textbf{x}",
    "x" * 2000,
    "\u2028", "=HYPERLINK(\"http://x\",\"y\")", "#N/A", "", "None", "1e5", "yes",
]  # fmt: skip


@pytest.mark.parametrize("text", UGLY)
def test_ugly_texts_come_back_exactly(text, tmp_path):
    rows = [replace(ROW, model=text, judge=text, subset=text, source=text), ROW]
    path = tmp_path / "t.csv"
    path.write_bytes(to_csv(rows))
    assert read_csv(path) == rows


@pytest.mark.parametrize("text", UGLY)
def test_no_cell_begins_as_a_formula(text):
    """As any reader of CSV sees it, not only our own."""
    content = to_csv([replace(ROW, model=text, judge=text, value=-0.5)]).decode()
    cells = dict(zip(*csv.reader(io.StringIO(content, newline="")), strict=True))
    assert cells["value"] == "-0.5"
    assert not any(
        cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for name, cell in cells.items() if name != "value"
    )


def test_numbers_come_back_exactly(tmp_path):
    rows = [replace(ROW, value=value, stderr=1e-300, low=-1.5, n=0, coverage=1.0) for value in (0.1 + 0.2, -0.0, 1e22)]
    path = tmp_path / "t.csv"
    path.write_bytes(to_csv(rows))
    assert [repr(row) for row in read_csv(path)] == [repr(row) for row in rows]


@pytest.mark.parametrize("text", ["x" * 2001, "nul\0", "\ud800"])
def test_what_no_table_can_hold_is_refused(text):
    with pytest.raises(DataError):
        to_csv([replace(ROW, model=text)])


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("0.30000000000000004", "0.3x"),
        lambda text: text.replace("0.30000000000000004", "nan"),
        lambda text: text.replace(",run,", ",ran,"),
        lambda text: text.replace(",mvbench,", ",tvbench,"),  # no longer the row of that name
        lambda text: text.replace(",no,", ",nope,"),
        lambda text: text.replace("value", "values"),
        lambda text: text[: len(text) * 9 // 10],
        lambda text: text + '"open',
        lambda text: text + "\n",
        lambda text: text.replace("2026-11-01T", "2026-13-01T"),
        lambda text: "",
        lambda text: "\0",
    ],
)
def test_a_damaged_table_is_refused_in_one_line(damage, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(damage(to_csv([ROW]).decode()))
    with pytest.raises(DataError) as error:
        read_csv(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "t.csv").write_bytes(to_csv([ROW]) + b"\xff")
    with pytest.raises(DataError):
        read_csv(tmp_path / "t.csv")


def test_the_newest_of_a_key_counts_in_any_order():
    older = replace(ROW, value=0.1, date="2026-11-01T12:00:00+02:00")  # 10:00 UTC
    newer = replace(ROW, value=0.2, date="2026-11-01T11:00:00+00:00")
    assert merged([older], [newer]) == merged([newer], [older]) == [newer]
    assert merged([newer], [replace(ROW, value=0.3, date="")]) == [newer]


def test_a_complete_row_counts_before_a_newer_incomplete_one():
    whole = replace(ROW, date="2026-11-01T11:00:00+00:00", complete=True, provenance="a", scores_sha256="1")
    broken = replace(ROW, date="2026-11-02T11:00:00+00:00", complete=False, provenance="b", scores_sha256="2")
    later = replace(whole, date="2026-11-03T11:00:00+00:00", provenance="c", scores_sha256="3")
    for order in ([whole, broken], [broken, whole]):
        assert merged(order[:1], order[1:]) == [whole]
        assert superseded(order, [whole]) == {"b": True}
    assert merged([whole, broken], [later]) == [later]
    assert superseded([whole, broken, later], [later]) == {"a": False, "b": True}
    again = replace(broken, date="2026-11-04T11:00:00+00:00", provenance="d", scores_sha256="4")
    assert merged([broken], [again]) == [again]
    assert superseded([broken, again], [again]) == {"b": False}


def test_a_run_is_superseded_by_a_later_score_of_it_that_gives_the_same():
    run = replace(ROW, provenance="run", scores_sha256="x", date="2026-01-01T00:00:00+00:00")
    again = replace(run, provenance="score", date="2026-01-02T00:00:00+00:00")
    assert superseded([run, again], merged([run], [again])) == {"run": False}


def test_a_copy_of_a_run_is_not_superseded_by_it():
    folder, bundle = replace(ROW, provenance="runs/a"), replace(ROW, provenance="a.tar.gz")
    assert superseded([folder, bundle], merged([folder], [bundle])) == {}
    subset = replace(folder, subset="x", provenance="a.tar.gz")
    assert superseded([replace(subset, scores_sha256="z"), folder], [folder, subset]) == {}


def test_a_tie_is_broken_the_same_way_in_any_order():
    folder, bundle = replace(ROW, provenance="runs/a"), replace(ROW, provenance="a.tar.gz")
    assert merged([folder], [bundle]) == merged([bundle], [folder])


def test_whatever_the_key_is_made_of_keeps_rows_apart_and_the_order_is_one():
    changed = ("benchmark", "split", "subset", "metric", "accounting", "judge", "protocol", "score_id", "model")
    others: list[dict[str, Any]] = [{name: "other"} for name in (*changed, "fingerprint", "data")]
    rows = [ROW, *(replace(ROW, **other) for other in others)]
    shuffled = random.Random(0).sample(rows, len(rows))
    assert len(merged(rows, [])) == len(rows)
    assert merged(rows, []) == merged(shuffled, []) == merged([], shuffled)
    assert len({row.name for row in rows}) == len(rows)


def test_dates_that_are_none():
    assert instant("") == float("-inf")
    for text in ("yesterday", "0001-01-01T00:00:00+14:00x"):
        with pytest.raises(ValueError, match=text[:4]):
            instant(text)


def test_a_row_is_named_by_number_or_by_its_name():
    rows = [ROW, replace(ROW, model="other")]
    assert find_row(rows, "2") is rows[1]
    assert find_row(rows, rows[0].name) is rows[0]
    assert find_row(rows, rows[1].name[:6]) is rows[1]
    for wrong in ("0", "3", "zz", rows[0].name[:2], ""):
        with pytest.raises(ConfigError, match="--row"):
            find_row(rows, wrong)


def test_a_table_without_a_later_column_is_read(tmp_path):
    path = tmp_path / "t.csv"
    row = replace(ROW, frames="uniform-8", chance=0.25, unstated="judge")
    lines = [line.rsplit(",", 3) for line in to_csv([row]).decode().splitlines()]
    assert [added for _, *added in lines] == [["frames", "chance", "unstated"], ["uniform-8", "0.25", "judge"]]
    path.write_text("\n".join(rest for rest, *_ in lines) + "\n", encoding="utf-8")
    assert read_csv(path) == [ROW]


def test_runs_of_a_model_are_told_by_their_frames():
    rows = [
        replace(ROW, frames=frames, fingerprint=letter * 16, headline=True, complete=True, n=1, data="d")
        for letter, frames in (("a", "uniform-8"), ("b", "fps-2-max-128"), ("c", ""))
    ]
    (section,) = sections(rows)
    assert sorted(cells[0].text for cells in section.body) == ["m", "m (2 fps, at most 128 frames)", "m (8 frames)"]
    assert section.header[-1] == "row"
    assert {cells[-1].text for cells in section.body} == {row.name for row in rows}
    same = [*rows, replace(rows[0], fingerprint="d" * 16)]
    (section,) = sections(same)
    assert "m (8 frames, aaaaaa)" in [cells[0].text for cells in section.body]
