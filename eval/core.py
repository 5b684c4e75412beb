"""The types that all packages share, and nothing else.

All values are frozen: a sample is validated once, where data enters, and is never edited after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from eval.errors import MediaError
from eval.timing import Clock

if TYPE_CHECKING:
    from PIL.Image import Image

Accounting = Literal["upstream", "strict"]
"""How samples without a value count. `upstream`: they leave the denominator. `strict`: they earn nothing."""

Status = Literal["scored", "invalid", "model_failed", "judge_failed"]
"""What became of a sample: an answer was scored; the output holds no answer; there is no output; no verdict."""

DecoderName = Literal["pyav", "decord"]
"""`pyav`: exact on every kind of file that is tested. `decord`: what the published numbers were made with."""

Task = Literal["mc_qa", "oe_qa", "caption", "description"]
"""Kinds of answer: an option letter, a few words, one sentence, every event. Also the names of groups."""

Settled = Callable[[str], bool]
"""Whether a text, generated so far, has a score that nothing added to it can change."""

COMPLETE_FROM = 0.995
"""Share of the samples that must have ended with an output and a verdict before a result counts as complete."""

OVERALL = "overall"
"""The `subset` of a metric that spans the whole benchmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a benchmark is, as its yaml says: data, so that it can be listed and grouped without building it."""

    title: str
    """Its name in papers."""
    paper: str
    """Where it was published."""
    homepage: str
    """Where the official files come from."""
    licence: str
    """Under which terms, in a few words; neither annotations nor videos are shipped here."""
    task: Task
    """The kind of answer."""
    metric: str
    """The metric that is reported for it."""
    chance: Literal["options"] | None
    """What a blind guess earns: `options` is one over the number of options, sample by sample."""
    dataset: str
    """Its name in upstream's rows."""
    upstream_split: str | None
    """The split that upstream reports, None where it reports none."""
    splits: Mapping[str, int]
    """Samples by split, where the answers are known or can be submitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """What a sample shows to the model: a file, a folder of frames, or a list of frame files."""

    source: Path | tuple[Path, ...]
    """A video, gif or image file; a folder of frame images; or the frame files in order."""
    start: float | None = None
    """First second of the span; None starts at the first frame."""
    end: float | None = None
    """Last second of the span, included; None ends at the last frame."""
    fps: float | None = None
    """Frames per second of a folder of frames; with it a span can be applied to the folder."""

    @property
    def name(self) -> str:
        """The clip as a message shows it: its file or folder, or its first frame file."""
        return str(self.source if isinstance(self.source, Path) else (self.source[0] if self.source else "(no frames)"))

    def exists(self) -> bool:
        """Whether the file, the folder, or every listed frame is there."""
        if isinstance(self.source, Path):
            return self.source.exists()
        return bool(self.source) and all(path.exists() for path in self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question about one clip."""

    id: str
    """Unique within the benchmark and stable between runs."""
    benchmark: str
    """Name of the benchmark, as in conf/benchmark/."""
    subset: str
    """Subtask, type or source that it is reported under; "" where the benchmark has none."""
    clip: Clip
    """What is shown."""
    prompt: str
    """The text sent, `<video>` standing for the frames."""
    targets: tuple[str, ...]
    """Reference answers: the option letter, the answer, or the captions."""
    options: tuple[str, ...] = ()
    """Texts of the options in order, for multiple choice."""
    cluster: str = ""
    """The source video: samples that share it are not independent."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the annotation says beyond that, kept as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a model said about a sample: an output or an error, never both."""

    id: str
    """The sample's id."""
    prompt: str
    """The prompt as sent to the model, `<video>` standing for the frames."""
    output: str | None
    """The raw continuation, special tokens skipped."""
    error: str | None = None
    """Why there is no output."""
    n_frames: int = 0
    """Frames shown."""
    media: str | None = None
    """Which files the frames came from, as `eval.video.identity.media_id` has it; None where that is not known."""

    def __post_init__(self) -> None:
        if (self.output is None) == (self.error is None):
            raise ValueError(f"prediction {self.id!r} needs an output or an error, and not both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a scorer made of one prediction: a value, or the reason why there is none."""

    id: str
    """The sample's id."""
    subset: str
    """The sample's subset."""
    cluster: str
    """The sample's source video."""
    status: Status
    """What became of the sample."""
    answer: str | None
    """The answer that was read from the output."""
    target: str
    """What it was compared with; "" where that is more than one text."""
    values: Mapping[str, float]
    """Per-sample values by metric name, and counts that metrics are grouped by. What could not be had is absent and
    never 0: without an output every metric is, without a verdict those that a judge gives."""
    groups: tuple[str, ...] = ()
    """Further subsets that the sample is reported under, such as `domain: Knowledge`."""
    chance: float | None = None
    """The expected value of a blind guess, where that has a meaning."""
    reason: str | None = None
    """Why there is no value."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What the value was made of, where that is more than the answer: AutoDQ's events and labels by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One aggregate: a row of the result."""

    name: str
    """`accuracy`, `accuracy_micro`, `cider`, ..."""
    accounting: Accounting
    """How samples without a value count."""
    subset: str
    """`overall`, or the subset's own name."""
    value: float | None
    """Unscaled (accuracy 0 to 1); None where nothing could be scored."""
    n: int
    """Samples in the denominator."""
    n_invalid: int
    """Outputs in this subset from which no answer could be read."""
    n_failed: int
    """Samples in this subset without an output or without a verdict."""
    average: Literal["micro", "macro"]
    """`micro`: over samples. `macro`: unweighted mean over subsets."""
    lower: float | None = None
    """The value if every failed sample had scored nothing."""
    upper: float | None = None
    """The value if every failed sample had scored in full."""
    chance: float | None = None
    """The expected value of blind guessing on the same samples."""
    stderr: float | None = None
    """Standard error, where values of one source video depend on each other; None where nothing can be said."""
    interval: tuple[float, float] | None = None
    """The interval that covers the true value in 95% of repeated samples of source videos."""
    n_clusters: int | None = None
    """Source videos that the samples are about."""
    n_effective: float | None = None
    """Independent samples that would have the same standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many samples ended how; the four outcomes add up to the total."""

    total: int
    scored: int
    invalid: int
    model_failed: int
    judge_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of a subset has its media at hand."""

    subset: str
    total: int
    present: int

    @property
    def fraction(self) -> float:
        """Share of the samples whose media are there."""
        return self.present / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one benchmark in one run: what result.json holds."""

    benchmark: str
    model: str
    judge: str | None
    """The judge as served, where there is one."""
    protocol: str | None
    """How the judge was asked."""
    score_id: str
    """Hash of all that makes a score what it is: metric, protocol with wording and parser, judge as served. Numbers
    with another one are never compared, averaged or put in one column."""
    primary: str
    """Name of the metric that the benchmark is known by; its row with subset `overall` is the headline."""
    complete: bool
    """Whether enough samples, COMPLETE_FROM of them, ended with an output (and, where judged, with a verdict)."""
    counts: Counts
    metrics: tuple[Metric, ...]
    coverage: tuple[Coverage, ...]
    provenance: Mapping[str, Any]
    """Versions, hashes and settings that the values depend on."""
    judging: Mapping[str, Any] | None = None
    """What the judge was asked, and what it cost, stage by stage."""
    timing: Mapping[str, Any] | None = None
    """Where the time went, as `eval.timing.Lap.summary` says; None where no model ran. Nothing else depends on time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One continuation by a model."""

    prompt: str
    """The prompt as sent, `<video>` standing for the frames."""
    output: str
    """The raw continuation, special tokens skipped."""
    n_tokens: int
    """Tokens generated, the end token included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a clip: its frames, or why there are none."""

    clip: Clip
    frames: Sequence[Image] | None
    """RGB images, where the clip could be read."""
    error: MediaError | None = None
    """Why there are no frames."""
    media: str | None = None
    """Which files they came from, as `eval.video.identity.media_id` has it."""
    decode: tuple[float, float] = (0.0, 0.0)
    """When decoding began and ended, by `time.perf_counter`."""
    prepare: tuple[float, float] = (0.0, 0.0)
    """When bringing the frames to the model's size began and ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Prompts about the frames of one clip."""

    frames: Sequence[Image]
    """RGB images."""
    prompts: Sequence[str]
    """Texts with one `<video>`, or one `<image>` a frame."""
    settled: Sequence[Settled | None] = ()
    """What may end each prompt's continuation before its end token; empty where nothing may."""


class Identified(Protocol):
    """A text that outcomes depend on."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...


class Benchmark(Protocol):
    """Reads annotations into samples, and says how they are scored."""

    @property
    def name(self) -> str:
        """Its name here: the file, the yaml, the results."""
        ...

    @property
    def dataset(self) -> str:
        """Its name in upstream's rows, where `dataset` is this, or this with `/` and the subset."""
        ...

    @property
    def card(self) -> Card:
        """What it is: paper, licence, task, sizes."""
        ...

    @property
    def scorer(self) -> Scorer: ...
    def samples(self) -> Iterator[Sample]:
        """Yield every sample in annotation order. Raises DataError where a row does not fit the format."""
        ...

    def subset_of(self, row: Any) -> str:
        """Return what a row of upstream's is reported under."""
        ...

    def asked_with(self) -> Identified:
        """Return the wording of the prompts, by name and hash."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return what the samples were read from, and how many rows were left out; to be asked after them."""
        ...


class Model(Protocol):
    """Continues prompts about clips."""

    @property
    def name(self) -> str: ...
    @property
    def n_frames(self) -> int:
        """Frames to sample from a clip."""
        ...

    @property
    def frame_side(self) -> int | None:
        """Pixels a side to which frames may be brought, by `eval.video.preparing`, before they come; None: not so."""
        ...

    @property
    def whole_clips(self) -> bool:
        """Whether a call holds all of a benchmark's prompts about a clip, and no others, also when a run goes on."""
        ...

    def clips_at_once(self, n_prompts: int) -> int:
        """Return how many clips with about so many prompts each it works on best together; always the same answer."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return what the outputs depend on: checkpoint, revision, device, dtype, decoding."""
        ...

    def generate(self, asked: Sequence[Asked], clock: Clock | None = None) -> list[list[Generation]]:
        """Continue each prompt about its clip's frames, as if it were asked alone.

        Args:
            asked: clips, with the prompts about each.
            clock: told what the time goes into, and how many tokens were generated.

        Raises:
            ModelError: one of the prompts does not fit; the caller then asks for fewer.
        """
        ...


class Scorer(Protocol):
    """Turns predictions into scores, and scores into metrics."""

    @property
    def name(self) -> str: ...
    def describe(self) -> Mapping[str, Any]:
        """Return the identity of its scores: settings, wording, parser, judge. Never compare two that differ in it."""
        ...

    def settled(self) -> Settled | None:
        """Return what tells when an output can no longer change its score, or None where only its end does."""
        ...

    def score(self, pairs: Sequence[tuple[Sample, Prediction]], population: Sequence[Sample] = ()) -> list[Score]:
        """Return one score a pair, in the order given.

        `population` holds all samples of the split, of which `pairs` may be a part: a metric that depends on a
        corpus takes its statistics from it, so that a part's score means what it means in the whole.
        """
        ...

    def aggregate(self, scores: Sequence[Score]) -> list[Metric]:
        """Return the metrics, both accountings, overall ones first."""
        ...
