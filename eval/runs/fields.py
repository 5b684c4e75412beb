"""Checks of what a run recorded in its files, whose messages name the field, what is there, and what is expected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from eval.errors import DataError
from eval.readers.rows import short

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

_T = TypeVar("_T")

_WORDS = {
    "Input should be ": "", "a valid dictionary": "an object", "an instance of Mapping": "an object",
    "a valid mapping": "an object", "a valid array": "a list", "a valid string": "text",
    "a valid integer": "a whole number", "a valid number": "a number", "a valid boolean": "true or false",
}  # fmt: skip
"""pydantic's words, each with the plain one."""


@dataclass(frozen=True, kw_only=True)
class _Named:
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class _Part:
    limit: int | None = None
    subsets: list[str] | None = None
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Dated:
    date: str | None = None


@dataclass(frozen=True, kw_only=True)
class About:
    """What is read again of a run's fingerprint and of a result's provenance. Both hold more, and need not hold all."""

    benchmark: str = ""
    split: str | None = None
    limit: int | None = None
    n_samples: int = 0
    part: _Part | None = None
    model: _Named = field(default_factory=_Named)
    data: str | None = None
    annotations: str | None = None
    data_sha256: str | None = None
    predictions: str | None = None
    predictions_sha256: str | None = None
    date: str | None = None
    scored_with: _Dated | None = None


def checked(value: Any, shape: type[_T], place: str = "") -> _T:
    """Return parsed JSON as a dataclass; fields that it does not have are passed over.

    Args:
        value: The parsed JSON.
        shape: The dataclass.
        place: Name of the value in its file, for messages.

    Raises:
        DataError: a field is missing, or of another type.
    """
    from pydantic import ValidationError

    try:
        # As JSON, whose strict mode takes an object for a dataclass, and yet no text for a number.
        found: _T = _adapter(shape).validate_json(json.dumps(value), strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        raise DataError(told(error, place)) from None
    return found


def told(error: ValidationError, place: str = "") -> str:
    """Return the first fault that pydantic found: the field, what is there, and what is expected."""
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, (*([place] if place else []), *first["loc"]))) or "the file"
    if not first["msg"].startswith("Input should be "):
        return f"{where}: {first['msg']}"
    expected = first["msg"]
    for theirs, plain in _WORDS.items():
        expected = expected.replace(theirs, plain)
    return f"{where}: it is {short(first['input'])}, expected {expected}"


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(shape)


def mapping(value: Any, place: str) -> Mapping[str, Any]:
    """Return an object of parsed JSON. Raises DataError where it is something else."""
    if not isinstance(value, Mapping):
        raise DataError(f"{place}: it is {short(value)}, expected an object")
    return value
