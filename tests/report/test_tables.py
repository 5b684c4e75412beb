"""The leaderboard as Markdown and LaTeX: what is compared, what is bold, and names that are no markup."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from eval.analysis.leaderboard.view import escape_latex, escape_markdown, latex, markdown, sections
from tests.analysis.leaderboard.test_rows import ROW, UGLY

GOOD = replace(ROW, value=0.8, stderr=0.02, low=0.76, high=0.84, n=400, complete=True, headline=True, coverage=1.0)
BAD = replace(GOOD, model="bad", value=0.5, low=0.46, high=0.54)
QUOTED = replace(
    ROW, origin="published", model="GPT", accounting="", value=0.99, score_id="", headline=True, source="paper"
)


def cells(text):
    """The cells of a Markdown file's tables, by rows."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_best_is_bold_where_it_is_significantly_better():
    assert ["m", "**80.0 (76.0 to 84.0)**", "400", "100.0%", "2026-11-01", GOOD.name] in cells(markdown([BAD, GOOD]))
    line = rf"m & \textbf{{80.0 (76.0 to 84.0)}} & 400 & 100.0\% & 2026-11-01 & {GOOD.name} \\"
    assert line in latex([BAD, GOOD])
    near = replace(BAD, value=0.78, low=0.74, high=0.82)
    assert "**" not in markdown([near, GOOD])
    assert "textbf" not in latex([near, GOOD])


def test_incomplete_runs_are_marked_and_never_bold():
    text = markdown([replace(GOOD, complete=False), BAD, replace(BAD, model="worse", value=0.1, low=0.06, high=0.14)])
    assert "| m † | 80.0 (76.0 to 84.0) |" in text
    assert "| bad | **50.0 (46.0 to 54.0)** |" in text


def test_published_numbers_stand_apart_and_are_never_bold():
    text = markdown([GOOD, BAD, QUOTED, replace(QUOTED, model="worse", value=0.01)])
    assert ["GPT", "paper", "99.0"] in cells(text)
    assert "not measured here" in text
    assert text.count("**") == 2  # ours


@pytest.mark.parametrize("field", ["score_id", "data", "judge", "protocol", "split", "benchmark"])
def test_what_cannot_be_compared_is_in_no_table_together(field):
    another: dict[str, Any] = {field: "another"}
    rows = [GOOD, replace(BAD, **another)]
    assert [len(section.body) for section in sections(rows)] == [1, 1]
    assert "**" not in markdown(rows)


def test_accountings_and_companion_metrics_are_columns():
    rows = [
        GOOD,
        replace(GOOD, accounting="upstream", value=0.9),
        replace(GOOD, metric="recall", headline=False, accounting="upstream", value=0.7),
        replace(GOOD, metric="diagnostic", headline=False),
        replace(GOOD, subset="a part", headline=False),
        replace(QUOTED, metric="recall", headline=False, value=0.5),
    ]
    measured, published = sections(rows)
    assert measured.header == (
        "model",
        "accuracy, upstream",
        "accuracy, strict",
        "recall, upstream",
        "n",
        "media",
        "scored",
        "row",
    )
    assert published.header == ("model", "source", "recall")


def test_two_runs_of_a_model_are_told_apart():
    text = markdown([GOOD, replace(GOOD, fingerprint="abcdef0123456789")])
    assert "| m (abcdef) |" in text
    assert "| m (ffffff) |" in text


def test_the_built_in_world_is_named():
    assert "comparable with nothing else" in markdown([replace(GOOD, builtin=True)])
    assert "comparable with nothing else" not in markdown([GOOD])


@pytest.mark.parametrize("text", UGLY)
def test_ugly_names_stay_in_their_cell(text):
    rows = [replace(GOOD, model=text, judge=text, protocol=text), replace(QUOTED, model=text, source=text, judge=text)]
    assert {len(row) for row in cells(markdown(rows))} == {6, 3}
    body = [line for line in latex(rows).splitlines() if line.endswith(r" \\")]
    assert [len(re.findall(r"(?<!\\)&", line)) for line in body] == [5, 5, 2, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("<script>&", "&lt;script&gt;&amp;"),
        ("**b** _i_ `c` ~s~ $x^2$ # h {a}", r"\*\*b\*\* \_i\_ \`c\` \~s\~ \$x\^2\$ \# h \{a\}"),
        ("[a](http://x)", r"\[a\](http\://x)"),
        ("![a](x) @me www.x.org :smile:", r"\!\[a\](x) \@me www\.x.org \:smile:"),
        ("two\nlines\r\tand\x1b[31m more", r"two lines and \[31m more"),
        ("\\|", "\\\\\\|"),
        ("100%", "100%"),
    ],
)
def test_markdown_is_escaped(text, expected):
    assert escape_markdown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b % & # $ { }", r"a\_b \% \& \# \$ \{ \}"),
        ("~ ^ \\ |", r"\textasciitilde{} \textasciicircum{} \textbackslash{} \textbar{}"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("[x] *", "{[}x{]} {*}"),
        ("two\n\nlines", "two lines"),
        ("<b>", r"\textless{}b\textgreater{}"),
    ],
)
def test_latex_is_escaped(text, expected):
    assert escape_latex(text) == expected


def test_an_empty_leaderboard_is_one():
    assert markdown([]).startswith("# Leaderboard")
    assert latex([])
