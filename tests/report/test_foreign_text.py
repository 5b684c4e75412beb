"""Names from outside never act on a terminal, a CI log or a table."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from eval.__main__ import main
from eval.analysis.leaderboard.cells import read_csv, to_csv
from eval.analysis.leaderboard.reading import rows_of
from eval.core import Counts, Metric, Prediction, Result
from eval.regression.view import _data, _property
from eval.report.columns import Column, Line, show_table
from eval.report.failures import show_failures
from eval.report.printing import say
from eval.report.terminal import show_result
from eval.running.outcome import say as tell
from eval.runs.scored import ScoredRun
from tests.cli.runs import evaluate, needs_world

EVIL = "a\x1b[2J\x1b]0;t\x07b\r\nc\u202ed\u2066e\x9bf\u2028g"


def harmless(text, *, lines=None):
    assert all(character.isprintable() or character == "\n" for character in text), ascii(text)
    if lines is not None:
        assert text.count("\n") == lines, ascii(text)


def result(name):
    metric = Metric(
        name="accuracy", accounting="strict", subset=name, value=1.0, n=1, n_invalid=0, n_failed=0, average="micro"
    )
    return Result(
        benchmark=name, primary="accuracy", model=name, judge=name, protocol=name, score_id="0", complete=True,
        counts=Counts(total=1, scored=1, invalid=0, model_failed=0, judge_failed=0), metrics=(metric,), coverage=(),
        provenance={},
    )  # fmt: skip


def printed_by(show):
    to = io.StringIO()
    show(Console(file=to, width=1000))
    return to.getvalue()


def test_every_way_to_print_is_harmless(capsys):
    failed = [Prediction(id=EVIL, prompt="", output=None, error=EVIL)]
    harmless(printed_by(lambda to: say(to, EVIL.replace("\n", ""))), lines=1)
    harmless(printed_by(lambda to: show_result(result(EVIL), notes=[EVIL], console=to)))
    harmless(printed_by(lambda to: show_failures(failed, console=to)), lines=3)
    cells = printed_by(
        lambda to: show_table(to, (Column(name=EVIL, is_text=True),), (Line(cells=(EVIL,)),), elsewhere="x")
    )
    harmless(cells)
    tell(EVIL.replace("\n", ""))
    harmless(capsys.readouterr().err, lines=1)


def test_errors_are_harmless_lines(capsys):
    assert main(["why", "--run", EVIL]) == 2
    harmless(capsys.readouterr().err, lines=1)


@pytest.mark.slow
def test_warnings_are_harmless_lines():
    done = subprocess.run(
        [sys.executable, "-c", "import logging, eval.__main__ as m; m._log_one_line(); logging.warning('%s', "
         + ascii(EVIL) + ")"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.startswith("tarsier-eval: a\\x1b[2J")
    harmless(done.stderr, lines=1)


def test_a_workflow_command_stays_one():
    for encoded in (_data, _property):
        shown = encoded(f"100%\r\n::error::{EVIL}")
        harmless(shown, lines=0)
        assert "::" not in shown
    assert _data("100%\r\nx") == "100%25%0D%0Ax"


@pytest.mark.slow
@needs_world
def test_a_table_holds_no_control_characters(tmp_path):
    run = tmp_path / "run"
    assert evaluate(run, "--limit", "1") == 0
    scored = ScoredRun.read(run)
    evil = replace(result(EVIL), provenance={**scored.result.provenance, "split": EVIL})
    object.__setattr__(scored, "result", evil)
    rows = rows_of(scored, "run")
    content = to_csv(rows)
    harmless(content.decode())
    (tmp_path / "t.csv").write_bytes(content)
    assert read_csv(tmp_path / "t.csv") == rows


@pytest.mark.slow
@pytest.mark.parametrize("closing", ["| true", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["list", "--version", "--help"])
def test_a_closed_output_ends_quietly(closing, words):
    shell = f"set -o pipefail; {sys.executable} -m eval {words} {closing}"
    done = subprocess.run(["bash", "-c", shell], check=False, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.stderr == ""
    assert done.returncode in ((0, 141) if "|" in closing else (0,))
