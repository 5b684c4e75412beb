"""From yaml files and overrides to objects: the one place, with the command line, that knows Hydra.

The rooms below get plain typed arguments. A class is built from its `_target_` only when it lives in this
project; each argument is checked against the type hint of the constructor before anything is loaded.
"""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import ConfigCompositionException, OverrideParseException
from omegaconf import MISSING, DictConfig, OmegaConf
from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from eval.core import Card, DecoderName, Task
from eval.errors import ConfigError, did_you_mean
from eval.readers.malformed import printable
from eval.readers.videos import MAX_PATH
from eval.readers.yaml_guard import check_yaml

PROJECT = Path(__file__).resolve().parents[1]
"""The checkout: conf/, benchmarks/ and results/ lie in it."""

RUNS = PROJECT / "results" / "runs"
"""Where run folders go by default; git ignores it."""

BUILTIN = PROJECT / "benchmarks" / "mini"
"""The built-in world and its checkpoint."""

MAX_VALUE, MAX_BRACKETS = 65_536, 200
"""Longest value of an override, and most brackets of a kind in it."""

ALLOWED_TARGETS = ("eval.", "benchmarks.")
"""Where a `_target_` may point: a config file must not be able to call anything else."""


ALLOWED_FUNCTIONS = ("eval.judges.protocol.judge_protocol",)
"""The functions that stand in for a class."""

METHODS: Mapping[str, tuple[str, ...]] = {
    "benchmark": ("samples", "describe", "asked_with", "scorer", "card"),
    "model": ("generate", "describe", "n_frames"),
    "judge": ("ask", "describe"),
    "protocol": ("describe", "grade"),
    "scorer": ("score", "aggregate", "describe"),
}
"""What the object at a key must have, whatever its class."""


@dataclass
class VideoConfig:
    """How frames are read."""

    decoder: str = "pyav"
    workers: int | None = None
    timeout_s: float = 120.0
    memory_gb: float = 4.0
    ahead_mb: int = 512
    store: str | None = None


@dataclass
class Config:
    """The schema of conf/config.yaml; the groups are checked against their targets' constructors."""

    benchmark: Any = MISSING
    model: Any = MISSING
    judge: Any = MISSING
    protocol: Any = MISSING
    data: str = MISSING
    annotations: str | None = None
    outside: bool = False
    limit: int | None = None
    full_output: bool = False
    accept: list[str] = field(default_factory=list)
    min_coverage: float = 0.0
    out: str | None = None
    verdicts: str = MISSING
    prices: str = MISSING
    max_cost: float | None = None
    judge_check: bool = False
    video: VideoConfig = field(default_factory=VideoConfig)


@cache
def _register() -> None:
    ConfigStore.instance().store(name="schema", node=Config)
    OmegaConf.register_new_resolver("project", lambda path: str(PROJECT / path), replace=True)
    OmegaConf.register_new_resolver("builtin", lambda name: str(BUILTIN / name), replace=True)


def names(group: str) -> list[str]:
    """Return the names in a configuration group, such as `benchmark` or `model`."""
    return sorted(path.stem for path in (PROJECT / "conf" / group).glob("*.yaml"))


def cards() -> dict[str, Card]:
    """Return the card of every benchmark, by name; nothing is composed or built for it.

    Raises ConfigError where a yaml has no card, or one that does not fit.
    """
    found: dict[str, Card] = {}
    _check_files()
    for name in names("benchmark"):
        node = OmegaConf.to_container(OmegaConf.load(PROJECT / "conf" / "benchmark" / f"{name}.yaml"))
        card = node.get("card") if isinstance(node, dict) else None
        found[name] = _checked(card, Card, f"conf/benchmark/{name}.yaml: card")
    return found


def groups() -> dict[str, list[str]]:
    """Return the names that stand for several benchmarks: the kinds of answer on their cards, and `all`."""
    found: dict[str, list[str]] = {task: [] for task in typing.get_args(Task)}
    for name, card in cards().items():
        found[card.task].append(name)
    return {**found, "all": names("benchmark")}


