"""Replaces paths by names: shared files may hold file names, but no paths of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_ABSOLUTE = re.compile(r"(/|~[\w.-]*/|[A-Za-z]:[\\/]|\\\\)[^\n]*")
"""A text that is an absolute path of Linux, macOS or Windows, and nothing else."""
_PARTS = re.compile(r"[\\/]+")


def without_places(value: Any) -> Any:
    """Return plain data in which every text that is an absolute path is cut to `.../` and its last name."""
    if isinstance(value, dict):
        return {key: without_places(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_places(each) for each in value]
    return _cut(value) if isinstance(value, str) and _ABSOLUTE.fullmatch(value) else value


def lines_naming(places: Iterable[str], files: Mapping[str, bytes]) -> dict[str, int]:
    """Return the number of lines with one of these absolute paths in each file that has some: messages hold them."""
    known = [place.encode() for place in places if place.startswith("/") and len(place) > 1]
    counts = {
        name: sum(any(place in line for place in known) for line in content.splitlines())
        for name, content in files.items()
    }
    return {name: count for name, count in counts.items() if count}


def _cut(path: str) -> str:
    names = [name for name in _PARTS.split(path) if name]
    return f".../{names[-1]}" if names else path
