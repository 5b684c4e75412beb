"""From settings to objects: a class is built from its `_target_` only when it lives in this project, or in a plugin.

Each argument is checked against the constructor's type hint before anything is loaded. Does not use Hydra.
"""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from eval.errors import ConfigError, did_you_mean
from eval.plugins.finding import found
from eval.plugins.importing import allowed, imported, owner
from eval.plugins.plugin import Plugin
from eval.readers.malformed import printable

ALLOWED_TARGETS = ("eval.", "benchmarks.")
"""Allowed prefixes of a `_target_`: a config file must not be able to call anything else."""

ALLOWED_FUNCTIONS = (
    "eval.judges.protocol.judge_protocol", "eval.judges.protocol.with_wording", "eval.judges.wording.load_wording",
)  # fmt: skip
"""Functions allowed in place of a class."""

METHODS: Mapping[str, tuple[str, ...]] = {
    "benchmark": ("samples", "describe", "asked_with", "scorer", "card"),
    "model": (
        "generate",
        "describe",
        "frames",
        "whole_clips",
        "clips_at_once",
        "stopped",
        "batching",
        "budget",
        "account",
    ),
    "engine": ("start",),
    "judge": ("ask", "describe", "plan", "bill"),
    "protocol": ("describe", "grade"),
    "scorer": ("score", "aggregate", "describe"),
}
"""Methods that the object at a key must have, whatever its class."""


