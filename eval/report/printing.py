"""Common parts of all output: values in their usual format, and the console for results."""

from __future__ import annotations

import os
import sys
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from eval.readers.malformed import printable
from eval.scorers.traits import metric_named

UNBOUNDED = 100_000
"""Characters that a line may have where no terminal limits it: in a pipe, a file or a CI log."""
LEGIBLE = 200
"""Characters after which a quoted line is cut, however wide the console is."""
REASON = 300
"""The same for the reason of a failure, which may contain a path."""


def printed(name: str, value: float | None) -> str:
    """Return a value of a metric in its unit: times 100 with one digit, or points with two."""
    if value is None:
        return "-"
    return f"{value:.2f}" if metric_named(name).unit == "points" else f"{100 * value:.1f}"


def counted(n: int, one: str, several: str = "") -> str:
    """Return a number with its noun: `1 sample`, `4,000 samples`; `several` where an s does not make the plural."""
    return f"{n:,} {one if n == 1 else several or f'{one}s'}"


def titled(name: str) -> str:
    """Return the name of a metric, or of an average of it, for people: `accuracy, macro average`."""
    average = next((each for each in ("macro", "micro") if name.endswith(f"_{each}")), "")
    return metric_named(name).title.removesuffix(f" {average}") + (f", {average} average" if average else "")


def span(name: str, ends: tuple[float | None, float | None] | None) -> str:
    """Return an interval of a metric in its unit."""
    return "-" if ends is None else f"{printed(name, ends[0])}-{printed(name, ends[1])}"


class _Console(Console):
    """A console that ignores a closed pipe: `| head` is no failure of the run."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def results_console() -> Console:
    """Return the console for results, wide enough for every column where no terminal sets the width."""
    if not sys.stdout.isatty():
        return _Console(width=UNBOUNDED)
    console = _Console()
    return console if console.width > 0 else _Console(width=80)  # COLUMNS=0, as some shells set it


def say(console: Console, line: str, style: str = "") -> None:
    """Print a line as plain text, so that nothing in it is taken for markup or an emoji name.

    On a narrower terminal it wraps between words only, so that a path stays in one piece and can be copied. Control and
    direction characters are escaped, so that no name can act on the terminal.
    """
    for part in map(printable, line.split("\n")):
        for piece in wrap(part, console.width, break_long_words=False, break_on_hyphens=False) or [""]:
            console.print(Text(piece, style=style), soft_wrap=True)


def one_line(text: str, width: int = LEGIBLE) -> str:
    """Return a text from outside as one printable line of bounded length: no control or direction characters."""
    shown = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return shown if len(shown) <= width else shown[: width - 1].rstrip() + "…"


def quoted_width(console: Console) -> int:
    """Return the longest length of a quoted line."""
    return min(console.width, LEGIBLE)
