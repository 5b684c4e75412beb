"""A plugin: its name, its groups, its modules, and all files of its code."""

from __future__ import annotations

import importlib.machinery
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eval.errors import ConfigError

MOST_FILES = 20_000
"""Most folders and Python files of a plugin."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plugin:
    """A folder or a package that adds choices to conf/."""

    name: str
    conf: Path
    """The folder of its groups."""
    home: Path
    """The folder of its modules."""
    package: str = ""
    """The package; "" for a folder, whose modules stand alone."""
    version: str | None = None
    """Version of the package."""
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The names that it adds to each group."""

    @property
    def modules(self) -> list[str]:
        """Its modules that stand alone, and its packages."""
        if self.package:
            return [self.package]
        names = [path.stem for path in self.home.glob("*.py") if path.is_file()] + [
            path.parent.name for path in self.home.glob("*/__init__.py") if path.is_file()
        ]
        return sorted(name for name in names if name.isidentifier())

    def owns(self, target: str) -> bool:
        """Whether a dotted name is below one of its modules."""
        return any(target.startswith(f"{name}.") for name in self.modules)

    @property
    def code(self) -> list[Path]:
        """All files that Python can import from it, those in linked folders too; a folder with two names once.

        Raises ConfigError where there is no end to them, since a link leads out of it.
        """
        packages = [self.home] if self.package else sorted(path.parent for path in self.home.glob("*/__init__.py"))
        alone = [] if self.package else [path for path in self.home.glob("*.py") if path.is_file()]
        return [*alone, *_importable(packages, self.home)]


def _importable(packages: Sequence[Path], home: Path) -> list[Path]:
    files: list[Path] = []
    seen: set[tuple[int, int]] = set()
    left = list(reversed(packages))
    while left:
        folder = left.pop()
        about = folder.stat()
        if (about.st_dev, about.st_ino) in seen:
            continue
        seen.add((about.st_dev, about.st_ino))
        # What Python keeps of sources comes and goes as they are imported.
        inside = sorted(path for path in folder.iterdir() if path.name != "__pycache__")
        files += [path for path in inside if _is_code(path) and path.is_file()]
        left += [path for path in reversed(inside) if path.name.isidentifier() and path.is_dir()]
        if len(seen) + len(files) > MOST_FILES:
            raise ConfigError(
                f"{home} has more than {MOST_FILES:,} folders and Python files, with those that links lead to; keep "
                "code alone in it."
            )
    return files


def _is_code(path: Path) -> bool:
    """Whether a file can be a module: source, an extension, or bytecode without its source."""
    if path.suffix == ".pyc":
        return not path.with_suffix(".py").exists()
    return path.name.endswith(tuple(importlib.machinery.all_suffixes()))
