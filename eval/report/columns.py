"""Tables in which no number is cut, whatever the terminal's width.

A column of numbers is as wide as its numbers. If the table is wider than the terminal, text wraps first, between words
and after `-`, `_`, `.` and `/`. If that isn't enough, whole columns are left out, the least important first, and a line
names them and where to find them. Output that is no terminal has room for all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from eval.readers.malformed import printable
from eval.report.printing import say

TEXT_LEAST = 8
"""Least width of a text column whose texts are longer."""
TEXT_ENOUGH = 16
"""Width from which a text column may break longer words anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    """Its header; a column without one is never left out."""
    is_text: bool = False
    """Whether it wraps in a narrow table. Numbers never do."""
    rank: int = 0
    """0: always shown. Of the others, the lowest rank is placed first.
    A narrow column may be shown where a wider one had no room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of a table; cells are text, never markup."""

    cells: tuple[str, ...]
    """From the left; missing ones are empty."""
    style: str = ""
    indent: int = 0
    """Spaces before the first cell, on each line that it wraps to."""
    ends_section: bool = False
    """Whether an empty line follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Widths:
    """Minimum and full width of a column, in characters."""

    least: int
    natural: int


def show_table(console: Console, columns: Sequence[Column], lines: Sequence[Line], *, elsewhere: str) -> frozenset[str]:
    """Print a table as far as it fits the console, and name the columns left out.

    Args:
        console: sets the available width.
        columns: the columns of the whole table.
        lines: the rows, each with as many cells as columns, or fewer.
        elsewhere: where to find all columns, as the start of a sentence.

    Returns:
        The names of the columns shown, which are those to explain.
    """
    # Names come from anywhere, and a cell has one line.
    lines = [replace(line, cells=tuple(map(printable, line.cells))) for line in lines]
    measured = [_measured(position, column, lines) for position, column in enumerate(columns)]
    natural = [each.natural for each in measured]
    is_dense = _total(natural, is_dense=False) > console.width
    chosen = _chosen(columns, measured, console.width) if is_dense else list(range(len(columns)))
    widths = _shared([columns[at] for at in chosen], [measured[at] for at in chosen], console.width, is_dense=is_dense)
    table = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=not is_dense,
        padding=(0, 1, 0, 0) if is_dense else (0, 1),
        width=_total(widths, is_dense=is_dense),  # set explicitly, so that a table wider than the console isn't cut
    )
    for at, width in zip(chosen, widths, strict=True):
        justify: Literal["left", "right"] = "left" if columns[at].is_text else "right"
        table.add_column(Text(printable(columns[at].name)), width=width, overflow="fold", justify=justify)
    for line in lines:
        cells = [_cell(line, at, width, columns[at]) for at, width in zip(chosen, widths, strict=True)]
        table.add_row(*cells, style=line.style or None, end_section=line.ends_section)
    around = [""] if is_dense else []  # instead of the empty lines of the edges
    for part in (*around, table, *around):
        console.print(part, crop=False)
    left_out = [column.name for at, column in enumerate(columns) if at not in chosen]
    if left_out:
        needed = _total([each.least for each in measured], is_dense=True)
        has = "has it" if len(left_out) == 1 else "has them"
        hidden = f"Hidden, since the terminal is too narrow: {', '.join(left_out)}."
        say(console, f"{hidden} {elsewhere} {has}, or a terminal of {needed} columns.")
    return frozenset(columns[at].name for at in chosen)


def _measured(position: int, column: Column, lines: Sequence[Line]) -> _Widths:
    """Return the minimum and the full width of a column."""
    cells = [(line.cells[position], 0 if position else line.indent) for line in lines if position < len(line.cells)]
    longest = max((cell_len(text) + indent for text, indent in cells), default=0)
    natural = max(longest, cell_len(column.name), 1)
    words = max((cell_len(word) for word in column.name.split()), default=1)
    if not column.is_text:
        return _Widths(least=max(longest, words), natural=natural)
    apart = r"\s+|(?<=[-_./])" if position else r"\s+"  # the row's name breaks only between words
    pieces = (cell_len(piece) + indent for text, indent in cells for piece in re.split(apart, text))
    least = min(max(TEXT_LEAST, words, *pieces), max(TEXT_ENOUGH, words))
    return _Widths(least=min(natural, least), natural=natural)


def _total(widths: Sequence[int], *, is_dense: bool) -> int:
    """Return the width of a table with such columns: with padding and dividers, and edges where there is room."""
    n = len(widths)
    return sum(widths) + (2 * n - 2 if is_dense else 3 * n - 1)


def _chosen(columns: Sequence[Column], measured: Sequence[_Widths], width: int) -> list[int]:
    """Return the positions of the columns that fit, placing the most important first."""
    kept = [at for at, column in enumerate(columns) if not column.rank]
    for at in sorted((at for at, column in enumerate(columns) if column.rank), key=lambda at: columns[at].rank):
        if _total([measured[each].least for each in (*kept, at)], is_dense=True) <= width:
            kept.append(at)
    return sorted(kept)


def _shared(columns: Sequence[Column], measured: Sequence[_Widths], width: int, *, is_dense: bool) -> list[int]:
    """Return the column widths: spare width goes to text, the narrowest first, then to headers of several words."""
    if not is_dense:
        return [each.natural for each in measured]
    widths = [each.least for each in measured]
    spare = width - _total(widths, is_dense=True)
    texts = [at for at, column in enumerate(columns) if column.is_text]
    while spare > 0 and (wanting := [at for at in texts if widths[at] < measured[at].natural]):
        widths[min(wanting, key=lambda at: widths[at])] += 1
        spare -= 1
    for at, each in enumerate(measured):
        if 0 < each.natural - widths[at] <= spare:
            spare -= each.natural - widths[at]
            widths[at] = each.natural
    return widths


def _cell(line: Line, position: int, width: int, column: Column) -> Text | Padding:
    text = line.cells[position] if position < len(line.cells) else ""
    indent = 0 if position else line.indent
    cell = Text(_broken(text, width - indent) if column.is_text else text)
    return Padding(cell, (0, 0, 0, indent)) if indent else cell


def _broken(text: str, width: int) -> str:
    """Return a text in which words wider than their column break after punctuation, where they have any."""
    if width < TEXT_LEAST // 2:
        return text
    inside = re.compile(rf"(\S{{3,{width - 1}}}[-_./])(?=\S)")
    return re.sub(rf"\S{{{width + 1},}}", lambda word: inside.sub("\\1\n", word[0]), text)
