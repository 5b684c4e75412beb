"""From yaml files and overrides to settings; only this package uses Hydra.

The packages below get plain typed arguments; `eval/building.py` makes the objects that settings describe.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException, OverrideParseException
from omegaconf import MISSING, DictConfig, OmegaConf

from eval.building import short
from eval.client.requests import check_extra
from eval.config import extra
from eval.config.choices import PluginFolders, check_files
from eval.config.choices import Table as Table
from eval.config.choices import benchmarks_named as benchmarks_named
from eval.config.choices import cards as cards
from eval.config.choices import groups as groups
from eval.config.choices import names as names
from eval.config.choices import table_named as table_named
from eval.config.choices import tables as tables
from eval.config.overrides import (
    DOLLAR,
    NO_ENVIRONMENT,
    PATHS,
    home_quoted,
    literal,
    place_of,
    refuse_odd,
    refuse_out_of_range,
    shard_of,
    unused,
    wrong_kind,
    wrong_name,
)
from eval.config.overrides import quoted as quoted
from eval.config.settings import BUILTIN as BUILTIN
from eval.config.settings import RUNS as RUNS
from eval.config.settings import Settings as Settings
from eval.config.video import VideoConfig, decoder_of, loading_of, picture_rules_of
from eval.errors import ConfigError, TarsierEvalError
from eval.files import expanded, read_regular_text
from eval.installed import CACHE
from eval.installed import PROJECT as PROJECT
from eval.installed import RESULTS as RESULTS
from eval.readers.malformed import printable
from eval.readers.yaml_guard import check_yaml


@dataclass
class Config:
    """The schema of conf/config.yaml; the groups are checked against their targets' constructors."""

    benchmark: Any = MISSING
    model: Any = MISSING
    judge: Any = MISSING
    protocol: Any = MISSING
    engine: Any = MISSING
    data: str = MISSING
    annotations: str | None = None
    outside: bool = False
    stream: Any = None
    limit: int | None = None
    offset: int | None = None
    samples: str | None = None
    shard: str | None = None
    full_output: bool = False
    accept: list[str] = field(default_factory=list)
    min_coverage: float = 0.0
    out: str | None = None
    verdicts: str = MISSING
    replies: str = MISSING
    prices: str = MISSING
    max_cost: float | None = None
    judge_check: bool = False
    card: str | None = None
    repeats: int = 1
    report: bool = True
    tracker: str | None = None
    video: VideoConfig = field(default_factory=VideoConfig)


def _register() -> None:
    _register_once()
    Plugins.instance().register(PluginFolders)  # each time: Hydra makes this instance anew with its state


@cache
def _register_once() -> None:
    ConfigStore.instance().store(name="schema", node=Config)
    for name, folder in (("project", PROJECT), ("results", RESULTS), ("cache", CACHE)):
        OmegaConf.register_new_resolver(name, partial(_within, folder), replace=True)
    OmegaConf.register_new_resolver("builtin", lambda name: str(BUILTIN / name), replace=True)
    # The configuration is written into results, so it must not contain a key from an environment variable.
    OmegaConf.register_new_resolver("oc.env", _refuse_environment, replace=True)


def _within(folder: Path, path: str) -> str:
    return str(folder / path)


def _refuse_environment(*_: object) -> NoReturn:
    raise ConfigError(NO_ENVIRONMENT)


def load_settings(overrides: Sequence[str]) -> Settings:
    """Compose conf/config.yaml with Hydra overrides.

    Raises:
        ConfigError: an override names an unknown key or choice, or has a value of the wrong type.
    """
    return settings_of(_compose(overrides))


def settings_in(path: Path, **changes: Any) -> Settings:
    """Return the settings in a run's config.yaml, with some of them changed.

    Raises ConfigError, with its path, where they are none of this version.
    """
    _register()
    check_yaml(path)
    try:
        found = OmegaConf.create(read_regular_text(path).replace("${", f"{DOLLAR}{{"))  # it is a text's own
        return settings_of(OmegaConf.merge(OmegaConf.structured(Config), found, changes))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except Exception as error:  # OmegaConf raises all kinds of exceptions
        raise ConfigError(f"{path} holds no settings of a run: {printable(_explain(error, ()))}") from error


