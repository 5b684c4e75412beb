"""Rows of annotation and prediction files, with fields that are checked when they are read.

Every reader and adapter takes its values through `Row`, so that a file which does not fit its format is reported by
file, line and field, and no untyped value gets any further.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.errors import DataError
from eval.readers.malformed import STRICT, BadRowPolicy, RowError, printable
from eval.readers.parsing import MAX_LINE, NotJSONError, lines, parsed, problem, whole

SHOWN = 12
"""Number of names listed in a message."""


@dataclass(frozen=True, slots=True)
class Row:
    """One JSON object, or one line of a table, with its place."""

    fields: Mapping[str, Any]
    """The raw values."""
    place: str
    """`file:line`, or `file: item N` in a JSON list."""
    parent: str = ""
    """Path of this object inside its row, for messages: "" or e.g. `text.`."""
    index: int = 0
    """Its place among the rows of its file, from 0, also where rows before it cannot be read; 0 inside a row."""

    def error(self, field: str, problem: str) -> RowError:
        """Return an error that names place, field and problem."""
        return RowError(f"{self.place}: field {self.parent + field!r} {problem}")

    def has(self, field: str) -> bool:
        """Whether the field is present and not null."""
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
        """Return an identifier, which may be text or a whole number in the file. Raises DataError."""
        value = self._required(field)
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
            raise self._wrong(field, value, "a name or a whole number")
        return str(value)

    def number(self, field: str) -> float | None:
        """Return a finite number, or None where the field is absent, null or empty. Raises DataError."""
        value = self.fields.get(field)
        if value is None or value == "":
            return None
        number = _as_number(value)
        if not math.isfinite(number):
            raise self._wrong(field, value, "a finite number")
        return number

    def texts(self, field: str) -> tuple[str, ...]:
        """Return a list of texts. Numbers in it become text: options such as 3 occur both ways."""
        values = self._required(field)
        if not isinstance(values, list):
            raise self._wrong(field, values, "a list of texts")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                raise self._wrong(field, value, "a list of texts")
        return tuple(str(value) for value in values)

    def numbers(self, field: str, *, whole: bool = False) -> tuple[float, ...]:
        """Return a list of finite numbers, each of which may be written as text. Raises DataError."""
        values = self._required(field)
        found = tuple(map(_as_number, values)) if isinstance(values, list) else (math.nan,)
        if not all(number.is_integer() if whole else math.isfinite(number) for number in found):
            raise self._wrong(field, values, f"a list of {'whole ' if whole else ''}numbers")
        return found

    def refuse_others(self, known: Iterable[str], what: str) -> None:
        """Refuse fields that are not known, which could be misspelt; nulls are none. Raises DataError."""
        for name in self.fields:
            if name not in known and self.has(name):
                raise self.error(name, f"is none of {what}; known are {', '.join(known)}; correct it in the file")

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
            raise self.error(
                field, f"is missing; add it, or check that this is the right file (fields here: {some_of(self.fields)})"
            )
        return self.fields[field]

    def _wrong(self, field: str, value: object, expected: str) -> RowError:
        return self.error(field, f"is {short(value)}, expected {expected}; correct it in the file")


def read_jsonl(path: Path, tolerance: BadRowPolicy = STRICT) -> Iterator[Row]:
    """Yield one row for each line of a JSON-lines file; blank lines are skipped.

    Raises RowError, naming `file:line`, where a line is not UTF-8, not a JSON object, or too long.
    """
    count = 0
    for number, line in lines(path):
        place = f"{path}:{number}"
        # Some tools put a byte-order mark before the first line.
        content = (line or b"").removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").strip()
        if content or line is None:
            count += 1
            with tolerance:
                if line is None:
                    raise RowError(f"{place}: longer than {MAX_LINE} bytes; is this a JSON-lines file?")
                yield _json_row(content, place, count - 1)


def _json_row(line: bytes, place: str, index: int) -> Row:
    try:
        value = parsed(line)
    except NotJSONError as error:
        remedy = "correct or delete the line (a run that was cut off leaves half a line at the end)"
        raise RowError(f"{place}: not valid JSON ({error}); {remedy}") from None
    if not isinstance(value, dict):
        raise RowError(f"{place}: {short(value)} where a JSON object is expected; is this a JSON-lines file?")
    return sound_row(value, place, index)


def sound_row(value: Mapping[str, Any], place: str, index: int = 0) -> Row:
    """Return a row of parsed values. Raises RowError where it is nested too deeply, or a key is repeated."""
    if (wrong := problem(value)) is not None:
        raise RowError(f"{place}: {wrong}; correct it in the file")
    return Row(value, place, index=index)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file. Raises DataError where it is missing or not valid JSON.

    Errors in one item of a list are left to `item`, so that the others can be read.
    """
    try:
        return parsed(whole(path).removeprefix(b"\xef\xbb\xbf"))
    except NotJSONError as error:
        raise DataError(f"{path}: not valid JSON ({error}); fetch the file again") from None