def build(node: Mapping[str, Any], key: str, given: Mapping[str, Any] | None = None) -> Any:
    """Build the object that a config node describes by its `_target_` and arguments.

    Args:
        node: a mapping with `_target_`; nested ones are built first.
        key: the node's place, for messages.
        given: ready objects that replace nested nodes, by the name of the argument.

    Raises:
        ConfigError: the target is not this project's, or an argument is unknown, missing or of the wrong type.
    """
    target = node.get("_target_")
    factory, settings = check(node, key)
    given = given or {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and "_target_" in value:
            settings[name] = given[name] if name in given else build(value, f"{key}.{name}", given)
    try:
        built = factory(**settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key} cannot be built from {target}: {printable(str(error))[:300]}.") from error
    lacking = [method for method in METHODS.get(key.rpartition(".")[2], ()) if not hasattr(built, method)]
    if lacking:
        raise ConfigError(f"{key}._target_ {target!r} makes no {key.rpartition('.')[2]}: it has no {lacking[0]}.")
    return built


def check(node: Mapping[str, Any], key: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return what builds a node's object, and its settings as they will be given to it; nothing is built.

    Raises:
        ConfigError: as `build` does, but for what only building shows.
    """
    settings = dict(node)
    target = settings.pop("_target_", None)
    factory = _import_target(target, key)
    try:
        signature = _parameters(factory)
    except ValueError as error:
        raise ConfigError(f"{key}._target_ {target!r} is not a class that settings can build.") from error
    hints = _hints(factory)
    for name, value in settings.items():
        if name not in signature:
            raise ConfigError(f"{key}.{name} is not a setting of {target}. {did_you_mean(name, signature)}")
        if isinstance(value, Mapping) and "_target_" in value:
            check(value, f"{key}.{name}")
        elif name in hints:
            settings[name] = checked(value, hints[name], f"{key}.{name}")
    absent = [n for n, p in signature.items() if p.default is inspect.Parameter.empty and n not in settings]
    if absent:
        raise ConfigError(f"{key} lacks {', '.join(absent)}, which {target} needs.")
    return factory, settings


def targets_in(node: Any) -> list[str]:
    """Return every `_target_` of settings, nested ones too."""
    if not isinstance(node, Mapping):
        return []
    own = [node["_target_"]] if isinstance(node.get("_target_"), str) else []
    return [*own, *(target for value in node.values() for target in targets_in(value))]


def plugins_of(nodes: Mapping[str, Any]) -> list[Plugin]:
    """Return the plugins whose classes or choices some settings name; the settings by group."""
    targets = [target for node in nodes.values() for target in targets_in(node)]
    chosen = {group: str(node.get("name")) for group, node in nodes.items() if isinstance(node, Mapping)}
    return [
        plugin
        for plugin in found()
        if any(map(plugin.owns, targets))
        or any(name in plugin.choices.get(group, ()) for group, name in chosen.items())
    ]


def _parameters(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters by name; where a constructor passes `**settings` on, those of the next class too.

    Of the next class only what is given by name: the rest is the constructor's own to give.
    """
    found = dict(inspect.signature(factory).parameters)
    passed_on = [name for name, one in found.items() if one.kind is inspect.Parameter.VAR_KEYWORD]
    if passed_on and inspect.isclass(factory):
        del found[passed_on[0]]
        next_class = _parameters(factory.__mro__[1])
        found = {**{name: one for name, one in next_class.items() if one.kind is one.KEYWORD_ONLY}, **found}
    return found


def _hints(factory: Callable[..., Any]) -> dict[str, Any]:
    """Return the type hints of the parameters of `_parameters`."""
    if not inspect.isclass(factory) or is_dataclass(factory):
        # The fields of a dataclass may be inherited, so that their types are named in another module.
        return typing.get_type_hints(factory, include_extras=True)
    found: dict[str, Any] = {}
    for one in reversed(factory.__mro__[:-1]):
        if "__init__" in vars(one):
            found |= typing.get_type_hints(vars(one)["__init__"], include_extras=True)
    return found


def importable(target: str, key: str) -> None:
    """Import the class of a `_target_`. Raises ConfigError where `build` would refuse it."""
    _import_target(target, key)


def _import_target(target: object, key: str) -> Callable[..., Any]:
    plugin = owner(target) if isinstance(target, str) and not target.startswith(ALLOWED_TARGETS) else None
    if not isinstance(target, str) or (plugin is None and not target.startswith(ALLOWED_TARGETS)):
        prefixes = [*ALLOWED_TARGETS, *(f"{name}." for name in allowed())]
        raise ConfigError(
            f"{key}._target_ is {target!r}; only classes of this project may be built, and of plugins "
            f"({' or '.join(f'{prefix}*' for prefix in prefixes)}). Name a plugin's folder as --conf."
        )
    module, _, name = target.rpartition(".")
    try:
        home_module = importlib.import_module(module) if plugin is None else imported(module, plugin)
        factory: Callable[..., Any] = getattr(home_module, name)
    except (ConfigError, ImportError, AttributeError, ValueError, TypeError) as error:
        raise ConfigError(f"{key}._target_ {target!r} cannot be imported: {printable(str(error))}") from error
    # A module of this project also holds its imports: eval.runs.folder.os is no class of this project.
    home = f"{getattr(factory, '__module__', '')}."
    is_ours = home.startswith(ALLOWED_TARGETS) or (plugin is not None and plugin.owns(home))
    if not callable(factory) or not is_ours or name.startswith("_"):
        whose = "this project" if plugin is None else f"the plugin {plugin.name!r}"
        raise ConfigError(f"{key}._target_ {target!r} is not a class of {whose}; only those may be built.")
    if inspect.isfunction(factory) and target not in ALLOWED_FUNCTIONS:
        raise ConfigError(f"{key}._target_ {target!r} is a function; only classes may be built.")
    return factory


def checked(value: Any, hint: Any, key: str) -> Any:
    """Return a value converted to the type hint. Raises ConfigError, with key and field, where it does not fit."""
    if is_dataclass(hint) and isinstance(value, Mapping):
        known = [one.name for one in fields(hint) if one.init]
        if unknown := [name for name in value if name not in known]:  # a misspelt field, which pydantic passes over
            raise ConfigError(f"{_within(key, unknown[0])}: is no field of it. {did_you_mean(str(unknown[0]), known)}")
    try:
        adapter = TypeAdapter(hint, config=_PYDANTIC if not _brings_config(hint) else None)
        return adapter.validate_python(value, strict=isinstance(value, bool))  # pydantic takes true for the number 1
    except (PydanticSchemaGenerationError, SchemaError) as error:
        raise ConfigError(f"{key}={short(value)} does not fit: a mapping with _target_ is needed.") from error
    except ValidationError as error:
        raise ConfigError(_told(error, value, key)) from error


def _told(error: ValidationError, value: Any, key: str) -> str:
    """Return the first fault that pydantic found: the field, what is there, and what is expected."""
    first = error.errors(include_url=False)[0]
    missing, place, at = first["type"] == "missing", key, value
    for step in first["loc"][:-1] if missing else first["loc"]:
        inside = at if isinstance(at, Mapping) else range(len(at)) if isinstance(at, (list, tuple)) else ()
        if step in inside:  # others name a member of a union
            place, at = _within(place, step), at[step]
    if missing:
        return f"{_within(place, first['loc'][-1])}: is missing; add it."
    said = printable(first["msg"]).replace("an instance of Sequence", "a list")
    said = said.replace("a valid tuple", "a list").replace("a valid dictionary", "a mapping")
    return f"{place}={short(at)} does not fit: {said}."


def _within(key: str, field: object) -> str:
    """Return the place of a field; a key that is a file ends before it."""
    return f"{key}: {field}" if key.endswith(".yaml") else f"{key}.{field}"


def short(value: object) -> str:
    """Return a value for a message: its repr, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


_PYDANTIC = ConfigDict(arbitrary_types_allowed=True)


def _brings_config(hint: Any) -> bool:
    """Whether pydantic refuses a config for this hint, since the type carries its own."""
    return inspect.isclass(hint) and (hasattr(hint, "__dataclass_fields__") or hasattr(hint, "__pydantic_config__"))
