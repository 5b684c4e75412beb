"""How far a run is, in a file of its folder, for those who watch it: no more than the terminal shows."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.errors import DataError, RunError
from eval.files import read_regular, write_bytes_atomically
from eval.runs.fields import checked

PROGRESS = "progress.json"
"""Its name; it is removed once there is a result."""
_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is."""

    done: int
    """Number of samples that were tried."""
    total: int
    """Number of samples in all."""
    rate: float
    """Samples a second since this start, of all benchmarks of the run."""
    seconds_left: float | None
    """Estimated seconds until all are predicted, of all benchmarks of the run."""
    workers: Sequence[Mapping[str, Any]]
    """For each of several workers its name, clips, samples, and share of its time in which it waited."""


def read_progress(folder: Path) -> Progress | None:
    """Return how far the run in a folder is; None where that is not told."""
    with suppress(OSError, ValueError, TypeError, DataError):
        found: Progress = checked(json.loads(read_regular(folder / PROGRESS)), Progress)
        return found
    return None


class ProgressFiles:
    """Writes how far runs are, every second at most."""

    def __init__(self) -> None:
        self._last = 0.0

    def due(self) -> bool:
        """Whether it is time to write again."""
        return time.monotonic() - self._last >= _EVERY_S

    def write(self, progress: Mapping[Path, Progress]) -> None:
        """Write the progress of each folder; errors of the disk only cost that."""
        self._last = time.monotonic()
        for folder, one in progress.items():
            with suppress(RunError):
                write_bytes_atomically(folder / PROGRESS, json.dumps(asdict(one)).encode("ascii"), synced=False)
