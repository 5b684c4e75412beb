"""Samples and what comes of them: prompts, conversations, predictions; what a benchmark is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL.Image import Image
from eval.core.media import Clip, ClipNote, Shown, Strip

Task = Literal["mc_qa", "oe_qa", "caption", "description"]
"""Kinds of answer: an option letter, a few words, one sentence, every event. Also the names of groups."""


StopWhen = Callable[[str], bool]
"""Whether an output, as generated so far, has a score that further text cannot change."""


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
    by_hand: str = ""
    """The part of the data that has to be requested from its owners."""
    frames: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Numbers of frames of a clip behind published numbers, by the family of models (`Tarsier2`), or whoever states it
    (`official evaluation`); several where it is not stated which."""


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
    shown: tuple[Shown, ...] = ()
    """The frames of each medium; empty where that is not known."""
    strip: Strip | None = None
    """A picture of them."""

    def __post_init__(self) -> None:
        if (self.output is None) == (self.error is None):
            raise ValueError(f"prediction {self.id!r} needs an output or an error, and not both")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a run's clip groups, in a run folder of its own."""

    number: int
    """Its number, from 1."""
    of: int
    """Number of shards."""

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"
