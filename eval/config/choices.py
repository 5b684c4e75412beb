"""The choices in the groups of conf/ and of plugins: their names, files, and the cards of benchmarks."""

from __future__ import annotations

import logging
import typing
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from eval.building import checked
from eval.config.naming import resolved
from eval.core import Card, Task
from eval.errors import ConfigError
from eval.installed import PROJECT
from eval.plugins.finding import Plugin, found
from eval.readers.yaml_guard import check_yaml

_log = logging.getLogger(__name__)


class PluginFolders(SearchPathPlugin):  # type: ignore[misc]
    """Has Hydra look for choices in the folders of plugins too, after conf/."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folders."""
        for plugin in found():
            search_path.append(plugin.name, f"file://{plugin.conf}")


def names(group: str) -> list[str]:
    """Return the names in a configuration group, such as `benchmark` or `model`: those of conf/, and of plugins."""
    ours = [path.stem for path in (PROJECT / "conf" / group).glob("*.yaml")]
    return sorted([*ours, *(name for plugin in found() for name in plugin.choices.get(group, ()))])


def cards() -> dict[str, Card]:
    """Return the card of every benchmark, by name; without composing or building anything.

    A benchmark of a plugin without a valid card is left out with a warning. Raises ConfigError where one of conf/ has
    none.
    """
    return dict(_cards(found()))


@cache
def _cards(plugins: Sequence[Plugin]) -> dict[str, Card]:
    _check_files()
    known = {path.stem: _card(path) for path in (PROJECT / "conf" / "benchmark").glob("*.yaml")}
    for plugin in plugins:
        for name in plugin.choices.get("benchmark", ()):
            try:
                known[name] = _card(plugin.conf / "benchmark" / f"{name}.yaml")
            except ConfigError as error:  # noqa: PERF203 - one that is broken keeps no other one from being listed
                _log.warning("The benchmark %r of the plugin %r is left out: %s", name, plugin.name, error)
    return dict(sorted(known.items()))


def _card(path: Path) -> Card:
    check_yaml(path)
    node = OmegaConf.to_container(OmegaConf.load(path))
    card: Card = checked(node.get("card") if isinstance(node, dict) else None, Card, f"{path}: card")
    return card


def groups() -> dict[str, list[str]]:
    """Return the names for several benchmarks: the tasks on their cards, and `all`."""
    members: dict[str, list[str]] = {task: [] for task in typing.get_args(Task)}
    for name, card in cards().items():
        members[card.task].append(name)
    return {**members, "all": list(cards())}


def benchmarks_named(text: str) -> list[str]:
    """Return the benchmarks that --bench names, with groups expanded, each once. Raises ConfigError."""
    known = {**{name: [name] for name in names("benchmark")}, **groups()}
    return resolved(text, known, {name: card.title for name, card in cards().items()})


def check_files(overrides: Sequence[str]) -> None:
    """Raise ConfigError where a file of conf/, or a plugin's that overrides choose, is not plain data."""
    _check_files()
    for group, _, name in (override.partition("=") for override in overrides):
        for plugin in found():
            if (path := plugin.yaml_of(group, name.strip("'\""))) is not None:
                check_yaml(path)


@cache
def _check_files() -> None:
    for path in (PROJECT / "conf").rglob("*.yaml"):
        check_yaml(path)
