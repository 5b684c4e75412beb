"""Fields in which two nested settings differ, of runs, scores or judges, and the ones that a user accepts by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field with two values: in two runs, scores or judges, or in one run before and after it was continued."""

    field: str
    """Its path, such as `judge.model`."""
    first: Any
    """Its value in the first, or in the folder; None where it has none."""
    second: Any
    """Its value in the second, or at this start."""


def differences_of(first: Mapping[str, Any], second: Mapping[str, Any], path: str = "") -> list[Difference]:
    """Return the fields, dotted, in which two nested settings differ; `path` is the prefix of their names."""
    found: list[Difference] = []
    for key in dict.fromkeys([*first, *second]):
        one, two = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            found += differences_of(one, two, f"{path}{key}.")
        elif one != two:
            found.append(Difference(field=f"{path}{key}", first=one, second=two))
    return found


def not_accepted(differences: Sequence[Difference], accept: Sequence[str]) -> list[Difference]:
    """Return the differences that no name in `accept` covers; a name includes all fields below it."""
    return [each for each in differences if not any(f"{each.field}.".startswith(f"{name}.") for name in accept)]
