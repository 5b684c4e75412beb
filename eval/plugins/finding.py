"""Folders and packages by which users add choices to conf/, and the modules that may be built from then.

A folder is named by --conf or TARSIER_EVAL_CONF. It is laid out like conf/, and has the modules that its yaml files
name beside the groups. A package names itself by an entry point, and has its groups in conf/ and its modules anywhere.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from eval.core import Task
from eval.errors import ConfigError, TarsierEvalError, text_of
from eval.files import absolute
from eval.installed import PROJECT
from eval.plugins.plugin import Plugin

_log = logging.getLogger(__name__)

ENTRY_POINTS = "tarsier_eval.conf"
"""The group of entry points by which an installed package names itself."""
VARIABLE = "TARSIER_EVAL_CONF"
"""The environment variable with the folders, separated like those of PATH; other processes are told by it."""
GROUPS = tuple(sorted(path.name for path in (PROJECT / "conf").iterdir() if path.is_dir()))
"""The groups of conf/."""

OURS = frozenset({"eval", "benchmarks", "tarsier_eval", "conf"})
"""Packages of this project."""
_TABLES = [path.stem for path in (PROJECT / "conf" / "table").glob("*.yaml")]
_GROUPS = (*typing.get_args(Task), "all")
_RESERVED = (
    {("benchmark", name): "the name of a group of benchmarks" for name in (*_GROUPS, *_TABLES)}
    | {("table", name): "the name of a group of benchmarks" for name in _GROUPS}
    | {("table", path.stem): "a benchmark in conf/" for path in (PROJECT / "conf" / "benchmark").glob("*.yaml")}
)
_SHARED = {"benchmark": "table", "table": "benchmark"}
"""Groups whose names --bench takes both, so that a name is of one of them alone."""


_VALUES = r"null|true|false|nan|inf|[0-9._]+(e[0-9+-]+)?"
"""Words that Hydra takes for values."""


def found() -> Sequence[Plugin]:
    """Return the plugins that are named, those of packages first.

    A package that does not fit is left out with a warning, since nobody may want anything of it.

    Raises:
        ConfigError: a folder that the user named does not fit.
    """
    return _now()[0]


def faults() -> Sequence[str]:
    """Return what is left out of packages, and why, a sentence each. Raises ConfigError as `found`."""
    return _now()[1]


def _now() -> tuple[Sequence[Plugin], Sequence[str]]:
    return ((), ()) if _OFF else _found(os.environ.get(VARIABLE, ""), tuple(sys.path))


@cache
def _found(folders: str, path: Sequence[str]) -> tuple[Sequence[Plugin], Sequence[str]]:  # noqa: ARG001 - what it depends on
    taken = {
        (group, _letters(each.stem)): "a name in conf/"
        for group in GROUPS
        for each in (PROJECT / "conf" / group).glob("*.yaml")
    }
    taken |= {(group, _letters(name)): whose for (group, name), whose in _RESERVED.items()}
    plugins: dict[str, Plugin] = {}
    entries, said = _entries()
    for entry in entries:
        try:
            plugin = _of_package(entry)
            _refuse_twice(plugin, plugins)
        except ConfigError as error:
            said.append(f"The plugin {entry.name!r} of the package {entry.value} is left out: {error}")
            continue
        choices, wrong = _choices(plugin, taken)
        said += [f"The plugin {plugin.name!r} of the package {plugin.package}: {fault}" for fault in wrong]
        plugins[plugin.name] = replace(plugin, choices=choices)
    for each in said:
        _log.warning("%s", each)
    for text in _split(folders):
        plugin = _of_folder(text)
        _refuse_twice(plugin, plugins)
        choices, wrong = _choices(plugin, taken)
        if wrong:
            raise ConfigError(f"--conf {text}: {wrong[0]}")
        plugins[plugin.name] = replace(plugin, choices=choices)
    return tuple(plugins.values()), tuple(said)


def _entries() -> tuple[list[importlib.metadata.EntryPoint], list[str]]:
    """Return the entry points of packages, and the messages about packages whose entry points cannot be read."""
    entries: list[importlib.metadata.EntryPoint] = []
    wrong: list[str] = []
    try:
        entries += importlib.metadata.entry_points(group=ENTRY_POINTS)
    except Exception:  # noqa: BLE001 - one such file of any package; importlib says not of which
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would read the same files
        for package in importlib.metadata.distributions():
            try:
                entries += package.entry_points.select(group=ENTRY_POINTS)
            except Exception as error:  # noqa: BLE001, PERF203
                place = getattr(package, "_path", "a package")
                wrong.append(
                    f"The entry points of {place} cannot be read ({text_of(error)}); its plugins are left out."
                )
    return sorted(dict.fromkeys(entries), key=lambda each: (each.name, each.value)), wrong


def _split(folders: str) -> list[str]:
    return list(dict.fromkeys(each for each in folders.split(os.pathsep) if each.strip()))


def _of_package(entry: importlib.metadata.EntryPoint) -> Plugin:
    try:
        top, *rest = entry.module.split(".")
    except AttributeError:  # what importlib makes of a value that is no name
        raise ConfigError(f"{entry.value!r} is not the name of a package.") from None
    if top in OURS or top in sys.stdlib_module_names:
        raise ConfigError(f"{top!r} is a name of {'this project' if top in OURS else 'Python'}.")
    try:
        spec = importlib.util.find_spec(top)  # of the first part alone, which is not imported by this
    except Exception as error:  # a hook of another package may raise anything
        raise ConfigError(f"it cannot be found ({error}).") from error
    homes = [Path(each, *rest) for each in (spec.submodule_search_locations or () if spec else ())]
    home = next((each for each in homes if (each / "conf").is_dir()), None)
    if home is None:
        raise ConfigError(
            "it has no folder conf/." if any(each.is_dir() for each in homes) else "there is no such package."
        )
    _refuse_hydra(home / "conf")
    version = entry.dist.version if entry.dist is not None else None
    return Plugin(name=entry.name, conf=home / "conf", home=home, package=entry.module, version=version)


def _of_folder(text: str) -> Plugin:
    folder, named_by = absolute(text), f"--conf {text} (or {VARIABLE})"
    if not folder.is_dir():
        raise ConfigError(f"{named_by}: there is no such folder; name one that is laid out like conf/.")
    if not any((folder / group).is_dir() for group in GROUPS):
        raise ConfigError(
            f"{named_by}: it has none of the groups of conf/ ({', '.join(GROUPS)}); put a yaml file into one, such as "
            "benchmark/<name>.yaml."
        )
    _refuse_hydra(folder)
    for path in sorted(folder.glob("*.py")):
        if not path.is_file():
            raise ConfigError(f"{named_by}: {path.name} is no file with a module; rename it, or take it out.")
    return Plugin(name=folder.parent.name if folder.name == "conf" else folder.name, conf=folder, home=folder)


def _refuse_hydra(conf: Path) -> None:
    if (conf / "hydra").exists():
        raise ConfigError(f"{conf / 'hydra'}: plugins add to the groups {', '.join(GROUPS)} only; take it out.")


def _refuse_twice(plugin: Plugin, plugins: Mapping[str, Plugin]) -> None:
    if other := plugins.get(plugin.name):
        raise ConfigError(f"Two plugins are named {plugin.name!r}: {other.home} and {plugin.home}; rename one of them.")
    for other in plugins.values() if not plugin.package else ():
        theirs = [other.package.partition(".")[0]] if other.package else other.modules
        if twice := [name for name in plugin.modules if name in theirs]:
            raise ConfigError(
                f"{plugin.home} has a module {twice[0]!r}, and that is of the plugin {other.name!r}; rename yours."
            )


def _choices(plugin: Plugin, taken: dict[tuple[str, str], str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the names that a plugin adds to each group, and the messages about those that are taken; take them."""
    choices: dict[str, list[str]] = {}
    faults: list[str] = []
    for group in GROUPS:
        for path in sorted((plugin.conf / group).glob("*.yaml")):
            if not _can_be_asked_for(path.stem):
                faults.append(
                    f"{path}: {path.stem!r} cannot be asked for by this name; use letters, digits, '-', '_' and '.', "
                    "beginning with a letter or a digit, and no mere number."
                )
                continue
            name = _letters(path.stem)
            if whose := taken.get((group, name)):
                faults.append(f"{path}: {path.stem!r} is {whose} already; rename the file.")
                continue
            choices.setdefault(group, []).append(path.stem)
            taken[group, name] = f"a name in the plugin {plugin.name!r}"
            if group in _SHARED:
                taken[_SHARED[group], name] = f"a {group} in the plugin {plugin.name!r}"
    return choices, faults


