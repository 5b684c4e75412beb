"""The leaderboard as CSV: lossless, and safe to open in a spreadsheet.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula, and names of models, judges and subsets
come from anywhere. So a text that begins with one of them, or with a tab or line break, which are skipped, is written
with an apostrophe before it, and so is a text that begins with an apostrophe; reading removes one leading apostrophe.
Numbers are written bare, the negative ones too. Source: OWASP, CSV injection.
"""

from __future__ import annotations

import csv
import io
import math
import re
import typing
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from eval.analysis.leaderboard.rows import ADDED, COLUMNS, Origin, TableRow, instant
from eval.errors import DataError, did_you_mean
from eval.readers.parsing import whole

MAX_CELL = 2000
"""Most characters of a text; anything longer is no name."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
"""First characters that a cell must not have; some spreadsheets treat the wide forms as formulas too."""
_QUOTED = frozenset(',"\r\n')
_NOWHERE = re.compile("[\0\ud800-\udfff]")
"""Characters that csv or UTF-8 cannot represent."""
_ORIGINS = typing.get_args(Origin)
_ROW = "row"
"""The first column: the row's short name, for people and for verify-row. It is derived from the others."""


def to_csv(rows: Iterable[TableRow]) -> bytes:
    """Return a table as a file's content, in UTF-8.

    Raises:
        DataError: a text cannot be stored in a table, see check_cell.
    """
    lines = [",".join((_ROW, *COLUMNS))]
    for row in rows:
        cells = [_cell(getattr(row, name)) for name in COLUMNS]
        lines.append(",".join((row.name, *map(_quoted, cells))))
    return ("\n".join(lines) + "\n").encode("utf-8")


def read_csv(path: Path) -> list[TableRow]:
    """Read a table; the inverse of to_csv.

    Raises:
        DataError: the file is not such a table; the message names the line.
    """
    try:
        text = whole(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 from byte {error.start} on. {_REMEDY}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = next(reader, [])
        if [name for name in (_ROW, *COLUMNS) if name in head or name not in ADDED] == head:
            return [_row(cells, head) for cells in reader]
    except (csv.Error, ValueError) as error:
        raise DataError(f"{path}:{reader.line_num}: {error}. {_REMEDY}") from error
    raise DataError(f"{path}:1: its columns are not those of a leaderboard of this version. {_REMEDY}")


_REMEDY = "Restore it from version control, or move it away and make it again from the runs."


def check_cell(text: str) -> None:
    """Raise ValueError where a table cannot hold a text: too long, or with characters that no file can hold."""
    if len(text) > MAX_CELL:
        raise ValueError(f"{text[:40]!r}... is {len(text)} characters long, and {MAX_CELL} is the most")
    if _NOWHERE.search(text):
        raise ValueError(f"{text[:40]!r} holds characters that no table can")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        try:
            check_cell(value)
        except ValueError as error:
            raise DataError(f"{error}. Give it another name.") from error
        return f"'{value}" if value.startswith(_FORMULA) else value
    return repr(value)


def _quoted(cell: str) -> str:
    # The csv module quotes a bare carriage return in some versions of Python only.
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.intersection(cell) else cell


def _row(cells: Sequence[str], head: Sequence[str]) -> TableRow:
    if len(cells) != len(head):
        raise ValueError(f"{len(cells)} cells, and {len(head)} columns")
    named = dict(zip(head, cells, strict=True))
    row = TableRow(**{name: _value(name, read, named[name]) for name, read in _readers() if name in named})
    if row.origin not in _ORIGINS:
        raise ValueError(f"origin {row.origin!r}. {did_you_mean(row.origin, _ORIGINS)}")
    instant(row.date)
    if row.name != cells[0]:
        raise ValueError(f"the row's name is {row.name}, not {cells[0]!r}: it was changed by hand")
    return row


def _value(name: str, read: Callable[[str], Any], cell: str) -> Any:
    try:
        return read(cell)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


@cache
def _readers() -> tuple[tuple[str, Callable[[str], Any]], ...]:
    """Return the name of each column with the function that parses its cells, by the types of a row's fields."""
    kinds: dict[type, Callable[[str], Any]] = {bool: _flag, float: _number, int: int}
    found = []
    for name, hint in typing.get_type_hints(TableRow).items():
        parts = [part for part in typing.get_args(hint) if part is not type(None)]
        read = kinds.get(parts[0] if parts else hint, _text)
        found.append((name, _maybe(read) if len(parts) < len(typing.get_args(hint)) else read))
    return tuple(found)


def _text(cell: str) -> str:
    text = cell.removeprefix("'")
    check_cell(text)
    return text


def _number(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"{cell} is not a number")
    return value


def _flag(cell: str) -> bool:
    if cell not in ("yes", "no"):
        raise ValueError(f"{cell!r} is neither yes nor no")
    return cell == "yes"


def _maybe(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda cell: read(cell) if cell else None