def benchmarks_named(text: str) -> list[str]:
    """Return the benchmarks that --bench names, groups spelt out, each once."""
    all_groups = groups()
    known = {**{name: [name] for name in names("benchmark")}, **all_groups}
    wanted = [name for name in (part.strip() for part in text.split(",")) if name]
    if not wanted:
        raise ConfigError(f"--bench names no benchmark. Known: {', '.join(known)}.")
    for name in wanted:
        if name not in known:
            raise ConfigError(f"Unknown benchmark {name!r}. {did_you_mean(name, known)}")
    return list(dict.fromkeys(benchmark for name in wanted for benchmark in known[name]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """How clips are loaded, which decides about speed and bounds, never about frames."""

    workers: int | None
    """Processes that read clips; None: one a usable CPU, 16 at most."""
    timeout_s: float
    """Seconds that one clip may take."""
    memory_gb: float
    """GB that one process may take up."""
    ahead_mb: int
    """MB that frames may take up while they wait for the model."""
    store: Path | None
    """Folder in which frames are kept for later runs, where one is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A composed and resolved configuration, in plain types."""

    benchmark: Mapping[str, Any]
    """What `build` makes the benchmark of."""
    model: Mapping[str, Any]
    """What `build` makes the model of."""
    judge: Mapping[str, Any]
    """What `build` makes the judge of."""
    protocol: Mapping[str, Any]
    """What `build` makes the judge's protocol of."""
    judge_check: bool
    """Whether the judge's health is checked before it is asked."""
    data: Path
    """Root of annotations and videos."""
    annotations: Path | None
    """Annotation file in upstream's format, where one is given."""
    limit: int | None
    """Only the first so many samples."""
    min_coverage: float
    """Least share of media that each subset must have."""
    out: Path | None
    """The run folder, where one is given."""
    full_output: bool
    """Whether every output goes on to its end token, also where its score is settled before."""
    accept: tuple[str, ...]
    """Fields of a run's fingerprint in which it may be continued with another value."""
    decoder: DecoderName
    """Video backend."""
    loading: Loading
    """How clips are loaded."""
    yaml: str
    """The whole of it, as kept with the run."""

    @property
    def is_builtin(self) -> bool:
        """Whether the data are the built-in world's."""
        return self.data == BUILTIN / "world"


def load_settings(overrides: Sequence[str]) -> Settings:
    """Compose conf/config.yaml with Hydra overrides.

    Raises:
        ConfigError: an override names an unknown key or choice, or has a value of the wrong type.
    """
    config = _compose(overrides)
    if config.limit is not None and config.limit < 1:
        raise ConfigError(f"limit={config.limit} leaves no sample; give a number from 1 on, or leave it out.")
    if not 0 <= config.min_coverage <= 1:
        raise ConfigError(f"min_coverage={config.min_coverage} is not a share; give a number from 0 to 1.")
    if config.video.decoder not in typing.get_args(DecoderName):
        known = typing.get_args(DecoderName)
        raise ConfigError(
            f"Unknown video.decoder {config.video.decoder!r}. {did_you_mean(config.video.decoder, known)}"
        )
    for name in ("workers", "timeout_s", "memory_gb", "ahead_mb"):
        value = config.video[name]
        if value is not None and value <= 0:
            raise ConfigError(f"video.{name}={value} is no amount; give a number above 0.")
    for name, node in (
        ("benchmark", config.benchmark),
        ("benchmark.scorer", OmegaConf.select(config, "benchmark.scorer")),
    ):
        if not isinstance(node, DictConfig):
            raise ConfigError(f"{name}={_short(node)} is no group of settings; change those below it, or leave it out.")
    return Settings(
        # Only where it is given: a class of a user's own may know nothing of it.
        benchmark={**_plain(config.benchmark), **({"outside": True} if config.outside else {})},
        model=_plain(config.model),
        judge=_plain(config.judge),
        protocol=_plain(config.protocol),
        judge_check=config.judge_check,
        data=Path(config.data),
        annotations=None if config.annotations is None else Path(config.annotations),
        limit=config.limit,
        min_coverage=config.min_coverage,
        out=None if config.out is None else Path(config.out),
        full_output=config.full_output,
        accept=tuple(config.accept),
        decoder=config.video.decoder,
        loading=Loading(
            workers=config.video.workers,
            timeout_s=config.video.timeout_s,
            memory_gb=config.video.memory_gb,
            ahead_mb=config.video.ahead_mb,
            store=None if config.video.store is None else Path(config.video.store),
        ),
        yaml=OmegaConf.to_yaml(config),
    )


def _plain(node: Any) -> dict[str, Any]:
    plain = OmegaConf.to_container(node, resolve=True)
    return {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}


def _compose(overrides: Sequence[str]) -> DictConfig:
    for override in overrides:
        if override.startswith(("+", "~")):
            raise ConfigError(
                f"{_short(override)} adds or deletes a setting; only settings of conf/ can be given, as key=value."
            )
        _refuse_odd(override)
    _register()
    _check_files()
    try:
        with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
            config: DictConfig = compose("config", overrides=list(overrides))
        OmegaConf.resolve(config)
    except RecursionError:
        raise ConfigError("The settings are nested too deeply, or refer to themselves; write the values out.") from None
    except Exception as error:  # Hydra answers odd values with whatever its parsers raise
        raise ConfigError(printable(_explain(error, overrides))) from error
    return config


def _refuse_odd(override: str) -> None:
    """Refuse an override that no setting can mean, before Hydra's grammar, which is recursive, sees it."""
    key, equals, value = override.partition("=")
    shown = printable(override[:60])
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*(/\w+)*(@[\w.]+)?", key):
        raise ConfigError(f"{shown!r} is no setting; settings are given as key=value, such as limit=20.")
    if (
        len(value) > (MAX_VALUE if value.startswith(("[", "{")) else MAX_PATH)
        or max(value.count(bracket) for bracket in "([{") > MAX_BRACKETS
    ):
        raise ConfigError(f"{shown!r}... is too long or too deeply nested for a setting; put a list into conf/.")
    if not value.isprintable() and "\n" not in value:
        raise ConfigError(f"{shown!r} holds characters that do not show; leave them out.")
    if (known := names(key)) and value.strip("'\"") not in known:  # a path would lead to files elsewhere
        raise ConfigError(f"Unknown {key} {printable(value[:60])!r}. {did_you_mean(value[:60], known)}")


@cache
def _check_files() -> None:
    for path in (PROJECT / "conf").rglob("*.yaml"):
        check_yaml(path)


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    """Return what a composition error says to the user: the override at fault, and the nearest name."""
    if isinstance(error, OverrideParseException):
        key = error.override.partition("=")[0]
        return f"{error.override!r} cannot be read; quote a value with spaces or symbols: '{key}=\"...\"'."
    deepest: BaseException = error
    while isinstance(deepest, ConfigCompositionException) and deepest.__cause__ is not None:
        deepest = deepest.__cause__
    chosen = [override.partition("=")[::2] for override in overrides if names(override.partition("=")[0])]
    for key, value in chosen:
        if value not in names(key):
            return f"Unknown {key} {value!r}. {did_you_mean(value, names(key))}"
    known = _known_keys([f"{key}={value}" for key, value in chosen])
    for key in (override.partition("=")[0] for override in overrides):
        if known and key not in known and not names(key):
            return f"Unknown setting {key!r}. {did_you_mean(key, known)}"
    said = next((line.strip() for line in str(deepest).splitlines() if line.strip()), type(deepest).__name__)
    where = getattr(deepest, "full_key", None)
    return f"{said.rstrip('.')} (in {where})." if where else f"{said.rstrip('.')}."


def _known_keys(choices: Sequence[str]) -> list[str]:
    """Return every dotted key of the configuration with these group choices."""

    def keys(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
        for name, value in node.items():
            if name != "_target_":
                yield f"{prefix}{name}"
            if isinstance(value, Mapping):
                yield from keys(value, f"{prefix}{name}.")

    try:
        with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
            return list(keys(_plain(compose("config", overrides=list(choices))), ""))
    except Exception:  # noqa: BLE001 - conf/ itself is at fault then, and what is said of the first error holds
        return []


def quoted(text: str) -> str:
    """Return text as a quoted value of Hydra's override grammar."""
    return "'" + text.replace("'", "\\'") + "'"


def build(node: Mapping[str, Any], key: str, given: Mapping[str, Any] | None = None) -> Any:
    """Build the object that a config node describes by its `_target_` and arguments.

    Args:
        node: a mapping with `_target_`; nested ones are built first.
        key: where the node stands, for messages.
        given: objects that were built before and stand in for nested nodes, by the name of the argument.

    Raises:
        ConfigError: the target is not this project's, or an argument is unknown, missing or of the wrong type.
    """
    settings = dict(node)
    target = settings.pop("_target_", None)
    factory = _import_target(target, key)
    given = given or {}
    try:
        signature = inspect.signature(factory).parameters
    except ValueError as error:
        raise ConfigError(f"{key}._target_ {target!r} is no class that settings can build.") from error
    hints = typing.get_type_hints(factory.__init__ if inspect.isclass(factory) else factory, include_extras=True)
    for name, value in settings.items():
        if name not in signature:
            raise ConfigError(f"{key}.{name} is not a setting of {target}. {did_you_mean(name, signature)}")
        if isinstance(value, Mapping) and "_target_" in value:
            settings[name] = given[name] if name in given else build(value, f"{key}.{name}", given)
        elif name in hints:
            settings[name] = _checked(value, hints[name], f"{key}.{name}")
    absent = [n for n, p in signature.items() if p.default is inspect.Parameter.empty and n not in settings]
    if absent:
        raise ConfigError(f"{key} lacks {', '.join(absent)}, which {target} needs.")
    try:
        built = factory(**settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key} cannot be built from {target}: {printable(str(error))[:300]}.") from error
    lacking = [method for method in METHODS.get(key.rpartition(".")[2], ()) if not hasattr(built, method)]
    if lacking:
        raise ConfigError(f"{key}._target_ {target!r} makes no {key.rpartition('.')[2]}: it has no {lacking[0]}.")
    return built


def _import_target(target: object, key: str) -> Callable[..., Any]:
    if not isinstance(target, str) or not target.startswith(ALLOWED_TARGETS):
        raise ConfigError(
            f"{key}._target_ is {target!r}; only classes of this project may be built "
            f"({' or '.join(prefix + '*' for prefix in ALLOWED_TARGETS)})."
        )
    module, _, name = target.rpartition(".")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ConfigError(f"{key}._target_ {target!r} cannot be imported: {error}") from error
    # A module of this project also holds what it imports: eval.store.os is no class of this project.
    home = f"{getattr(found, '__module__', '')}."
    if not callable(found) or not home.startswith(ALLOWED_TARGETS) or name.startswith("_"):
        raise ConfigError(f"{key}._target_ {target!r} is no class of this project; only those may be built.")
    if inspect.isfunction(found) and target not in ALLOWED_FUNCTIONS:
        raise ConfigError(f"{key}._target_ {target!r} is a function; only classes may be built.")
    return found


def _checked(value: Any, hint: Any, key: str) -> Any:
    try:
        return TypeAdapter(hint, config=_PYDANTIC if not _brings_config(hint) else None).validate_python(value)
    except (PydanticSchemaGenerationError, SchemaError) as error:
        raise ConfigError(f"{key}={_short(value)} does not fit: a mapping with _target_ is needed.") from error
    except ValidationError as error:
        raise ConfigError(f"{key}={_short(value)} does not fit: {printable(error.errors()[0]['msg'])}.") from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


_PYDANTIC = ConfigDict(arbitrary_types_allowed=True)


def _brings_config(hint: Any) -> bool:
    """Whether pydantic refuses a config for this hint, since the type carries its own."""
    return inspect.isclass(hint) and (hasattr(hint, "__dataclass_fields__") or hasattr(hint, "__pydantic_config__"))
