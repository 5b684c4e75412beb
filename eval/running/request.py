"""Requests for a run, a score or an explanation as plain values, and the overrides of `conf/` that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval import config as configuration
from eval.errors import ConfigError, ModelError, did_you_mean
from eval.files import absolute, expanded
from eval.running.judge_session import judge_overrides, protocol_overrides

Place = str | Path


@dataclass(frozen=True, kw_only=True)
class EvalRequest:
    """A model to be run on benchmarks."""

    bench: str
    """Benchmarks or groups of them, separated by commas; `mvbench/state_change` is one subset of a benchmark."""
    model: str | None = None
    """A name from conf/model/, a checkpoint folder, a hub id, a URL, `openai:<model>` or `azure:<deployment>`."""
    frames: str | None = None
    """The frames that it is shown: a name from conf/frames/; None: the model's own."""
    data: Place | None = None
    """Root of annotations and videos; None: the built-in world."""
    annotations: Place | None = None
    """An annotation file in upstream's format, with `data` as the root of its videos."""
    judge: str | None = None
    """A judge: `openai:<model>`, `azure:<deployment>`, a server's URL, `replay:<bundle>`; None: the offline one."""
    protocol: str | None = None
    """The protocol of its judge calls; None: upstream's protocol where its wording was imported, else `native`."""
    card: Place | None = None
    """A judge card, by which judged metrics are corrected too."""
    repeats: int | None = None
    """Number of times that the judge judges the predictions; None: once."""
    limit: int | None = None
    """A number of samples of each benchmark, drawn from all of its subsets (`eval/running/part.py`)."""
    offset: int | None = None
    """Number of samples of this order that are left out before them."""
    samples: str | None = None
    """Ids of samples, separated by commas, or a file with an id a line; None: all."""
    engine: str | None = None
    """What puts clips to the model: a name from conf/engine/; None: this process."""
    shard: str | None = None
    """The part that is to be predicted, such as `3/16`; None: the whole."""
    out: Place | None = None
    """The run folder."""
    overrides: Sequence[str] = ()
    """Further settings of conf/, as `key=value`."""
    verb: str = "eval"
    """The command, which knows the settings that it uses."""

    def settings_of(self, bench: str) -> configuration.Settings:
        """Return the checked settings of one of its benchmarks. Raises ConfigError."""
        given = {"data": self.data, "annotations": self.annotations, "out": self.out, "limit": self.limit,
                 "offset": self.offset, "samples": self.samples, "shard": self.shard,
                 "model": self.model, "frames": self.frames, "engine": self.engine,
                 "judge": self.judge, "protocol": self.protocol, "card": self.card,
                 "repeats": self.repeats}  # fmt: skip
        configuration.refuse_unused(
            self.verb, self.overrides, [name for name, value in given.items() if value is not None]
        )
        overrides = [f"benchmark={bench}", *_model_overrides(self.model)]
        for group, name in (("frames", self.frames), ("engine", self.engine)):
            overrides += [] if name is None else [f"{group}={name}"]
        overrides += [*judge_overrides(self.judge), *protocol_overrides(self.protocol)]
        for key, value in (
            ("data", self.data),
            ("annotations", self.annotations),
            ("out", self.out),
            ("card", self.card),
        ):
            if value is not None:
                overrides.append(f"{key}={configuration.quoted(str(absolute(value)))}")
        numbers = (("limit", self.limit), ("offset", self.offset), ("repeats", self.repeats))
        overrides += [f"{key}={n}" for key, n in numbers if n is not None]
        for key, text in (("samples", self.samples), ("shard", self.shard)):
            overrides += [] if text is None else [f"{key}={configuration.quoted(text)}"]
        return configuration.load_settings([*overrides, *self.overrides])


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """Predictions to be scored, without a model."""

    predictions: Place
    """A prediction file of upstream's, a folder of them, or a run folder."""
    bench: str | None = None
    """The benchmark, or subsets of it, as EvalRequest takes them; None: the one that the run's files name."""
    data: Place | None = None
    """Root of the annotations, for metrics that need the whole split."""
    judge: str | None = None
    """A judge, as EvalRequest takes it."""
    protocol: str | None = None
    """The protocol of its judge calls."""
    card: Place | None = None
    """A judge card, as EvalRequest takes it."""
    repeats: int | None = None
    """Number of judgings, as EvalRequest takes it."""
    out: Place | None = None
    """Folder for the result."""
    overrides: Sequence[str] = ()
    """Further settings of conf/, as `key=value`."""


@dataclass(frozen=True, kw_only=True)
class WhyRequest:
    """A run whose number differs, or may differ, from another one. Raises ConfigError for two other numbers."""

    run: Place
    """A run folder, the folder of a score, or a bundle."""
    published: str | None = None
    """The other number: a row of results/published.csv, or benchmark/model[/subset]."""
    value: str | None = None
    """The other number as tables print it, such as 62.6; None for both: the ways to score are listed."""
    verdicts: Sequence[str] = ()
    """Scores or bundles of other judges."""
    data: str | None = None
    """Root of the annotations, for missing samples and CIDEr."""
    overrides: Sequence[str] = ()
    """Further settings of conf/, as `key=value`."""

    def __post_init__(self) -> None:
        if self.published and self.value:
            raise ConfigError("--published and --value: give one of them.")


def _model_overrides(model: str | None) -> list[str]:
    """Return the overrides for --model: a name from conf/model, a server, a checkpoint folder, or a hub id."""
    known = configuration.names("model")
    if model is None:
        return []
    if model in known:
        return [f"model={model}"]
    provider, _, rest = model.partition(":")
    if provider in ("http", "https"):
        return ["model=served", f"model.url={configuration.quoted(model)}"]
    if provider in ("openai", "azure"):
        if not rest:
            named = "deployment" if provider == "azure" else "model"
            raise ConfigError(f"--model {model} is incomplete; it takes the form {provider}:<{named}>.")
        asked_for = configuration.quoted(rest)
        return ["model=served", f"model.provider={provider}", f"model.served_model={asked_for}"]
    folder = expanded(model)
    if folder.is_dir():
        folder = absolute(folder)
        return [
            f"model={_settings_for(folder)}",
            f"model.name={configuration.quoted(folder.name)}",
            f"model.checkpoint={configuration.quoted(str(folder))}",
            "model.revision=null",
        ]
    if model.count("/") == 1 and not model.startswith((".", "/", "~")):
        name = model.split("/")[1]
        # Its config.json is not here yet; a runner that does not fit refuses it, and names the one that does.
        told = ((part, f"{part}-7b") for part in ("tarsier2", "tarsier") if part in name.lower())
        return [
            f"model={next(told, ('', 'hf'))[1]}",
            f"model.name={configuration.quoted(name)}",
            f"model.checkpoint={configuration.quoted(model)}",
            "model.revision=main",  # the commit pinned in the yaml is another checkpoint's
        ]
    raise ConfigError(f"Unknown model {model!r}: no such folder, and no such name. {did_you_mean(model, known)}")


def _settings_for(folder: Path) -> str:
    """Return the model of conf/model/ whose settings a folder takes over. Raises ModelError where nothing runs it."""
    from eval.models.families import family_of
    from eval.models.hf import checkpoint

    if not (folder / "config.json").is_file():
        return "tarsier-7b"  # whose runner says what a checkpoint needs
    try:
        return family_of(folder).example
    except ModelError:
        if checkpoint.runs(folder):
            return "hf"
        raise
