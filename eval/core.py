"""The types that all packages share, and nothing else.

All values are frozen: a sample is validated once, where data enters, and is never edited after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from eval.errors import MediaError
from eval.timing import Clock

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

Accounting = Literal["upstream", "strict", "tolerant"]
"""Accounting of samples without a value. `upstream`: they leave the denominator. `strict`: they earn nothing.
`tolerant`: as strict, with multiple-choice answers as a person would read them; only where this differs.
"""

Status = Literal["scored", "invalid", "model_failed", "judge_failed"]
"""The outcome of a sample: an answer was scored; the output holds no answer; there is no output; no verdict."""

DecoderName = Literal["pyav", "decord"]
"""`pyav`: exact on every kind of file that is tested. `decord`: the decoder behind the published numbers."""

Task = Literal["mc_qa", "oe_qa", "caption", "description"]
"""Kinds of answer: an option letter, a few words, one sentence, every event. Also the names of groups."""

StopWhen = Callable[[str], bool]
"""Whether an output, as generated so far, has a score that further text cannot change."""

SECONDS = "seconds"
"""The key of a frame's time in `info`: seconds from the beginning of its file."""

COMPLETE_FROM = 0.995
"""Share of the samples that must have ended with an output and a verdict before a result counts as complete."""

OVERALL = "overall"
"""The `subset` of a metric over the whole benchmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A benchmark's description in its yaml: data, so that it can be listed and grouped without building it."""

    title: str
    """Its name in papers."""
    paper: str
    """The publication."""
    homepage: str
    """Source of the official files."""
    licence: str
    """The licence, in a few words; neither annotations nor videos are shipped here."""
    task: Task
    """The kind of answer."""
    metric: str
    """The metric reported for it."""
    chance: Literal["options"] | None
    """The expected score of a blind guess: `options` is one over the number of options, sample by sample."""
    dataset: str
    """Its name in upstream's rows."""
    upstream_split: str | None
    """The split that upstream reports, None where it reports none."""
    splits: Mapping[str, int]
    """Number of samples by split, where the answers are known or can be submitted."""


VIDEO_EXTENSIONS = ("mp4", "mkv", "webm", "avi", "mov", "wmv", "mpg", "mpeg", "m4v", "ts", "flv", "3gp")
"""Extensions of videos, the likeliest first."""
IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "tif", "tiff", "bmp", "webp")
"""Extensions of frame files in a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRules:
    """How image files are read where that is not upstream's way of reading eight-bit pictures."""

    deep: Literal["refuse", "scale"] = "refuse"
    """Grey images of 16 or 32 bits, which a plain conversion makes white or black."""
    exif_orientation: bool = False
    """Whether pictures are turned upright as their EXIF data say; upstream leaves them as they are stored."""

    def describe(self) -> dict[str, Any]:
        """Return what differs from the defaults, for a run's fingerprint."""
        return {
            **({} if self.deep == "refuse" else {"deep_images": self.deep}),
            **({"exif_orientation": True} if self.exif_orientation else {}),
        }


ClipNote = Literal["length_not_verifiable", "one_frame", "palette_lost"]
"""What to know of a clip that was read: its container doesn't say how long it is; it gave only one picture; its colours
are a palette's, which its decoder did not apply."""


