"""What is to know of a set that its owners publish."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eval.analysis.card import originals

HOST = "https://raw.githubusercontent.com"
"""Address below which a file of a repository lies at `<repository>/<commit>/<path>`."""

Rows = Iterable[Mapping[str, Any]]
"""Items in the form of items.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A set at its owners'."""

    name: str
    repository: str
    commit: str
    """The commit at which it is fetched, so that everybody has the same items."""
    files: tuple[str, ...]
    """Paths in the repository."""
    licence: str
    """As its owners state it."""
    paper: str
    read: Callable[[Path], Rows]
    """Return its items, given the folder that has the files under their paths."""


@cache
def all_originals() -> Mapping[str, Original]:
    """Return all sets by name."""
    prefix = f"{originals.__name__}."
    modules = [importlib.import_module(each.name) for each in pkgutil.iter_modules(originals.__path__, prefix)]
    found = [original for module in modules if isinstance(original := getattr(module, "ORIGINAL", None), Original)]
    return {original.name: original for original in sorted(found, key=lambda each: each.name)}
