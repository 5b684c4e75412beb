"""Scores and results: outcomes, metrics, counts, coverage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eval.core.correction import Correction
from eval.core.diagnosis import Diagnosis
from eval.core.repeats import Repeated

Accounting = Literal["upstream", "strict", "tolerant"]
"""Accounting of samples without a value. `upstream`: they leave the denominator. `strict`: they earn nothing.
`tolerant`: as strict, with multiple-choice answers as a person would read them; only where this differs.
"""


Status = Literal["scored", "invalid", "model_failed", "judge_failed"]
"""The outcome of a sample: an answer was scored; the output holds no answer; there is no output; no verdict."""


COMPLETE_FROM = 0.995
"""Share of the samples that must have ended with an output and a verdict before a result counts as complete."""


OVERALL = "overall"
"""The `subset` of a metric over the whole benchmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A scorer's result for one prediction: a value, or the reason why there is none."""

    id: str
    """The sample's id."""
    subset: str
    """The sample's subset."""
    cluster: str
    """The sample's source video."""
    status: Status
    """The outcome of the sample."""
    answer: str | None
    """The answer parsed from the output."""
    target: str
    """The text that it was compared with; "" where that is more than one text."""
    values: Mapping[str, float]
    """Per-sample values by metric name, and counts that metrics are grouped by. Missing values are absent and never
    0: every metric without an output, the judged ones without a verdict."""
    groups: tuple[str, ...] = ()
    """Further subsets under which the sample is reported, such as `domain: Knowledge`."""
    chance: float | None = None
    """The expected value of a blind guess, where that is defined."""
    reason: str | None = None
    """Reason for the missing value."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Components of the value, where there is more than the answer: AutoDQ's events and labels by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One aggregate: a row of the result."""

    name: str
    """`accuracy`, `accuracy_micro`, `cider`, ..."""
    accounting: Accounting
    """Accounting of samples without a value."""
    subset: str
    """`overall`, or the subset's own name."""
    value: float | None
    """Unscaled (accuracy 0 to 1); None where nothing could be scored, and for an average over subsets of a part that
    lacks some of them."""
    n: int
    """Number of samples in the denominator."""
    n_invalid: int
    """Number of outputs in this subset from which no answer could be read."""
    n_failed: int
    """Number of samples in this subset without an output or without a verdict."""
    average: Literal["micro", "macro"]
    """`micro`: over samples. `macro`: unweighted mean over subsets."""
    lower: float | None = None
    """The value if every failed sample had scored nothing."""
    upper: float | None = None
    """The value if every failed sample had scored in full."""
    chance: float | None = None
    """The expected value of blind guessing on the same samples."""
    stderr: float | None = None
    """Standard error, clustered by source video; None where it cannot be computed."""
    interval: tuple[float, float] | None = None
    """The interval that covers the true value in 95% of repeated samples of source videos."""
    n_clusters: int | None = None
    """Number of source videos of the samples."""
    n_effective: float | None = None
    """Number of independent samples that would have the same standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Number of samples with each status; the four add up to the total."""

    total: int
    """All samples."""
    scored: int
    """An answer was scored."""
    invalid: int
    """The output holds no answer."""
    model_failed: int
    """There is no output."""
    judge_failed: int
    """There is no verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Share of a subset's samples whose media are available."""

    subset: str
    """The subset's name."""
    total: int
    """Number of its samples."""
    present: int
    """Number of those whose media are available."""

    @property
    def fraction(self) -> float:
        """Share of the samples whose media are available."""
        return self.present / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one benchmark in one run: what result.json holds."""

    benchmark: str
    """The benchmark's name, as in conf/benchmark/."""
    model: str
    """The model's name."""
    judge: str | None
    """The judge as served, where there is one."""
    protocol: str | None
    """The judge protocol's name."""
    score_id: str
    """Hash of metric, protocol with wording and parser, and judge as served; numbers of others are never compared."""
    primary: str
    """Name of the benchmark's primary metric; its row with subset `overall` is the headline."""
    complete: bool
    """Whether enough samples, COMPLETE_FROM of them, ended with an output (and, where judged, with a verdict)."""
    counts: Counts
    """Number of samples by outcome."""
    metrics: tuple[Metric, ...]
    """All rows of the table."""
    coverage: tuple[Coverage, ...]
    """Availability of the media, by subset."""
    provenance: Mapping[str, Any]
    """Versions, hashes and settings that the values depend on."""
    judging: Mapping[str, Any] | None = None
    """Number and cost of the judge calls, by stage."""
    timing: Mapping[str, Any] | None = None
    """Time of each stage, from `eval.timing.Lap.summary`; None where no model ran. Nothing else depends on time."""
    serving: Mapping[str, Any] | None = None
    """Requests to a model behind a server over all starts, those for several benchmarks with the first; None: none."""
    corrected: Correction | None = None
    """The judged metrics, corrected for the judge's errors; None without a judge card."""
    diagnoses: tuple[Diagnosis, ...] = ()
    """What the score depends on; empty where its scorer says nothing of it."""
    repeated: Repeated | None = None
    """The judged metrics in several judgings of the same predictions; None where they were judged once."""
    clip_notes: Mapping[str, int] | None = None
    """Number of clips by what is to know of them (`ClipNote`); None where there is nothing."""
    media_failed: int | None = None
    """Number of `counts.model_failed` whose media cannot be shown; None in results from before this field."""
