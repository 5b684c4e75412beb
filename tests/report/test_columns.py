"""Tables at any width: every number stands there whole, or its column is named as left out."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from eval.analysis.compare.systems import compare_systems
from eval.analysis.compare.view import show_comparison
from eval.analysis.explain.account import account_of, rescored
from eval.analysis.explain.explanation import Explanation
from eval.analysis.explain.parts import Part
from eval.analysis.explain.target import Target
from eval.analysis.explain.view import show_explanation
from eval.analysis.explain.ways import ScoringVariant
from eval.analysis.judges.comparison import compare_judges
from eval.analysis.judges.view import show_agreement
from eval.core import OVERALL, Coverage, Result
from eval.regression.comparing import compare
from eval.regression.records import as_kept
from eval.regression.view import show_outcome
from eval.report.columns import Column, Line, show_table
from eval.report.printing import UNBOUNDED, quoted_width, results_console
from eval.report.terminal import show_result, show_summary
from eval.running.score import count
from eval.scorers.accounting import averages
from tests.analysis.compare.systems import answers, line, scored
from tests.analysis.test_judges import answers as judged
from tests.regression.observed import metric, observation, sample
from tests.scorers.test_accounting import score

WIDTHS = (40, 60, 80, 100, 120, 200, UNBOUNDED)
ENOUGH = 60
"""The narrowest terminal that every table fits."""
LEFT_OUT = re.compile(r"Hidden, since the terminal is too narrow: (.+?)\. .+ has (?:it|them), or a terminal of (\d+)")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What was printed, and the table in it before it was fitted to any width."""

    text: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]

    @property
    def said(self):
        """The text without its line breaks: sentences go on in the next line."""
        return " ".join(self.text.split())

    @property
    def left_out(self):
        found = LEFT_OUT.search(self.said)
        names = found[1] if found else ""
        return {
            name
            for column in self.columns
            if (name := column.name) and re.search(rf"(^|, ){re.escape(name)}(, |$)", names)
        }

    @property
    def shown(self):
        return [at for at, column in enumerate(self.columns) if column.name not in self.left_out]


@pytest.fixture
def draw(monkeypatch):
    def drawn(show, given, width):
        seen = {}

        def spied(console, columns, lines, *, elsewhere):
            seen["table"] = tuple(columns), tuple(lines)
            return show_table(console, columns, lines, elsewhere=elsewhere)

        monkeypatch.setattr(importlib.import_module(show.__module__), "show_table", spied)
        console = Console(width=width, no_color=True, force_terminal=width != UNBOUNDED)
        with console.capture() as captured:
            show(given, console=console)
        text = re.sub(r"\x1b\[[0-9;]*m", "", captured.get())
        columns, lines = seen["table"]
        return Drawn(text=text, columns=columns, lines=lines)

    return drawn


def result():
    names = ["Counterfactual Inference", "Egocentric Navigation", "OCR"]
    scores = [score(f"v{i}", None if i % 9 == 0 else i % 2, video=f"v{i}", subset=names[i % 3]) for i in range(120)]
    scores[7] = replace(scores[7], status="model_failed", values={})
    metrics = [replace(each, chance=0.25, n=4000 + each.n, lower=0.4, upper=0.6) for each in averages(scores)]
    return Result(
        benchmark="mvbench", model="m", judge="gpt-3.5-turbo-0125", protocol="native", score_id="s", primary="accuracy",
        complete=True, counts=count(scores), metrics=tuple(metrics),
        coverage=(Coverage(subset="OCR", total=4000, present=3999),), provenance={},
    )  # fmt: skip


def description():
    given = result()
    metrics = [replace(each, name="precision_contradiction") for each in given.metrics if each.subset == OVERALL]
    return replace(given, metrics=(*given.metrics, *metrics))


def comparison(tmp_path):
    subsets = ("Counterfactual Inference", "Action Antonym")
    sides = [
        [row for subset in subsets for row in answers(right, subset=subset)]
        for right in ([1, 1, 1, 0, 1, 0, 1, 1] * 4, [0, 1, 0, 0, 1, 0, 1, None] * 4)
    ]
    ids = [[{**row, "id": f"{i}", "cluster": f"v{i // 2}"} for i, row in enumerate(rows)] for rows in sides]
    return compare_systems(*(scored(tmp_path / str(i), rows) for i, rows in enumerate(ids)))


