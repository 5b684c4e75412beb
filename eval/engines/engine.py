"""Engines: what puts clip groups to a model, in this process or in many. A run does not know which one it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from eval.core import ModelFacts, StopWhen
from eval.engines.groups import ClipGroup, Predicted
from eval.timing import MAIN_OF_WORKER, WAITING, Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Everything that an engine needs to begin, in plain values that can be sent to other processes."""

    model: Mapping[str, Any]
    """Input of `eval.building.build` for the model."""
    reading: Mapping[str, Any]
    """Arguments of `eval.video.workers.FrameLoader`."""
    media: Sequence[Path] = ()
    """Folders and files that every process has to see."""
    folders: Sequence[str] = ()
    """Folders of plugins that the model needs."""
    plugins: Mapping[str, Any] = field(default_factory=dict)
    """The hash of the code of each plugin that the model needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTimes:
    """Work and times of one of several workers so far."""

    name: str
    clips: int = 0
    samples: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Seconds by stage."""

    @property
    def clips_a_second(self) -> float:
        """Clips a second of its time so far."""
        total = sum(self.seconds.get(stage, 0.0) for stage in MAIN_OF_WORKER)
        return self.clips / total if total else 0.0

    @property
    def share_waiting(self) -> float:
        """Share of its time in which it waited."""
        total = sum(self.seconds.get(stage, 0.0) for stage in MAIN_OF_WORKER)
        return sum(self.seconds.get(stage, 0.0) for stage in WAITING) / total if total else 0.0

    def summary(self) -> dict[str, Any]:
        """Return the summary for result.json."""
        return {
            "name": self.name,
            "clips": self.clips,
            "samples": self.samples,
            "waiting": round(self.share_waiting, 4),
            "stages_s": {stage: round(seconds, 3) for stage, seconds in self.seconds.items()},
        }

    def plus(self, groups: Sequence[ClipGroup], seconds: Mapping[str, float]) -> WorkerTimes:
        """Return the times with further groups, and the seconds that they took by stage."""
        names = dict.fromkeys((*self.seconds, *seconds))
        return replace(
            self,
            clips=self.clips + sum(len(group.clips) for group in groups),
            samples=self.samples + sum(len(group.samples) for group in groups),
            seconds={name: self.seconds.get(name, 0.0) + seconds.get(name, 0.0) for name in names},
        )


class Session(Protocol):
    """An engine at work, its model loaded."""

    @property
    def model(self) -> ModelFacts:
        """Its model."""
        ...

    @property
    def workers(self) -> Sequence[WorkerTimes]:
        """Work and times of each worker so far; empty where this process does it all."""
        ...

    def seconds_left(self) -> float | None:
        """Return the estimated seconds until all groups are done; None before it can be told."""
        ...

    def predict(
        self, groups: Sequence[ClipGroup], *, settled: Mapping[str, StopWhen | None], clock: Clock
    ) -> Iterator[Predicted]:
        """Yield the samples of each group with their predictions, in any order of the groups; once a session.

        Args:
            groups: of one or several benchmarks, each with its own clips.
            settled: by benchmark, the check whether an output's score can no longer change.
            clock: records the time of each stage.

        Raises:
            TarsierEvalError: the run cannot go on; what was yielded holds.
        """
        ...


class Engine(Protocol):
    """The settings of an engine, as conf/engine/ gives them."""

    def start(self, setup: Setup) -> AbstractContextManager[Session]:
        """Load the model, after everything that can be checked before it; the end of the context frees it all.

        Raises:
            TarsierEvalError: a setting does not fit, the model cannot be loaded, or what it needs is not there.
        """
        ...
