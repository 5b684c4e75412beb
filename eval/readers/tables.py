"""Reads rows of tables (csv, tsv and parquet), and picks the reader of a file by its extension."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.errors import DataError
from eval.installed import install
from eval.readers.malformed import STRICT, BadRowPolicy, RowError
from eval.readers.parsing import NotJSONError, opened, opened_text, parsed, whole
from eval.readers.rows import Row, read_json_list, read_jsonl, short, sound_row

_END = "\x1eend of the table\x1e"
"""Appended after the last line: if it is not parsed as its own row, an unclosed quotation has swallowed it."""
TABLES = (".parquet", ".json", ".jsonl", ".csv", ".tsv")
"""The extensions of files that `read_records` reads."""


def read_table(path: Path, delimiter: str = ",", tolerance: BadRowPolicy = STRICT) -> Iterator[Row]:
    """Yield one row for each line below the heading of a csv or tsv file; all values are text.

    Raises DataError where the file is missing, not UTF-8, or its heading names a column twice, and RowError where a
    line has more cells than the heading, or a quotation in it spans lines that are rows themselves.
    """
    try:
        text = whole(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}); save it as UTF-8") from None
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise DataError(f"{path}:{line}: holds a null character, and is not a table; fetch it again")
    # Not splitlines: cells may hold characters such as U+2028, which end no line in csv.
    table = csv.reader(io.StringIO(text.rstrip("\r\n") + f"\n{_END}", newline=""), delimiter=delimiter)
    heading: list[str] | None = None
    before, count = 0, 0
    for cells in _cells(table, path):
        place, before = f"{path}:{before + 1}", table.line_num
        if cells == [_END]:
            return
        if heading is None:
            heading = _heading(cells, place) if cells else None
        elif cells:
            count += 1
            with tolerance:
                _check(cells, len(heading), delimiter, place)
                yield Row(dict(zip(heading, cells, strict=False)), place, index=count - 1)


def _cells(table: Any, path: Path) -> Iterator[list[str]]:
    try:
        yield from table
    except csv.Error as error:
        raise DataError(f"{path}:{table.line_num}: cannot be read as a table ({error}); fetch it again") from None


def _heading(cells: Sequence[str], place: str) -> list[str]:
    twice = next((cell for cell in cells if cells.count(cell) > 1), None)
    if twice is not None:
        raise DataError(f"{place}: the heading names the column {short(twice)} twice; is this the right file?")
    return list(cells)


def _check(cells: Sequence[str], width: int, delimiter: str, place: str) -> None:
    """Refuse cells that form no row, or several."""
    for cell in cells:
        if _END in cell:
            raise RowError(f"{place}: the quotation mark that opens here is never closed; add the closing one")
        for line in cell.splitlines()[1:]:
            # Two stray quotation marks may enclose rows between them, which would be lost in one cell.
            if len(next(csv.reader([line], delimiter=delimiter), ())) == width > 1:
                raise RowError(f"{place}: a quotation that begins here holds whole rows; close it in the file")
    if len(cells) > width:
        raise RowError(f"{place}: more cells than the heading has; is {delimiter!r} the delimiter of this file?")


def read_parquet(path: Path) -> Iterator[Row]:
    """Yield the rows of a parquet file. Raises DataError where it is damaged or pyarrow is not installed."""
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        remedy = f"{install('parquet')}, or save the table as .jsonl in its place"
        raise DataError(f"{path}: reading parquet needs pyarrow; {remedy}") from None
    with opened(path) as file:
        try:
            values = parquet.read_table(file).to_pylist()
        except Exception as error:  # noqa: BLE001 - a damaged file can raise any exception
            raise DataError(f"{path}: not a parquet file ({error}); fetch it again") from None
    for number, value in enumerate(values):
        yield Row(value, f"{path}: row {number}", index=number)


def read_records(path: Path, tolerance: BadRowPolicy = STRICT) -> Iterator[Row]:
    """Yield the rows of a file by its extension: parquet, csv, tsv, jsonl, or json (a list, or one object a line)."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        return read_parquet(path)
    if kind in {".csv", ".tsv"}:
        return _with_lists(read_table(path, "\t" if kind == ".tsv" else ",", tolerance), tolerance)
    if kind == ".json":
        with opened_text(path) as file:
            if file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
                return read_json_list(path, tolerance)
    return read_jsonl(path, tolerance)


def _with_lists(rows: Iterator[Row], tolerance: BadRowPolicy) -> Iterator[Row]:
    """Yield the rows of a table, with cells that hold a JSON list parsed as lists."""

    def read(cell: Any) -> Any:
        try:
            return parsed(cell) if isinstance(cell, str) and cell.startswith("[") else cell
        except NotJSONError:
            return cell

    for row in rows:
        with tolerance:
            yield sound_row({field: read(cell) for field, cell in row.fields.items()}, row.place, row.index)
