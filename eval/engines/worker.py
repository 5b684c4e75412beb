"""A worker of a cluster: one model with its own readers of clips, which does the clip groups that it is handed."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval import building
from eval.core import FramePolicy, Model, Prediction, StopWhen
from eval.engines.engine import Setup
from eval.engines.groups import ClipGroup
from eval.engines.predicting import Assembly, clips_ahead, frame_loader, timed
from eval.errors import EngineError
from eval.plugins.finding import named
from eval.provenance import code_hash, library_versions, plugin_code
from eval.timing import Clock

PROJECT = Path(__file__).resolve().parents[2]

REPORT_S = 0.2
"""Seconds after which a worker reports what it has done; a longer group is reported by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """Facts that have to be the same on all machines of a run, and the files that one of them does not see."""

    python: str
    code: str
    libraries: Mapping[str, str]
    unseen: tuple[str, ...]
    """Files and folders of the run that are not there."""


def node_facts(media: Sequence[Path]) -> NodeFacts:
    """Return the facts of the machine on which this runs."""
    return NodeFacts(
        python=".".join(platform.python_version_tuple()[:2]),
        code=code_hash(PROJECT),
        libraries=library_versions(),
        unseen=tuple(str(path) for path in media if not path.exists()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A worker's model, as the run has to know it."""

    name: str
    frames: FramePolicy
    whole_clips: bool
    clips_ahead: int
    description: Mapping[str, Any]
    notes: tuple[str, ...]
    """Warnings that were given while it was loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Groups that a worker has done since its last report, and where its time went."""

    done: Sequence[tuple[int, Sequence[tuple[str, Prediction]]]]
    """Number of each group, with benchmark and prediction of its samples."""
    took: Sequence[float]
    """Seconds that each group took, from the end of the one before."""
    stages: Mapping[str, float]
    """Seconds by stage of `eval.timing.MAIN` and `ELSEWHERE`; `idle` while it had nothing to do."""
    counts: Mapping[str, float]
    """Counts of the clock, such as tokens."""
    batching: Mapping[str, Any] | None
    """Statistics of its model's batching so far."""


class Worker:
    """Loads a model once, and predicts clip groups until it is ended."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._open = ExitStack()
        self._free_since = time.perf_counter()

    def load(self, setup: Setup) -> Loaded:
        """Load the model, and return what the run has to know of it. Raises TarsierEvalError."""
        notes: list[str] = []
        handler = _Noting(notes)
        logging.getLogger("eval").addHandler(handler)
        try:
            self._loader = frame_loader(setup.reading)
            self._open.enter_context(named(setup.folders))
            if (there := plugin_code(building.plugins_of({"model": setup.model}))) != setup.plugins:
                raise EngineError(
                    f"The model's plugins differ on machines: {there} here, {dict(setup.plugins)} for the run."
                )
            self._model: Model = building.build(setup.model, "model")
        finally:
            logging.getLogger("eval").removeHandler(handler)
        return Loaded(
            name=self._model.name,
            frames=self._model.frames,
            whole_clips=self._model.whole_clips,
            clips_ahead=clips_ahead(self._model),
            description=dict(self._model.describe()),
            notes=tuple(notes),
        )

    def clips_at_once(self, n_prompts: int) -> int:
        """Return the model's best number of clips for one call."""
        return self._model.clips_at_once(n_prompts)

    def begin(self, settled: Mapping[str, StopWhen | None]) -> None:
        """Begin a run: from now on groups may come."""
        self._assembly = Assembly(self._model, settled, self._clock)
        self._feed = self._open.enter_context(self._loader.feed(self._model.frames, ahead=clips_ahead(self._model)))
        self._free_since = time.perf_counter()

    def exchange(self, more: Sequence[ClipGroup]) -> Report:
        """Take groups, work for a while, and return what is done; nothing where there was nothing to do."""
        begin = now = time.perf_counter()
        self._clock.add("idle", self._free_since, begin)
        self._feed.add(self._assembly.add(more))
        done: list[tuple[int, list[tuple[str, Prediction]]]] = []
        took: list[float] = []
        for loaded in timed(iter(self._feed), self._clock):
            for group in self._assembly.put(loaded):
                predicted = self._assembly.predicted(group)
                done.append((group.number, [(sample.benchmark, prediction) for sample, prediction in predicted]))
                before, now = now, time.perf_counter()
                took.append(now - before)
            if now - begin >= REPORT_S:
                break
        lap = self._clock.lap()
        self._free_since = time.perf_counter()
        return Report(done=done, took=took, stages=lap.seconds, counts=lap.counts, batching=self._model.batching)


class _Noting(logging.Handler):
    """Keeps warnings as texts."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning."""
        self._notes.append(record.getMessage())
