"""The engine of one process: this one, with its own model; only clips are read by others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from eval import building
from eval.core import Model, StopWhen
from eval.engines.engine import Setup, WorkerTimes
from eval.engines.estimate import TimeLeft
from eval.engines.groups import ClipGroup, Predicted
from eval.engines.predicting import clips_ahead, frame_loader, predict_groups
from eval.timing import Clock

if TYPE_CHECKING:
    from eval.video.workers import FrameLoader


class LocalSession:
    """A model and a loader of clips in this process."""

    workers: Sequence[WorkerTimes] = ()

    def __init__(self, model: Model, loader: FrameLoader) -> None:
        self.model = model
        self._loader = loader
        self._left = TimeLeft()

    def seconds_left(self) -> float | None:
        """Return the estimated seconds until all groups are done; None before it can be told."""
        return self._left.seconds()

    def predict(
        self, groups: Sequence[ClipGroup], *, settled: Mapping[str, StopWhen | None], clock: Clock
    ) -> Iterator[Predicted]:
        """Yield the samples of each group with their predictions."""
        load = partial(self._loader.load, policy=self.model.frames, ahead=clips_ahead(self.model))
        self._left.expect(groups)
        first, before = True, time.perf_counter()
        for group, predicted in predict_groups(groups, self.model, load, settled=settled, clock=clock):
            now = time.perf_counter()
            self._left.done(group, now - before, first=first)
            first = False
            yield predicted
            before = now


class LocalEngine:
    """Works in this process."""

    @contextmanager
    def start(self, setup: Setup) -> Iterator[LocalSession]:
        """Load the model in this process."""
        with frame_loader(setup.reading) as loader:
            yield LocalSession(building.build(setup.model, "model"), loader)
