"""The traits of every scorer in this package and in plugins, found by the names in results."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import yaml

from eval import scorers
from eval.core import MetricTraits, ScorerTraits
from eval.errors import ConfigError, did_you_mean
from eval.files import read_regular_text
from eval.plugins.finding import found
from eval.plugins.importing import imported, owner
from eval.plugins.plugin import Plugin
from eval.readers.yaml_guard import check_yaml


def all_traits() -> Mapping[str, ScorerTraits]:
    """Return the traits of all scorers by name: those here, and those that the benchmarks of plugins name."""
    return _all_traits(found())


@cache
def _all_traits(plugins: Sequence[Plugin]) -> Mapping[str, ScorerTraits]:
    modules = [importlib.import_module(each.name) for each in pkgutil.iter_modules(scorers.__path__, "eval.scorers.")]
    classes = [kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)]
    theirs = [kind for plugin in plugins for kind in _scorers_of(plugin)]
    known: dict[str, ScorerTraits] = {}
    for kind in (*classes, *theirs):
        if isinstance(traits := getattr(kind, "traits", None), ScorerTraits):
            known.setdefault(traits.name, traits)
    return known


def _scorers_of(plugin: Plugin) -> Iterator[object]:
    """Yield the classes that a plugin's benchmarks name as scorers, but for those that cannot be imported."""
    for name in plugin.choices.get("benchmark", ()):
        path = plugin.conf / "benchmark" / f"{name}.yaml"
        with suppress(Exception):  # whatever is wrong with it is said where it is used
            check_yaml(path)
            target = yaml.safe_load(read_regular_text(path))["scorer"]["_target_"]
            if (home := owner(target)) is not None:
                module, _, kind = target.rpartition(".")
                yield getattr(imported(module, home), kind)


def traits_of(identity: Mapping[str, Any]) -> ScorerTraits:
    """Return the traits of the scorer with this identity, as recorded in a result.

    Raises:
        ConfigError: this version has no such scorer.
    """
    known, name = all_traits(), str(identity.get("name"))
    if name not in known:
        raise ConfigError(
            f"scorer.name: {name[:80]!r} is not a scorer of this version, nor of a plugin that is here. "
            f"{did_you_mean(name, known)} Where it is a plugin's, install that, or name its folder as --conf."
        )
    return known[name]


def metric_named(name: str) -> MetricTraits:
    """Return the traits of a metric, or of an average of it, by its name in results.

    Where no scorer is known to give it, it is shown as it is recorded. Metrics of one name are alike in all scorers.
    """
    return _metric_named(name, found())


def is_known(metric: str) -> bool:
    """Whether a scorer that is here gives the metric."""
    return any(traits.metric(metric) is not None for traits in all_traits().values())


@cache
def _metric_named(name: str, plugins: Sequence[Plugin]) -> MetricTraits:
    known = (traits.metric(name) for traits in _all_traits(plugins).values())
    return next((metric for metric in known if metric is not None), MetricTraits(name=name, unit="points"))
