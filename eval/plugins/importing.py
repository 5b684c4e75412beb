"""Importing the modules of plugins: exactly those, and none that hides another module."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from eval.errors import ConfigError, text_of
from eval.plugins.finding import OURS, found
from eval.plugins.plugin import Plugin


def owner(target: str) -> Plugin | None:
    """Return the plugin that has the module of a `_target_`; None where there is none."""
    return next((each for each in found() if each.owns(target)), None)


def allowed() -> list[str]:
    """Return the names of all modules and packages of plugins."""
    return [name for each in found() for name in each.modules]


def imported(module: str, plugin: Plugin) -> ModuleType:
    """Return a module of a plugin.

    Raises:
        ConfigError: its name is that of another module, or it cannot be imported, whatever its code raises.
    """
    if not plugin.package:
        _open(plugin)
    try:
        return importlib.import_module(module)
    except (ConfigError, KeyboardInterrupt):
        raise
    except BaseException as error:  # sys.exit too, by which the command would end as if it had succeeded
        at = f" ({error.filename}:{error.lineno})" if isinstance(error, SyntaxError) else ""
        said = error.msg if isinstance(error, SyntaxError) else text_of(error)
        raise ConfigError(f"{type(error).__name__}{': ' if said else ''}{said}{at}") from error


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of folders that are in use; Python itself finds all others, and none of these."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}

    def find_spec(
        self,
        fullname: str,
        path: Any = None,
        target: Any = None,  # noqa: ARG002 - the arguments of all finders
    ) -> importlib.machinery.ModuleSpec | None:
        """Return where a module is; None where it is of no folder."""
        if path is not None or fullname not in self.folders:
            return None
        return importlib.machinery.PathFinder.find_spec(fullname, [str(self.folders[fullname])])


_FINDER = _Finder()


def _open(plugin: Plugin) -> None:
    """Let the modules of a folder be imported. Raises ConfigError where one would hide another module."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    for name in plugin.modules:
        before = _FINDER.folders.pop(name, None)
        if before is not None and before != plugin.home:
            for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
                del sys.modules[loaded]
        if whose := _whose(name, plugin.home):
            raise ConfigError(f"{plugin.home} has a module {name!r}, and that is {whose}; rename yours.")
    importlib.invalidate_caches()
    _FINDER.folders |= dict.fromkeys(plugin.modules, plugin.home)


def _whose(name: str, home: Path) -> str:
    """Return whose module it is that has a name already; "" where it is free, or lies in `home`."""
    if name in OURS:
        return "a name of this project"
    if name in sys.stdlib_module_names:
        return "a module of Python"
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None, None) if finder is not _FINDER and hasattr(finder, "find_spec") else None
        if spec is not None and spec.origin is not None and home not in Path(spec.origin).parents:
            return f"a module that is installed ({spec.origin})"
    return ""
