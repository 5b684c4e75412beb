"""The settings of a run, composed and resolved, in plain types; and the places of this project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.config.video import Loading
from eval.core import DecoderName, PictureRules, Shard
from eval.installed import PROJECT, RESULTS

RUNS = RESULTS / "runs"
"""Default folder of run folders; git ignores it."""

BUILTIN = PROJECT / "benchmarks" / "mini"
"""The built-in world and its checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A composed and resolved configuration, in plain types."""

    benchmark: Mapping[str, Any]
    """Input of `build` for the benchmark."""
    model: Mapping[str, Any]
    """Input of `build` for the model."""
    judge: Mapping[str, Any]
    """Input of `build` for the judge."""
    protocol: Mapping[str, Any]
    """Input of `build` for the judge's protocol."""
    engine: Mapping[str, Any]
    """Input of `build` for the engine."""
    judge_check: bool
    """Whether the judge's health is checked before it is asked."""
    card: Path | None
    """The judge card by which judged metrics are corrected too; None: none."""
    repeats: int
    """Number of times that a judge judges the predictions."""
    report: bool
    """Whether report.html is written beside the result."""
    tracker: str | None
    """Name of the experiment tracker that finished runs are sent to; None: none."""
    data: Path
    """Root of annotations and videos."""
    annotations: Path | None
    """Annotation file in upstream's format, where one is given."""
    limit: int | None
    """Number of samples to run; None: all."""
    offset: int
    """Number of samples that are left out before them, in the order in which they are drawn."""
    samples: str | None
    """Ids of the samples to run, separated by commas, or a file of them; None: all."""
    shard: Shard | None
    """The part of the clip groups that this run predicts; None: all."""
    min_coverage: float
    """Minimum share of available media in each subset."""
    out: Path | None
    """The run folder, where one is given."""
    full_output: bool
    """Whether every output is generated up to its end token, even where its score is settled before."""
    accept: tuple[str, ...]
    """Fields of a run's fingerprint that may differ when it is resumed."""
    decoder: DecoderName
    """Video backend."""
    picture_rules: PictureRules
    """How image files are read."""
    loading: Loading
    """Settings for loading clips."""
    yaml: str
    """The whole configuration as yaml, as stored with the run."""

    @property
    def nodes(self) -> dict[str, Any]:
        """What a run of them is built from, by group: a judge only where it is asked."""
        scorer = self.benchmark.get("scorer") or {}
        asked = {name: scorer[name] for name in ("judge", "protocol") if name in scorer}
        return {"benchmark": self.benchmark, "model": self.model, "engine": self.engine, **asked}

    @property
    def is_builtin(self) -> bool:
        """Whether the data are the built-in world's."""
        return self.data == BUILTIN / "world"
