"""The choices in the groups of conf/ and of plugins: their names, files, and the cards of benchmarks."""

from __future__ import annotations

import logging
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from eval.building import ALLOWED_TARGETS, checked, importable, short, targets_in
from eval.config.naming import letters, resolved
from eval.core import Card, Task
from eval.errors import ConfigError, did_you_mean
from eval.installed import PROJECT
from eval.plugins.finding import faults, found
from eval.plugins.plugin import Plugin
from eval.readers.malformed import first_line
from eval.readers.yaml_guard import check_yaml

_log = logging.getLogger(__name__)
_NAMED = ("benchmark", "model", "judge")
"""Groups whose files tell their own name, by which results name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a publication: a group of benchmarks whose results are shown beside its numbers."""

    title: str
    """Its name."""
    source: str
    """The publication."""
    benchmarks: tuple[str, ...]
    """The benchmarks in its order."""
    beside: tuple[str, ...]
    """The models whose published numbers stand beside."""
    without: str = ""
    """The part of it that is not here, and why, in a few words."""


class PluginFolders(SearchPathPlugin):  # type: ignore[misc]
    """Has Hydra look for choices in the folders of plugins too, after conf/."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folders."""
        for plugin in found():
            search_path.append(plugin.name, f"file://{plugin.conf}")


def names(group: str) -> list[str]:
    """Return the names in a configuration group, such as `benchmark` or `model`: those of conf/, and of plugins.

    Raises ConfigError where a file of a folder that the user named does not fit.
    """
    plugins = found()
    _faults(plugins)
    return sorted([*_ours(group), *(name for plugin in plugins for name in plugin.choices.get(group, ()))])


def _ours(group: str) -> list[str]:
    return [path.stem for path in (PROJECT / "conf" / group).glob("*.yaml")]


def left_out() -> list[str]:
    """Return what is left out of plugins, and why, a sentence each."""
    return [*faults(), *_faults(found()).values()]


def added_by(plugin: Plugin) -> dict[str, list[str]]:
    """Return the names that a plugin adds to each group, without those that cannot be used."""
    wrong = _faults(found())
    usable = {
        group: [name for name in members if (group, name) not in wrong and (group != "table" or name in tables())]
        for group, members in plugin.choices.items()
    }
    return {group: members for group, members in usable.items() if members}


def cards() -> dict[str, Card]:
    """Return the card of every benchmark, by name; without composing or building anything.

    A benchmark of a plugin without a valid card is left out with a warning. Raises ConfigError where one of conf/ has
    none.
    """
    return dict(_cards(found()))


def tables() -> dict[str, Table]:
    """Return the tables of publications, by name.

    One of a package that does not fit is left out with a warning. Raises ConfigError where another one does not.
    """
    return dict(_tables(found()))


@cache
def _tables(plugins: Sequence[Plugin]) -> dict[str, Table]:
    known = {name: _table(PROJECT / "conf" / "table" / f"{name}.yaml") for name in _ours("table")}
    wrong = _faults(plugins)
    for plugin in plugins:
        for name in plugin.choices.get("table", ()):
            if ("table", name) in wrong:
                continue
            try:
                known[name] = _table(plugin.conf / "table" / f"{name}.yaml")
            except ConfigError as error:
                if not plugin.package:
                    raise
                _log.warning(
                    "The table %r of the plugin %r (%s) is left out: %s", name, plugin.name, plugin.package, error
                )
    return dict(sorted(known.items()))


def table_named(text: str) -> Table | None:
    """Return the table that --bench names alone; None where it names something else."""
    return next((table for name, table in tables().items() if letters(name) == letters(text)), None)


def _table(path: Path) -> Table:
    table = _table_in(_content(path), path)
    if unknown := [name for name in table.benchmarks if name not in cards()]:
        raise ConfigError(f"{path}: benchmarks has {unknown[0]!r}. {did_you_mean(unknown[0], cards())}")
    return table


@cache
def _cards(plugins: Sequence[Plugin]) -> dict[str, Card]:
    _check_files()
    known = {path.stem: _card(path) for path in (PROJECT / "conf" / "benchmark").glob("*.yaml")}
    wrong = _faults(plugins)
    for fault in wrong.values():
        _log.warning("%s", fault)
    for plugin in plugins:
        for name in plugin.choices.get("benchmark", ()):
            if ("benchmark", name) not in wrong:
                known[name] = _card(plugin.conf / "benchmark" / f"{name}.yaml")
    return dict(sorted(known.items()))


def _card(path: Path) -> Card:
    return _card_in(_content(path), path)


def _card_in(node: Mapping[Any, Any], path: Path) -> Card:
    """Return the card in the settings of a benchmark. Raises ConfigError where it does not fit."""
    written = node.get("card")
    frames = written.get("frames") if isinstance(written, Mapping) else None
    for family, counts in frames.items() if isinstance(frames, Mapping) else ():
        numbers = counts if isinstance(counts, list) else []
        if not numbers or not all(type(n) is int and n > 0 for n in numbers):  # true is a number, too
            raise ConfigError(
                f"{path}: card.frames.{family}={short(counts)} does not fit: list whole numbers of frames from 1 on, "
                "such as [16]."
            )
    card: Card = checked(written, Card, f"{path}: card")
    return card


