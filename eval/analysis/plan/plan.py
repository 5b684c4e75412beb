"""A plan: all that can be said of a run before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eval.analysis.plan.media import MediaSurvey
from eval.analysis.plan.precision import Precision
from eval.models.checkpoints.need import MemoryNeed


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePlan:
    """The judge's part, with outputs as long as the reference answers."""

    judge: str
    is_paid: bool = False
    """Whether calls go to a server."""
    calls: int = 0
    """All calls, those answered by the reply store included."""
    left: int = 0
    """Calls that are left to ask."""
    input: int = 0
    """Estimated tokens of these."""
    output: int = 0
    """Estimated tokens of their replies."""
    cost: float | None = None
    """Estimated dollars; None where nothing is paid, or no price is known."""
    price_as_of: str | None = None
    most: float | None = None
    """Dollars that may be spent at the most; None for no cap."""
    problem: str = ""
    """Why its calls cannot be told; "" where they can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTimes:
    """Time of a few clips, and what follows for all."""

    clips: int
    samples: int
    failed: int
    """Samples of the probe that failed."""
    load_s: float
    """Seconds until the model was loaded."""
    probe_s: float
    """Seconds for the samples of the probe."""
    whole_s: float
    """Estimated seconds for all samples, without judging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A setting of this run beside that of a published number."""

    what: str
    published: str
    here: str
    same: bool | None
    """None where the publication does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkPlan:
    """All that can be said of one benchmark of a run before it begins."""

    benchmark: str
    title: str
    split: str
    split_size: int
    source: str
    """`official files` or `upstream's rows`."""
    files: tuple[str, ...]
    """Annotation files."""
    wording: str
    """Wording of the prompts, and where it is read."""
    frames: str
    model: str
    metric: str
    accounting: str
    """How the headline is made of the samples."""
    samples: int
    subsets: int
    clips: int
    videos: int
    media: MediaSurvey
    memory: MemoryNeed | str
    time: ProbeTimes | None
    judge: JudgePlan | None
    """None where no judge is asked."""
    precision: Precision | None
    published: tuple[Beside, ...]
    published_as: str
    """The published number, "" for none."""
    caveats: tuple[str, ...]
    """What makes the number not comparable with published ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unready:
    """A benchmark that cannot be run, and why."""

    benchmark: str
    title: str
    why: str
    expected: str
    """The folder in which its files are expected."""
    homepage: str
    samples: int
    """Samples of its split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The plan of a run."""

    benchmarks: tuple[BenchmarkPlan, ...]
    unready: tuple[Unready, ...]
    settings: Mapping[str, Any]
    """Model, data and judge as given."""
    refused: tuple[str, ...] = ()
    """Why a run with these settings would be refused before it begins."""