def read_list(path: Path) -> list[Any]:
    """Return the content of a JSON file that holds a list. Raises DataError."""
    values = read_json(path)
    if not isinstance(values, list):
        raise DataError(f"{path}: {short(values)} where a list of objects is expected; is this the right file?")
    return values


def item(values: Sequence[Any], number: int, path: Path) -> Row:
    """Return one item of a list that was read from `path`. Raises RowError where it is no object."""
    value = values[number]
    if not isinstance(value, dict):
        raise RowError(f"{path}: item {number} is {short(value)}, expected an object; correct the file")
    return sound_row(value, f"{path}: item {number}", number)


def read_json_list(path: Path, tolerance: BadRowPolicy = STRICT) -> Iterator[Row]:
    """Yield one row for each object of a JSON file that holds a list. Raises DataError."""
    values = read_list(path)
    for number in range(len(values)):
        with tolerance:
            yield item(values, number, path)


def read_object(path: Path, *, empty: bool = True) -> Row:
    """Return the content of a JSON file that holds one object, which may be `empty`. Raises DataError."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(f"{path}: {short(value)} where an object is expected; is this the right file?")
    if not value and not empty:
        raise DataError(f"{path}: {{}}, with no questions in it; fetch the file again")
    return sound_row(value, str(path))


def some_rows(rows: Iterable[Row], path: Path) -> Iterator[Row]:
    """Yield the rows of one of several files. Raises DataError where there are none."""
    row = None
    for row in rows:
        yield row
    if row is None:
        raise DataError(f"{path}: has no questions, or none that can be read; fetch it again")


def by_label(rows: Iterable[Row], field: str, tolerance: BadRowPolicy = STRICT) -> dict[str, Row]:
    """Return rows by an identifier. Raises RowError where one is repeated."""
    found: dict[str, Row] = {}
    for row in rows:
        with tolerance:
            key = row.label(field)
            if key in found:
                raise row.error(field, f"is {key!r}, as at {found[key].place}; delete one of the two")
            found[key] = row
    return found


def read_lines(path: Path, tolerance: BadRowPolicy = STRICT) -> Iterator[tuple[str, str]]:
    """Yield `file:line` and text of each line that is neither blank nor a `#` comment. Raises DataError."""
    for number, line in lines(path):
        place = f"{path}:{number}"
        with tolerance:
            if line is None:
                raise RowError(f"{place}: longer than {MAX_LINE} bytes; is this the right file?")
            try:
                text = line.decode("utf-8-sig").strip()
            except UnicodeDecodeError as error:
                raise RowError(f"{place}: not UTF-8 ({error}); save the file as UTF-8") from None
            if text and not text.startswith("#"):
                yield place, text


def _as_number(value: Any) -> float:
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def short(value: object) -> str:
    """Return a value for a message: as JSON, cut, in one line."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (ValueError, RecursionError):  # too many digits, or nested too deeply
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def some_of(names: Iterable[object]) -> str:
    """Return names from a file for a message: the first few, each cut, or `none`."""
    texts = [printable(str(name)) for name in names]
    cut = ", ".join(text if len(text) <= 40 else f"{text[:37]}..." for text in texts[:SHOWN])
    return f"{cut} and {len(texts) - SHOWN} more" if len(texts) > SHOWN else cut or "none"
