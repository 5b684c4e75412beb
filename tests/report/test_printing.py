import io

import pytest
from rich.console import Console

from eval.report.printing import REASON, one_line, printed, results_console, say

PATH = "/a/folder/with-a-long/name/run.json"


@pytest.mark.parametrize("width", [20, 35, 200])
def test_a_line_goes_on_between_words_and_a_path_stays_whole(width):
    to = io.StringIO()
    line = f"\nWritten to {PATH}, as [bold]you[/bold] asked for :smile: it-is-there."
    say(Console(file=to, width=width), line)
    shown = to.getvalue()
    assert shown.split() == line.split()
    assert all(len(each) <= max(width, len(PATH) + 1) for each in shown.splitlines())
    assert shown.startswith("\nWritten")


def test_a_terminal_that_says_it_has_no_width_is_printed_to(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "0")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    say(results_console(), "two words")
    assert capsys.readouterr().out.split() == ["two", "words"]


def test_a_text_from_outside_is_one_line_of_bounded_length():
    assert one_line("a\n b\x1b[31m\u202ec") == "a b [31m c"
    assert len(one_line("x" * 500)) == 200
    assert len(one_line("x" * 500, REASON)) == 300


@pytest.mark.parametrize(
    ("right", "of", "shown"),
    # 23/80 is a tie, but its binary value times 100 is 28.749999999999996; 9/16 and 3/16 are ties in binary: to even.
    [(23, 80, "28.7"), (9, 16, "56.2"), (3, 16, "18.8"), (1, 3, "33.3")],
)
def test_ties_are_rounded_as_python_rounds_the_binary_value(right, of, shown):
    assert printed("accuracy", right / of) == shown == str(round(right / of * 100, 1))