def _can_be_asked_for(name: str) -> bool:
    """Whether the command line, make and Hydra take a name as it is."""
    has_letters = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) is not None
    return has_letters and re.fullmatch(_VALUES, name, re.IGNORECASE) is None


def _letters(name: str) -> str:
    return name.casefold().replace("_", "-")


@contextmanager
def named(folders: Sequence[str]) -> Iterator[None]:
    """Name folders for as long as the context lasts, besides those that the environment names.

    Started processes know them too. Raises ConfigError where one of them does not fit.
    """
    before = os.environ.get(VARIABLE)
    both = [str(absolute(each)) for each in (*_split(before or ""), *folders)]
    for text in folders:
        if os.pathsep in text:
            raise ConfigError(f"--conf {text}: {os.pathsep!r} separates folders; give --conf once for each of them.")
    _found.cache_clear()
    try:
        if both:
            os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys(both))
        found()
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


_OFF: list[bool] = []


@contextmanager
def left_out() -> Iterator[None]:
    """Leave all plugins out: what is kept of this project, such as the baseline, has nothing of them."""
    _OFF.append(True)
    try:
        yield
    finally:
        _OFF.pop()


def remedy(origins: object) -> str:
    """Return what to do where something is not known, given the plugins in a result's provenance; "" without any."""
    if not isinstance(origins, Mapping) or not origins:
        return ""
    lacking = [str(name) for name in origins if name not in {each.name for each in found()}]
    if not lacking:
        return ""
    return f" It was made with the plugin {' and '.join(map(repr, lacking))}: install it, or name its folder as --conf."


@contextmanager
def remedied(origins: Callable[[], object]) -> Iterator[None]:
    """Add to a ConfigError what to do where plugins are lacking, of which `origins` reads the record, as `remedy`."""
    try:
        yield
    except ConfigError as error:
        said = ""
        with suppress(TarsierEvalError):  # what is wrong with the record is said where it is needed
            said = remedy(origins())
        if not said or said in str(error):
            raise
        raise ConfigError(f"{error}{said}") from error
