"""Rows of annotation and prediction files, with fields that are checked when they are read.

Every reader and adapter takes its values through `Row`, so that a file which does not fit its format
is reported by file, line and field, and nothing untyped travels further into the house.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.errors import DataError
from eval.readers.malformed import STRICT, RowError, Tolerance


@dataclass(frozen=True, slots=True)
class Row:
    """One JSON object, or one line of a table, and where it stands."""

    fields: Mapping[str, Any]
    """The values as they came."""
    place: str
    """`file:line`, or `file: item N` in a JSON list."""
    parent: str = ""
    """Path of this object inside its row, for messages: "" or e.g. `text.`."""

    def error(self, field: str, problem: str) -> RowError:
        """Return an error that names place, field and problem."""
        return RowError(f"{self.place}: field {self.parent + field!r} {problem}")

    def has(self, field: str) -> bool:
        """Whether the field is there and not null."""
        return self.fields.get(field) is not None

    def text(self, field: str) -> str:
        """Return a field that must be text; it may be empty. Raises DataError."""
        value = self._required(field)
        if not isinstance(value, str):
            raise self._wrong(field, value, "text")
        return value

    def text_or_none(self, field: str) -> str | None:
        """Return a text field, or None where it is absent or null. Raises DataError for another type."""
        return self.text(field) if self.has(field) else None

    def label(self, field: str) -> str:
        """Return an identifier, which files write as text or as a whole number. Raises DataError."""
        value = self._required(field)
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
            raise self._wrong(field, value, "a name or a whole number")
        return str(value)

    def number(self, field: str) -> float | None:
        """Return a finite number, or None where the field is absent, null or empty. Raises DataError."""
        value = self.fields.get(field)
        if value is None or value == "":
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise self._wrong(field, value, "a finite number")
        return number

    def texts(self, field: str) -> tuple[str, ...]:
        """Return a list of texts. Numbers among them become text: options such as 3 are written both ways."""
        values = self._required(field)
        if not isinstance(values, list):
            raise self._wrong(field, values, "a list of texts")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                raise self._wrong(field, value, "a list of texts")
        return tuple(str(value) for value in values)

    def row(self, field: str) -> Row:
        """Return an object inside this one. Raises DataError."""
        value = self._required(field)
        if not isinstance(value, dict):
            raise self._wrong(field, value, "an object")
        return Row(value, self.place, f"{self.parent}{field}.")

    def rows(self, field: str) -> tuple[Row, ...]:
        """Return a list of objects; a single object counts as a list of one. Raises DataError."""
        value = self._required(field)
        values = [value] if isinstance(value, dict) else value
        if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
            raise self._wrong(field, value, "a list of objects")
        return tuple(Row(one, self.place, f"{self.parent}{field}[{i}].") for i, one in enumerate(values))

    def _required(self, field: str) -> Any:
        if not self.has(field):
            there = ", ".join(map(str, self.fields)) or "none"
            raise self.error(field, f"is missing; add it, or check that this is the right file (fields here: {there})")
        return self.fields[field]

    def _wrong(self, field: str, value: object, expected: str) -> RowError:
        return self.error(field, f"is {_short(value)}, expected {expected}; correct it in the file")


def read_jsonl(path: Path, tolerance: Tolerance = STRICT) -> Iterator[Row]:
    """Yield one row for each line of a JSON-lines file; blank lines are skipped.

    Raises RowError, naming `file:line`, where a line is not UTF-8 or not a JSON object.
    """
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            with tolerance:
                # Some tools put a byte-order mark before the first line.
                content = line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").strip()
                if content:
                    yield _json_row(content, f"{path}:{number}")


def _json_row(line: bytes, place: str) -> Row:
    try:
        content = line.decode("utf-8")
        value = json.loads(content, parse_constant=_refuse_constant)
        if "\\ud" in content:
            # Half a surrogate pair could never be written again as UTF-8; it becomes a question mark.
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        remedy = "correct or delete the line (a run that was cut off leaves half a line at the end)"
        raise RowError(f"{place}: not valid JSON ({error}); {remedy}") from None
    if not isinstance(value, dict):
        raise RowError(f"{place}: {_short(value)} where a JSON object is expected; is this a JSON-lines file?")
    return Row(value, place)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file. Raises DataError where it is missing or not valid JSON."""
    with _opened(path) as file:
        try:
            return json.loads(file.read().decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: not valid JSON ({error}); fetch the file again") from None


def read_list(path: Path) -> list[Any]:
    """Return the content of a JSON file that holds a list. Raises DataError."""
    values = read_json(path)
    if not isinstance(values, list):
        raise DataError(f"{path}: {_short(values)} where a list of objects is expected; is this the right file?")
    return values


def item(values: Sequence[Any], number: int, path: Path) -> Row:
    """Return one item of a list that was read from `path`. Raises RowError where it is no object."""
    value = values[number]
    if not isinstance(value, dict):
        raise RowError(f"{path}: item {number} is {_short(value)}, expected an object; correct the file")
    return Row(value, f"{path}: item {number}")


def read_json_list(path: Path, tolerance: Tolerance = STRICT) -> Iterator[Row]:
    """Yield one row for each object of a JSON file that holds a list. Raises DataError."""
    values = read_list(path)
    for number in range(len(values)):
        with tolerance:
            yield item(values, number, path)


def read_object(path: Path) -> Row:
    """Return the content of a JSON file that holds one object. Raises DataError."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(f"{path}: {_short(value)} where an object is expected; is this the right file?")
    return Row(value, str(path))


def by_label(rows: Iterable[Row], field: str, tolerance: Tolerance = STRICT) -> dict[str, Row]:
    """Return rows by an identifier. Raises RowError where one comes twice."""
    found: dict[str, Row] = {}
    for row in rows:
        with tolerance:
            key = row.label(field)
            if key in found:
                raise row.error(field, f"is {key!r}, as at {found[key].place}; delete one of the two")
            found[key] = row
    return found


def read_lines(path: Path, tolerance: Tolerance = STRICT) -> Iterator[tuple[str, str]]:
    """Yield `file:line` and text of each line that is neither blank nor a `#` comment. Raises DataError."""
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            place = f"{path}:{number}"
            with tolerance:
                try:
                    text = line.decode("utf-8-sig").strip()
                except UnicodeDecodeError as error:
                    raise RowError(f"{place}: not UTF-8 ({error}); save the file as UTF-8") from None
                if text and not text.startswith("#"):
                    yield place, text


def read_table(path: Path, delimiter: str = ",", tolerance: Tolerance = STRICT) -> Iterator[Row]:
    """Yield one row for each line below the heading of a csv or tsv file; all values are text.

    Raises DataError where the file is missing, not UTF-8, or a line has more cells than the heading.
    """
    with _opened(path) as file:
        try:
            # Not splitlines: cells may hold separators that are no ends of lines to csv, such as U+2028.
            lines = io.StringIO(file.read().decode("utf-8-sig"), newline="")
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: not UTF-8 ({error}); save it as UTF-8") from None
    table = csv.DictReader(lines, delimiter=delimiter)
    for fields in table:
        place = f"{path}:{table.line_num}"
        with tolerance:
            if None in fields:
                problem = f"more cells than the heading has; is {delimiter!r} the delimiter of this file?"
                raise RowError(f"{place}: {problem}")
            yield Row(fields, place)


def read_parquet(path: Path) -> Iterator[Row]:
    """Yield the rows of a parquet file. Raises DataError where it is damaged or pyarrow is not installed."""
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        remedy = "pip install -e '.[parquet]', or save the table as .jsonl beside it"
        raise DataError(f"{path}: reading parquet needs pyarrow; {remedy}") from None
    with _opened(path):
        pass
    try:
        values = parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise DataError(f"{path}: not a parquet file ({error}); fetch it again") from None
    for number, value in enumerate(values):
        yield Row(value, f"{path}: row {number}")


def read_records(path: Path, tolerance: Tolerance = STRICT) -> Iterator[Row]:
    """Yield the rows of a file by its extension: parquet, csv, tsv, jsonl, or json (a list, or one object a line)."""
    kind = path.suffix.lower()
    if kind == ".parquet":
        return read_parquet(path)
    if kind in {".csv", ".tsv"}:
        return map(_with_lists, read_table(path, "\t" if kind == ".tsv" else ",", tolerance))
    if kind == ".json":
        with _opened(path) as file:
            if file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
                return read_json_list(path, tolerance)
    return read_jsonl(path, tolerance)


def _with_lists(row: Row) -> Row:
    """Return a row of a table with the cells that hold a JSON list read as lists."""

    def read(cell: Any) -> Any:
        try:
            return json.loads(cell) if isinstance(cell, str) and cell.startswith("[") else cell
        except ValueError:
            return cell

    return Row({field: read(cell) for field, cell in row.fields.items()}, row.place)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")  # it could not be written again


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from None


def _short(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=repr)
    return shown if len(shown) <= 60 else shown[:57] + "..."
