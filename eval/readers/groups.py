"""Rows of a file that belong together: so many in order are a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from eval.readers.malformed import STRICT, BadRowPolicy, RowError
from eval.readers.rows import Row, short


def in_groups(
    rows: Iterable[Row], size: int, field: str, same: Sequence[str] = (), tolerance: BadRowPolicy = STRICT
) -> Iterator[tuple[Row, int]]:
    """Yield rows with their places in their groups, from 1, which those that cannot be read have too.

    Args:
        rows: The rows of a file, whose indices count.
        size: The number of rows of a group.
        field: The identifier of a group.
        same: Further fields that the rows of a group have in common.
        tolerance: Handles malformed rows.

    Raises RowError where a group has rows of several identifiers, the same row twice, or values in `same` that differ.
    """
    known = list(rows)
    names: dict[int, set[str]] = {}
    for row in known:
        with suppress(RowError):
            names.setdefault(row.index // size, set()).add(row.label(field))
    torn = {name for found in names.values() if len(found) > 1 for name in found}
    groups: dict[int, list[Row]] = {}
    for row in known:
        with tolerance:
            if (name := row.label(field)) in torn:
                raise row.error(
                    field,
                    f"is {name!r}, and {size} rows in order are not of one group: complete or order the rows of each",
                )
            group = groups.setdefault(row.index // size, [])
            _check(row, group, same)
            group.append(row)
            yield row, row.index % size + 1


def _check(row: Row, group: Sequence[Row], same: Sequence[str]) -> None:
    for other in group:
        if _told(other) == _told(row):
            raise RowError(f"{row.place}: the same row as at {other.place}; put the right one in its place")
        for key in same:
            if _told(row).get(key) != _told(other).get(key):
                here, there = row.fields.get(key), other.fields.get(key)
                raise row.error(
                    key,
                    f"is {short(here)}, and {short(there)} at {other.place}, which is of the same group; correct one",
                )


def _told(row: Row) -> dict[str, str]:
    # As text, by which a missing number is the same as another; lists may be spaced in any way.
    return {field: str(value).replace(" ", "") for field, value in row.fields.items()}