FrameRule = Literal["tarsier", "tarsier2"]
"""How frames are chosen, and what a span means: upstream's rule on the branch of this name.

See eval/video/sampling.py and eval/video/sampling_tarsier2.py.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """Frames as squares: first of the longer side, then of `side` pixels, by Pillow's bicubic filter."""

    side: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Frames of limited area, their aspect kept, by Pillow's bicubic filter, width first: Tarsier2's two resizes."""

    max_pixels: int
    """Most pixels of a frame after the first resize."""
    min_pixels: int = 0
    """Fewest pixels of a frame after the first resize."""
    budget: int | None = None
    """Pixels of all frames of a prompt; a video's frame counts twice, an image `image_weight` times."""
    image_weight: int = 2
    """Number of times that an image counts in `budget`."""
    factor: int = 1
    """Both sides become multiples of it in the second resize; 1: there is none."""
    factor_min: int = 0
    """Fewest pixels after the second resize."""
    factor_max: int | None = None
    """Most pixels after the second resize."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePolicy:
    """Which frames of a clip a model sees, and in which size: part of a run's identity."""

    n_frames: int
    """Number of frames of a prompt; with `fps` the most."""
    rule: FrameRule = "tarsier"
    """How they are chosen."""
    fps: float | None = None
    """Frames per second of the clip; where these are more than `n_frames`, `n_frames` spread evenly. None: the latter
    always."""
    size: Square | Area | None = None
    """The size to which `eval.video.preparing` brings them before they arrive; None: their own."""

    @property
    def name(self) -> str:
        """Its name in tables: that in conf/frames/, such as `uniform-8`, and any rule but Tarsier's behind it."""
        name = f"uniform-{self.n_frames}" if self.fps is None else f"fps-{self.fps:g}-max-{self.n_frames}"
        return name if self.rule == "tarsier" else f"{name}-{self.rule}"

    def describe(self) -> Mapping[str, int | float]:
        """Return the part of a model's description that is about frames; settings that are not used are left out."""
        return {"n_frames": self.n_frames, **({} if self.fps is None else {"fps": self.fps})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How a row of branch `tarsier2` narrows the choice of frames; only that rule knows it."""

    first_frame: int | None = None
    """First frame of the span."""
    last_frame: int | None = None
    """Last frame of the span, included."""
    indices: tuple[int, ...] | None = None
    """The frames themselves, by number."""
    times: tuple[float, ...] | None = None
    """The frames themselves, by second."""
    fps: float | None = None
    """Frames per second."""
    min_frames: int | None = None
    """The number at which its share of the prompt's frames begins."""
    is_image: bool = False
    """Whether it is a picture, a file or one frame of a video, and not a video."""
    max_pixels: int | None = None
    """The row's own limit, in place of the policy's."""
    min_pixels: int | None = None
    """The row's own limit, in place of the policy's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """The media of a sample: a file, a folder of frames, or a list of frame files."""

    source: Path | tuple[Path, ...]
    """A video, gif or image file; a folder of frame images; or the frame files in order."""
    start: float | None = None
    """First second of the span; None starts at the first frame."""
    end: float | None = None
    """Last second of the span, included; None ends at the last frame."""
    fps: float | None = None
    """Frames per second of a folder of frames; with it a span can be applied to the folder."""
    selection: Selection | None = None
    """What else a row of branch `tarsier2` says about its frames."""
    more: tuple[Clip, ...] = ()
    """Further media of the same prompt, in order; they have none of their own."""

    @property
    def name(self) -> str:
        """The clip as a message shows it: its file or folder, or its first frame file."""
        return str(self.source if isinstance(self.source, Path) else (self.source[0] if self.source else "(no frames)"))

    def exists(self) -> bool:
        """Whether the file, the folder with an image in it, or every listed frame exists; so for further media."""
        if not all(medium.exists() for medium in self.more):
            return False
        if isinstance(self.source, Path):
            if not self.source.is_dir():
                return self.source.exists()
            return any(path.suffix.lower()[1:] in IMAGE_EXTENSIONS for path in self.source.iterdir())
        return bool(self.source) and all(path.exists() for path in self.source)


PartKind = Literal["text", "image", "video"]
"""Kinds of parts of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A message of a conversation, for models with a chat template."""

    role: str
    """`system`, `user` or `assistant`; a last turn of the assistant is a begun answer."""
    parts: tuple[tuple[PartKind, str], ...]
    """Its parts in order: the kind, and the text, which is empty for a medium. The media are the clip's, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question about one clip."""

    id: str
    """Unique within the benchmark and stable between runs."""
    benchmark: str
    """Name of the benchmark, as in conf/benchmark/."""
    subset: str
    """Subtask, type or source under which it is reported; "" where the benchmark has none."""
    clip: Clip
    """The clip shown to the model."""
    prompt: str
    """The text sent, with `<video>` in place of the frames."""
    targets: tuple[str, ...]
    """Reference answers: the option letter, the answer, or the captions."""
    options: tuple[str, ...] = ()
    """Texts of the options in order, for multiple choice."""
    cluster: str = ""
    """The source video: samples that share it are not independent."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the annotation, unchanged."""
    turns: tuple[Turn, ...] = ()
    """The conversation as a row in the form of `messages` has it; empty where `prompt` says all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A model's output for a sample, or an error; never both."""

    id: str
    """The sample's id."""
    prompt: str
    """The prompt as sent to the model, with `<video>` in place of the frames."""
    output: str | None
    """The raw continuation, special tokens skipped."""
    error: str | None = None
    """Reason for the missing output."""
    n_frames: int = 0
    """Number of frames shown."""
    media: str | None = None
    """Hash of the frames' source files, from `eval.video.identity.media_id`; None where that is not known."""
    notes: tuple[ClipNote, ...] = ()
    """What to know of the clip."""

    def __post_init__(self) -> None:
        if (self.output is None) == (self.error is None):
            raise ValueError(f"prediction {self.id!r} needs an output or an error, and not both")


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
class MetricTraits:
    """A metric's maximum, unit and computation, as its scorer declares them; its averages share them."""

    name: str
    """`accuracy`, `f1`, `cider`, ..."""
    best: float = 1.0
    """The maximum value, also of a single sample."""
    unit: Literal["percent", "points"] = "percent"
    """`percent`: shown times 100, with one digit. `points`: shown as it is, with two."""
    parts: tuple[str, ...] = ()
    """The values of a sample that the metric is computed from; empty for the mean of the values of its own name."""
    statistic: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    """The metric as a function of the means or sums of its parts, (..., parts) to (...)."""
    of_means: bool = True
    """Whether `statistic` takes means of the parts, and not sums."""
    kept: tuple[str, ...] = ()
    """The parts that a failed sample keeps in `strict`, where its other parts are 0."""
    paired: bool = True
    """Whether two systems are compared in it: not if a sample's value depends on which others were scored."""
    basis: str = ""
    """The source of its document frequencies, where a scorer gives one metric with several sources."""

    @property
    def values(self) -> tuple[str, ...]:
        """The values of a sample that decide the metric; where these differ, two scores of the sample differ."""
        return self.parts or (self.name,)

    @property
    def scale(self) -> float:
        """The factor by which tables multiply it."""
        return 100.0 if self.unit == "percent" else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTraits:
    """What a judge gives a sample, for a comparison of two judges."""

    values: tuple[str, ...]
    """The values from the judge; a sample with all of them is judged. Where it grades whole answers, the first one is
    the grade, 1 for correct and 0 for wrong, and the value of the headline metric."""
    items: tuple[str, str] | None = None
    """The places in a score's `detail` of the items that the judge labels and of their labels, such as
    `labels.reference`; None where it grades whole answers."""
    labels: tuple[str, ...] = ("yes", "no")
    """All labels of an item, or both grades."""
    noun: str = "grades"
    """The labels' name in sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerTraits:
    """Everything about a scorer that code outside of its file needs to know to read, compare and explain its scores."""

    name: str
    """The scorer's name in results, by which `eval.scorers.traits` finds these traits for a finished run."""
    metrics: tuple[MetricTraits, ...]
    """Its metrics in the order of comparisons; the first one is the headline."""
    subsets: Literal["both", "macro", "none"] = "both"
    """The averages over a benchmark's subsets: `_macro` and `_micro` of each metric; the mean over subsets alone, under
    the metric's own name; or none, since subsets are not reported."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Other names of subsets, with the ones under which they are reported."""
    needs_population: bool = False
    """Whether a sample's score depends on the other samples of the split."""
    values_failures: bool = False
    """Whether failed samples have values too."""
    judged: JudgedTraits | None = None
    """The judge's part; None for scorers without a judge."""

    @property
    def headline(self) -> MetricTraits:
        """The metric that is reported first."""
        return self.metrics[0]

    def metric(self, name: str) -> MetricTraits | None:
        """Return the metric of a name in results, which may be that of an average; None where there is none."""
        plain = name.removesuffix("_macro").removesuffix("_micro")
        return next((metric for metric in self.metrics if metric.name in (name, plain)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Number of samples with each status; the four add up to the total."""

    total: int
    scored: int
    invalid: int
    model_failed: int
    judge_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Share of a subset's samples whose media are available."""

    subset: str
    total: int
    present: int

    @property
    def fraction(self) -> float:
        """Share of the samples whose media are available."""
        return self.present / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one benchmark in one run: what result.json holds."""

    benchmark: str
    model: str
    judge: str | None
    """The judge as served, where there is one."""
    protocol: str | None
    """The judge protocol's name."""
    score_id: str
    """Hash of everything that defines a score: metric, protocol with wording and parser, judge as served. Numbers
    with different hashes are never compared, averaged or put in one column."""
    primary: str
    """Name of the benchmark's primary metric; its row with subset `overall` is the headline."""
    complete: bool
    """Whether enough samples, COMPLETE_FROM of them, ended with an output (and, where judged, with a verdict)."""
    counts: Counts
    metrics: tuple[Metric, ...]
    coverage: tuple[Coverage, ...]
    provenance: Mapping[str, Any]
    """Versions, hashes and settings that the values depend on."""
    judging: Mapping[str, Any] | None = None
    """Number and cost of the judge calls, by stage."""
    timing: Mapping[str, Any] | None = None
    """Time of each stage, from `eval.timing.Lap.summary`; None where no model ran. Nothing else depends on time."""
    serving: Mapping[str, Any] | None = None
    """Number, tokens and cost of the requests to a model behind a server, over all starts of this run; None where no
    server was asked. Requests for several benchmarks at once are in the result of the first one."""
    clip_notes: Mapping[str, int] | None = None
    """Number of clips by what is to know of them (`ClipNote`); None where there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One continuation by a model."""

    prompt: str
    """The prompt as sent, with `<video>` in place of the frames."""
    output: str
    """The raw continuation, special tokens skipped."""
    n_tokens: int
    """Number of tokens generated, the end token included."""
    error: str | None = None
    """Reason why there is no output, which is then empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedClip:
    """The result of loading a clip: its frames, or an error."""

    clip: Clip
    frames: Sequence[Image] | None
    """RGB images, where the clip could be read."""
    counts: tuple[int, ...] = ()
    """Number of frames of each medium, where the clip has more than one."""
    error: MediaError | None = None
    """Reason for the missing frames."""
    media: str | None = None
    """Hash of their source files, from `eval.video.identity.media_id`."""
    notes: tuple[ClipNote, ...] = ()
    """What to know of the clip."""
    decode: tuple[float, float] = (0.0, 0.0)
    """Start and end of decoding, by `time.perf_counter`."""
    prepare: tuple[float, float] = (0.0, 0.0)
    """Start and end of resizing the frames for the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPrompts:
    """Prompts about the frames of one clip."""

    frames: Sequence[Image]
    """RGB images, chosen and sized by the model's frame policy. Where their medium has a frame rate, `info[SECONDS]` is
    when each is shown."""
    prompts: Sequence[str]
    """Texts with one `<video>`, or one `<image>` a frame; where `turns` say more, with one `<video>` a medium."""
    turns: Sequence[tuple[Turn, ...]] = ()
    """For each prompt, the conversation of its sample (`Sample.turns`); empty for none."""
    counts: tuple[int, ...] = ()
    """Number of frames of each medium; empty for one medium."""
    settled: Sequence[StopWhen | None] = ()
    """For each prompt, the check that may end its continuation before the end token; empty for none."""

    def conversations(self) -> list[tuple[str, tuple[Turn, ...]]]:
        """Return each prompt with its conversation, which is empty for none."""
        return list(zip(self.prompts, self.turns or [()] * len(self.prompts), strict=True))

    def one_by_one(self) -> list[ClipPrompts]:
        """Return each prompt by itself, about the same frames, to be continued to its end."""
        return [replace(self, prompts=[prompt], turns=[turns], settled=()) for prompt, turns in self.conversations()]


class Identified(Protocol):
    """A text that outcomes depend on."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...


class Benchmark(Protocol):
    """Reads annotations into samples, and describes how they are scored."""

    @property
    def name(self) -> str:
        """Its name in this project: in file names, yaml files and results."""
        ...

    @property
    def dataset(self) -> str:
        """Its name in upstream's rows, whose `dataset` is this name, or this name with `/` and the subset."""
        ...

    @property
    def card(self) -> Card:
        """Its card: paper, licence, task, sizes."""
        ...

    @property
    def may_withhold(self) -> bool:
        """Whether its authors keep the answers of a split, so that samples without any are asked and not scored."""
        ...

    @property
    def scorer(self) -> Scorer: ...
    def samples(self) -> Iterator[Sample]:
        """Yield every sample in annotation order. Raises DataError where a row does not fit the format."""
        ...

    def subsets_of(self, rows: Any, path: Path) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the reported subset and further metadata of each of upstream's rows, which come from `path`."""
        ...

    def asked_with(self) -> Identified:
        """Return the wording of the prompts, by name and hash."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return the annotations' source and the number of rows left out; to be called after `samples`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a run's clip groups, in a run folder of its own."""

    number: int
    """Its number, from 1."""
    of: int
    """Number of shards."""

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


class ModelFacts(Protocol):
    """What a run has to know of a model, wherever it is loaded."""

    @property
    def name(self) -> str: ...
    @property
    def frames(self) -> FramePolicy:
        """The frames that it is to be shown, and their size."""
        ...

    @property
    def whole_clips(self) -> bool:
        """Whether a call must hold exactly a benchmark's prompts about a clip, also when a run is resumed."""
        ...

    @property
    def batching(self) -> Mapping[str, Any] | None:
        """Statistics of the batching so far; None for none."""
        ...

    @property
    def budget(self) -> Any:
        """What it has spent, and may spend (`eval.client.budget.Budget`); None for a model that costs nothing."""
        ...

    def clips_at_once(self, n_prompts: int) -> int:
        """Return the best number of clips, with about so many prompts each, for one call; always the same answer."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return everything the outputs depend on: checkpoint, revision, device, dtype, decoding."""
        ...

    def account(self) -> Mapping[str, Any] | None:
        """Return number, tokens and cost of requests since the last account; None for a model that makes none."""
        ...


class Model(ModelFacts, Protocol):
    """Continues prompts about clips."""

    @property
    def stopped(self) -> str | None:
        """The reason why it answers nothing more; None while it does."""
        ...

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:
        """Continue each prompt about its clip's frames, as if it were asked alone.

        Args:
            asked: clips, with the prompts about each.
            clock: records the time of each stage and the number of tokens.

        Raises:
            ModelError: one of the prompts does not fit; the caller then asks for fewer.
        """
        ...


class ModelDefaults:
    """What holds for a model that runs here, for free, and always answers. Models inherit it and say what differs."""

    runs_here: ClassVar[bool] = True
    """Whether it is loaded in the process that asks it, and not behind a server."""
    whole_clips: bool = False
    budget: Any = None

    @property
    def stopped(self) -> str | None:
        """None."""
        return None

    @property
    def batching(self) -> Mapping[str, Any] | None:
        """None."""
        return None

    def account(self) -> Mapping[str, Any] | None:
        """Return None."""
        return None


class Scorer(Protocol):
    """Turns predictions into scores, and scores into metrics."""

    traits: ClassVar[ScorerTraits]
    """Its metrics and what tells its scores apart; belongs to the class, so that finished runs are read without it."""

    @property
    def name(self) -> str: ...
    def describe(self) -> Mapping[str, Any]:
        """Return the identity of its scores: settings, wording, parser, judge. Compare only scores with equal ones.

        Comparisons read `name`, and where given `headline` (the average reported first) and `whole_videos` (whether
        `upstream` drops all questions of a video with an invalid answer).
        """
        ...

    def settled(self) -> StopWhen | None:
        """Return the check that an output's score can no longer change; None if only the whole output decides."""
        ...

    def score(self, pairs: Sequence[tuple[Sample, Prediction]], population: Sequence[Sample] = ()) -> list[Score]:
        """Return one score a pair, in the order given.

        `population` holds all samples of the split, of which `pairs` may be a part: a corpus metric takes its
        statistics from it, so that scores of a part are comparable with those of the whole.
        """
        ...

    def aggregate(self, scores: Sequence[Score]) -> list[Metric]:
        """Return the metrics in both accountings, overall ones first."""
        ...