def few(tmp_path):
    rows = [[line(f"{v}{i}", {"accuracy": float(v == i)}, cluster=v) for v in "abc" for i in "cba"[:n]] for n in (2, 2)]
    rows[1] = [{**row, "values": {"accuracy": float(row["cluster"] == "a")}} for row in rows[1]]
    found = compare_systems(*(scored(tmp_path / f"f{i}", each) for i, each in enumerate(rows)))
    return replace(found, changes=tuple(replace(each, stderr=0.4, detectable=None) for each in found.changes))


def explanation(target=True):
    def way(accounting, value):
        choices = {"digits": "tarsier", "accounting": accounting}
        return ScoringVariant(choices=choices, value=value, low=0.5, high=1.0, n=40, n_invalid=0, n_failed=0)

    base, other = way("strict", 0.973), way("upstream", 1.0)
    parts = (
        Part(kind="bounded", name="missing samples", here="128 missing", there="all 168", low=-0.762, high=1.0,
             explains=-0.374),
        Part(kind="bounded", name="rounding", here="not rounded", there="as published", low=-0.0005, high=0.0005,
             explains=-0.0005),
        Part(kind="unknown", name="precision, device", here="float32, cpu", there="float16, cuda (upstream's)"),
        Part(kind="unknown", name="wording", here="rows of a_file_of_a_long_name.jsonl cf4ee11c887a", there="the same",
             explains=0.0),
    )  # fmt: skip
    given = Target(value=0.6, rounding=0.0005, metric="accuracy", subset=OVERALL, number=422, model="T")
    return Explanation(
        place="p", benchmark="mvbench", model="m", judge=None, is_builtin=False, metric="accuracy", subset=OVERALL,
        number=base, recorded=0.973, target=given if target else None,
        rescored=tuple(rescored(base, [base, other], -0.373 if target else None)), others=parts, named=(),
        ways=(base, other), account=account_of(base, [base, other], 0.6, 0.0005) if target else None, subsets=(),
        notes=(),
    )  # fmt: skip