def _table_in(node: Mapping[Any, Any], path: Path) -> Table:
    """Return the table in a file's settings. Raises ConfigError where it does not fit."""
    table: Table = checked(node, Table, str(path))
    if not table.benchmarks:
        raise ConfigError(f"{path}: benchmarks: is empty; list the table's benchmarks.")
    for field in ("benchmarks", "beside"):
        listed = getattr(table, field)
        if twice := [name for n, name in enumerate(listed) if name in listed[:n]]:
            raise ConfigError(f"{path}: {field}: has {twice[0]!r} twice; take one of them out.")
    return table


def _content(path: Path) -> dict[Any, Any]:
    """Return the settings in a yaml file as they are written. Raises ConfigError where it has none."""
    check_yaml(path)
    try:
        node = OmegaConf.to_container(OmegaConf.load(path))
    except Exception as error:  # of keys that occur twice, and of what OmegaConf does not take
        raise ConfigError(f"{path}: cannot be read as settings ({first_line(error)}); correct it") from error
    if not isinstance(node, dict):
        raise ConfigError(f"{path}: holds a {type(node).__name__}, no settings; write them as key: value")
    return node


@cache
def _faults(plugins: Sequence[Plugin]) -> dict[tuple[str, str], str]:
    """Return the messages about files of packages that do not fit, by group and name.

    Raises:
        ConfigError: a file of a folder does not fit, which the user named.
    """
    wrong: dict[tuple[str, str], str] = {}
    every = [(plugin, group, name) for plugin in plugins for group in plugin.choices for name in plugin.choices[group]]
    for plugin, group, name in every:
        try:
            _check_choice(plugin, group, name)
        except ConfigError as error:  # noqa: PERF203 - one that is broken keeps no other one from being listed
            if not plugin.package:
                raise
            wrong[group, name] = (
                f"The {group} {name!r} of the plugin {plugin.name!r} ({plugin.package}) cannot be used: {error}"
            )
    return wrong


def _check_choice(plugin: Plugin, group: str, name: str) -> None:
    """Raise ConfigError where a file of a plugin does not fit: classes of others, or the name of another choice."""
    path = plugin.conf / group / f"{name}.yaml"
    node = _content(path)
    allowed = (*ALLOWED_TARGETS, *(["hydra_plugins."] if group == "launcher" else []))
    for target in targets_in(node):
        if not target.startswith(allowed) and not plugin.owns(target):
            whose = f"the package {plugin.package}" if plugin.package else f"modules in {plugin.home}"
            raise ConfigError(
                f"{path}: _target_ {target!r} is no class of {whose}, nor of this project; only those are built"
            )
    names_itself = group == "judge" and "name" not in node and "_target_" in node
    if group in _NAMED and not names_itself and node.get("name") != name:
        raise ConfigError(f"{path}: its name is {short(node.get('name'))}, and its file's {name!r}; write name: {name}")
    if group == "benchmark":
        _card_in(node, path)
    if group == "table":
        _table_in(node, path)


def groups() -> dict[str, list[str]]:
    """Return the names for several benchmarks: the tasks on their cards, the tables of publications, and `all`."""
    members: dict[str, list[str]] = {task: [] for task in typing.get_args(Task)}
    for name, card in cards().items():
        members[card.task].append(name)
    listed = {name: list(table.benchmarks) for name, table in tables().items()}
    return {**members, **listed, "all": list(cards())}


def benchmarks_named(text: str) -> list[str]:
    """Return the benchmarks that --bench names, with groups expanded, each once.

    Those of packages that cannot be imported are left out of groups, with a warning. Raises ConfigError.
    """
    several = groups()
    known = {**{name: [name] for name in names("benchmark")}, **several}
    ours = {*_ours("benchmark"), *several}
    meant = resolved(text, known, {name: card.title for name, card in cards().items()}, ours)
    words = text.replace(",", " ").split()
    return [name for name in meant if len(meant) == 1 or name in words or _can_be_imported(name)]


def _can_be_imported(benchmark: str) -> bool:
    """Whether the classes of a benchmark can be imported, where it is of a package; others are not tried."""
    return all(_imports(plugin, benchmark) for plugin in found() if plugin.package)


@cache
def _imports(plugin: Plugin, benchmark: str) -> bool:
    if benchmark not in plugin.choices.get("benchmark", ()):
        return True
    try:
        for target in targets_in(_content(plugin.conf / "benchmark" / f"{benchmark}.yaml")):
            importable(target, benchmark)
    except ConfigError as error:
        said = "The benchmark %r of the plugin %r (%s) is left out: %s"
        _log.warning(said, benchmark, plugin.name, plugin.package, error)
        return False
    return True


def check_files(overrides: Sequence[str]) -> None:
    """Raise ConfigError where a file of conf/, or a plugin's that overrides choose, is not plain data."""
    _check_files()
    wrong = _faults(found())
    for group, _, name in (override.partition("=") for override in overrides):
        if said := wrong.get((group, name.strip("'\""))):
            raise ConfigError(said)


@cache
def _check_files() -> None:
    for path in (PROJECT / "conf").rglob("*.yaml"):
        check_yaml(path)
