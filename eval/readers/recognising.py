"""Names the form of a file that is neither upstream's rows nor our own, so that a message can say what was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.errors import DataError
from eval.readers.parsing import NotJSONError, opened_text, parsed
from eval.readers.rows import read_json, some_of

_START = 1 << 16
"""Bytes at the beginning of a file that are looked at."""


def recognised(path: Path) -> str | None:
    """Return a phrase for the form of a file that others wrote; None for rows of either kind, and where it is unclear.

    Raises DataError where the file cannot be read as text.
    """
    if path.suffix.lower() == ".parquet":
        return "a parquet table"
    with opened_text(path) as file:
        text = file.read(_START).decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        return _listed(path)
    if text.startswith("{"):
        return _objects(text, path)
    heading = text.partition("\n")[0].strip()
    delimiter = "\t" if "\t" in heading else ","
    if path.suffix.lower() in (".csv", ".tsv") and heading:
        columns = [cell.strip().strip('"') for cell in heading.split(delimiter)]
        return f"a table with the columns {some_of(columns)}"
    return None


def _listed(path: Path) -> str:
    try:
        values = read_json(path)
    except DataError:
        return "a JSON list"
    first: Any = values[0] if isinstance(values, list) and values else None
    if not isinstance(first, dict):
        return "a JSON list"
    if isinstance(first.get("questions"), list):
        return "nested JSON, a list of videos with the questions of each, as Video-MME gives out"
    return f"a JSON list of objects with the fields {some_of(first)}"


def _objects(text: str, path: Path) -> str | None:
    found = [_object(line) for line in text.splitlines() if line.strip()]
    rows = [row for row in found if row is not None]
    if rows and not any("dataset" in row or {"id", "benchmark"} <= row.keys() for row in rows):
        return f"JSON lines without 'dataset', with the fields {some_of(rows[0])}"
    if not rows:
        try:
            whole = read_json(path)
        except DataError:
            return None
        return f"one JSON object with the keys {some_of(whole)}" if isinstance(whole, dict) else None
    return None


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = parsed(line)
    except NotJSONError:
        return None
    return value if isinstance(value, dict) else None
