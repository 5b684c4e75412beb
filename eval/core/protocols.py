"""The protocols of benchmarks, models and scorers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from eval.core.media import FramePolicy
from eval.core.samples import Card, ClipPrompts, Generation, Prediction, Sample, StopWhen
from eval.core.scoring import Metric, Score
from eval.core.traits import ScorerTraits
from eval.timing import Clock


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

    def subsets_of(self, rows: Any, path: Path) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Return the reported subset, the source video and further metadata of each of upstream's rows from `path`."""
        ...

    def asked_with(self) -> Identified:
        """Return the wording of the prompts, by name and hash."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return the annotations' source and the number of rows left out; to be called after `samples`."""
        ...


class ModelFacts(Protocol):
    """A model as a run knows it, wherever it is loaded."""

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
        """The money that it has spent, and may spend (`eval.client.budget.Budget`); None for a model that is free."""
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
    """Defaults of a model that runs here, for free, and always answers; models inherit it and say what differs."""

    runs_here: ClassVar[bool] = True
    """Whether it is loaded in the process that asks it, and not behind a server."""
    whole_clips: bool = False
    budget: Any = None

    @property
    def stopped(self) -> str | None:
        """The reason why it answers nothing more: none."""
        return None

    @property
    def batching(self) -> Mapping[str, Any] | None:
        """Statistics of the batching: none."""
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
