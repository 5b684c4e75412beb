"""Times the stages of a call, if there is a clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from eval.timing import Clock


class Stages:
    """The stages of one call; without a clock they cost nothing.

    Args:
        clock: records the seconds and the counts.
        devices: the devices of the work. CUDA runs asynchronously, so its devices are synchronized between stages.
    """

    def __init__(self, clock: Clock | None, devices: Sequence[torch.device]) -> None:
        self._clock = clock
        self._devices = [device for device in devices if device.type == "cuda"]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of a block to the stage."""
        if self._clock is None:
            yield
            return
        self._wait()
        with self._clock.stage(name):
            yield
            self._wait()

    def count(self, name: str, n: int) -> None:
        """Count items, such as tokens."""
        if self._clock is not None:
            self._clock.count(name, n)

    def _wait(self) -> None:
        for device in self._devices:
            torch.cuda.synchronize(device)