def settings_of(config: Any) -> Settings:
    """Return a composed configuration as checked plain values. Raises ConfigError."""
    refuse_out_of_range(
        limit=config.limit,
        offset=config.offset,
        min_coverage=config.min_coverage,
        max_cost=config.max_cost,
        amounts={
            "repeats": config.repeats,
            **{f"video.{name}": config.video[name] for name in ("workers", "timeout_s", "memory_gb", "ahead_mb")},
        },
    )
    # For every task: the settings are written down whether or not a judge is asked.
    for group in extra.GROUPS:
        if (parameters := extra.settle(config, group)) is not None:
            check_extra(parameters, group)
    for name, node in (
        ("benchmark", config.benchmark),
        ("benchmark.scorer", OmegaConf.select(config, "benchmark.scorer")),
    ):
        if not isinstance(node, DictConfig):
            raise ConfigError(
                f"{name} must be a config group, got {short(node)}; set one of its settings, or leave it out."
            )
    return Settings(
        # Only where they are given: a user's own class may not have `outside` and `fps`.
        benchmark={
            **_plain(config.benchmark),
            **{name: config[name] for name in ("outside", "stream") if config[name]},
        },
        model={name: value for name, value in _plain(config.model).items() if (name, value) != ("fps", None)},
        judge=_plain(config.judge),
        protocol=_plain(config.protocol),
        engine=_plain(config.engine),
        judge_check=config.judge_check,
        card=None if config.card is None else place_of(config.card),
        repeats=config.repeats,
        report=config.report,
        tracker=config.tracker,
        data=place_of(config.data),
        annotations=None if config.annotations is None else place_of(config.annotations),
        limit=config.limit,
        offset=config.offset or 0,
        samples=None if config.samples is None else literal(config.samples),
        shard=None if config.shard is None else shard_of(config.shard),
        min_coverage=config.min_coverage,
        out=None if config.out is None else place_of(config.out),
        full_output=config.full_output,
        accept=tuple(config.accept),
        decoder=decoder_of(config.video),
        picture_rules=picture_rules_of(config.video),
        loading=loading_of(config.video),
        yaml=literal(OmegaConf.to_yaml(config)),
    )


def _plain(node: Any) -> dict[str, Any]:
    plain = literal(OmegaConf.to_container(node, resolve=True))
    return {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}


def _compose(overrides: Sequence[str]) -> DictConfig:
    overrides = [home_quoted(override) for override in overrides]
    for override in overrides:
        refuse_odd(override, names)
    _register()
    check_files(overrides)
    try:
        with initialize_config_dir(str(PROJECT / "conf"), version_base="1.3"):
            config: DictConfig = compose("config", overrides=[extra.as_text(override) for override in overrides])
        _expand(config)
        OmegaConf.resolve(config)
    except TarsierEvalError:
        raise
    except RecursionError:
        raise ConfigError("The settings are nested too deeply, or refer to themselves; write the values out.") from None
    except Exception as error:  # Hydra's parsers raise all kinds of exceptions
        raise ConfigError(printable(_explain(error, overrides))) from error
    return config


def _expand(config: DictConfig) -> None:
    """Put the user's home for `~` into settings that are paths. Raises ConfigError where there is no such user."""
    plain = OmegaConf.to_container(config, resolve=False)
    for key in PATHS:
        value: Any = plain
        for name in key.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str) and value.startswith("~"):
            OmegaConf.update(config, key, str(expanded(value)))


def refuse_unused(verb: str, overrides: Sequence[str], flags: Collection[str] = ()) -> None:
    """Raise ConfigError where overrides set what a command does not use, or what its flags set as well."""
    if said := unused(overrides, verb, flags):
        _register()
        for override in overrides:
            refuse_odd(home_quoted(override), names)
        raise ConfigError(printable(wrong_name(overrides, names, _known_keys) or said))


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    """Return a composition error's message for the user: the faulty override, and the nearest name."""
    if isinstance(error, OverrideParseException):
        key = error.override.partition("=")[0]
        if key in extra.KEYS:
            return f"{error.override!r} cannot be read; give JSON, in a shell {extra.form(key)}."
        return f"{error.override!r} cannot be read; quote a value with spaces or symbols: '{key}=\"...\"'."
    if said := wrong_name(overrides, names, _known_keys):
        return said
    deepest: BaseException = error
    while isinstance(deepest, ConfigCompositionException) and deepest.__cause__ is not None:
        deepest = deepest.__cause__
    said = next((line.strip() for line in str(deepest).splitlines() if line.strip()), type(deepest).__name__)
    where = getattr(deepest, "full_key", None) or ""
    plain = f"{said.rstrip('.')} (in {where})." if where else f"{said.rstrip('.')}."
    return wrong_kind(where, overrides, said) or plain


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
    except Exception:  # noqa: BLE001 - conf/ itself is at fault then; the first error's message holds
        return []