def outcome():
    now = observation(sample(decoded=["RGB 64x48 aa", "RGB 64x48 xx"], output="B"), metric(0.5))
    return compare(as_kept(observation()), as_kept(now))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("tables")
    named = [replace(result(), benchmark=name) for name in ("activitynet-qa", "mvbench")]
    return [
        (show_result, result()),
        (show_result, description()),
        (show_summary, [*named, replace(description(), judge=None)]),
        (show_comparison, comparison(tmp_path)),
        (show_comparison, few(tmp_path)),
        (show_explanation, explanation()),
        (show_explanation, explanation(target=False)),
        (show_agreement, compare_judges(*judged(tmp_path))),
        (show_outcome, outcome()),
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_number_is_cut(tables, draw, width):
    for show, given in tables:
        found = draw(show, given, width)
        at_numbers = [at for at in found.shown if not found.columns[at].is_text]
        assert at_numbers
        for row in found.lines:
            numbers = [row.cells[at] for at in at_numbers if at < len(row.cells) and row.cells[at]]
            in_one_line = " .*".join(f"(?<!\\S){re.escape(number)}(?!\\S)" for number in numbers)
            assert re.search(in_one_line, found.text), (numbers, found.text)


@pytest.mark.parametrize("width", WIDTHS)
def test_headers_stand_whole_or_are_named_as_left_out(tables, draw, width):
    for show, given in tables:
        found = draw(show, given, width)
        kept = {column.name for at, column in enumerate(found.columns) if at in found.shown}
        for word in " ".join(kept).split():
            assert word in found.text.split(), (word, found.text)
        assert "…" not in found.text.partition("samples")[0]
        if width == UNBOUNDED:
            assert not found.left_out
            assert len(kept) == len(found.columns)


@pytest.mark.parametrize("width", [width for width in WIDTHS if width >= ENOUGH])
def test_the_table_fits_its_terminal(tables, draw, width):
    for show, given in tables:
        text = draw(show, given, width).text
        rule = next(each for each in text.splitlines() if "───" in each)
        assert cell_len(rule) <= width, text


def test_texts_wrap_and_lose_nothing(draw):
    found = draw(show_result, description(), 60)
    assert "precision_" in found.text
    assert re.search(r"^contradiction\b", found.text, re.MULTILINE)
    assert re.search(r"^Counterfactual\s.*\nInference", found.text, re.MULTILINE)
    wrapped = draw(show_explanation, explanation(), 80).text
    header = next(each for each in wrapped.splitlines() if "in the run" in each)
    column = slice(header.index("in the run"), header.index("instead"))
    assert "rowsofa_file_of_a_long_name.jsonlcf4ee11c887a" in re.sub(
        r"\s", "", "".join(each[column] for each in wrapped.splitlines())
    )
    assert re.search(r"^  missing\s.*\n  samples", wrapped, re.MULTILINE)  # under itself, not under the section


def test_only_what_is_shown_is_explained(tmp_path, draw):
    narrow, wide = (draw(show_comparison, comparison(tmp_path / str(w)), w).said for w in (60, 200))
    assert "Detectable:" in wide
    assert "Detectable:" not in narrow
    assert "detectable. --to FILE has them" in narrow
    assert "If failed:" in draw(show_result, result(), 120).said
    assert "If failed:" not in draw(show_result, result(), 60).said
    assert "`could explain` is" in draw(show_explanation, explanation(), 80).said
    assert "`could explain` is" not in draw(show_explanation, explanation(target=False), 80).said


def test_what_is_left_out_fits_the_terminal_that_is_named(draw, tmp_path):
    for show, given in ((show_comparison, comparison(tmp_path)), (show_result, result())):
        said = LEFT_OUT.search(draw(show, given, 60).said)
        assert said is not None
        assert not draw(show, given, int(said[2])).left_out
        assert draw(show, given, int(said[2]) - 1).left_out


def test_a_small_move_has_the_digits_that_it_needs(draw):
    text = draw(show_explanation, explanation(), UNBOUNDED).text
    assert "-0.05 to +0.05" in text
    assert "up to -0.05" in text
    assert "up to -37.4" in text


def test_what_no_comparison_could_show_is_a_word(draw, tmp_path):
    found = draw(show_comparison, few(tmp_path), 120)
    at = [column.name for column in found.columns].index("detectable")
    assert {row.cells[at] for row in found.lines} == {"none"}
    assert "none: no difference could be seen with so few videos." in found.said
    assert "With so few videos none could be seen." in found.said
    assert "no difference could be seen" not in draw(show_comparison, comparison(tmp_path), 120).said


@pytest.mark.parametrize(
    ("done", "wanted", "expected"),
    [
        (167, 168, ["Partial: the run stopped with 1 sample to go.", "167 samples: 167 scored"]),
        (160, 168, ["Partial: the run stopped with 8 samples to go.", "160 samples: 160 scored"]),
        (400, 401, ["Partial: the run stopped with 1 sample to go.", "400 samples: 400 scored"]),
        (168, 168, ["168 samples: 168 scored"]),
    ],
)
def test_a_partial_result_says_so_first(draw, done, wanted, expected):
    scores = [score(f"v{i}", i % 2, video=f"v{i}") for i in range(done)]
    given = replace(
        result(), metrics=tuple(averages(scores)), counts=count(scores), complete=done == wanted,
        provenance={"n_samples": wanted},
    )  # fmt: skip
    text = draw(show_result, given, 120).text
    after = text[text.index(expected[0]) :].splitlines()
    assert [each.startswith(start) for each, start in zip(after, expected, strict=False)] == [True] * len(expected)
    # 160 of 168 are 95.2%, 167 are 99.4%; 400 of 401 are enough.
    share = {160: "INCOMPLETE: 95.2%", 167: "INCOMPLETE: 99.4%"}.get(done)
    assert ("INCOMPLETE" in text) is (share is not None)
    assert (share or "") in text


def test_off_a_terminal_there_is_room_for_all(capsys):
    assert results_console().width == UNBOUNDED
    assert quoted_width(results_console()) == 200
    show_result(result())
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 300  # nothing is filled up to that room


def test_markup_and_wide_characters_are_text():
    columns = [Column(name="", is_text=True), Column(name="n")]
    console = Console(width=30, no_color=True)
    with console.capture() as captured:
        show_table(console, columns, [Line(cells=("[red]x[/] " + "動画" * 12, "1,234"))], elsewhere="")
    text = captured.get()
    assert "[red]x[/]" in text
    assert text.count("動") == 12
    assert re.search(r"(?<!\S)1,234(?!\S)", text)
