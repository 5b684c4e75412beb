"""The traits of every scorer in this package, found by the names in results: a new scorer is a module here, no more."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from eval import scorers
from eval.core import MetricTraits, ScorerTraits
from eval.errors import ConfigError, did_you_mean


@cache
def all_traits() -> Mapping[str, ScorerTraits]:
    """Return the traits of all scorers by name."""
    modules = [importlib.import_module(each.name) for each in pkgutil.iter_modules(scorers.__path__, "eval.scorers.")]
    classes = [kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)]
    found = [getattr(kind, "traits", None) for kind in classes]
    return {traits.name: traits for traits in found if isinstance(traits, ScorerTraits)}


def traits_of(identity: Mapping[str, Any]) -> ScorerTraits:
    """Return the traits of the scorer with this identity, as recorded in a result.

    Raises:
        ConfigError: this version has no such scorer.
    """
    known, name = all_traits(), str(identity.get("name"))
    if name not in known:
        raise ConfigError(f"scorer.name: {name[:80]!r} is not a scorer of this version. {did_you_mean(name, known)}")
    return known[name]


@cache
def metric_named(name: str) -> MetricTraits:
    """Return the traits of a metric, or of an average of it, by its name in results; a share where none is known.

    Metrics of the same name have the same maximum and unit in all scorers.
    """
    found = (traits.metric(name) for traits in all_traits().values())
    return next((metric for metric in found if metric is not None), MetricTraits(name=name))
