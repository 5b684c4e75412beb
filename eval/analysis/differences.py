"""Settings in which two judges, or two runs, differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field in which the identities of two judges, or of two runs, differ."""

    field: str
    """Its path, such as `judge.model`."""
    first: Any
    """Its value in the first; None where it has none."""
    second: Any
    """Its value in the second."""


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
