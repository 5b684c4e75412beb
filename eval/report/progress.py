"""Progress of a task on the terminal: how much is done, how fast, and what is left; a line for each worker."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from eval.engines.engine import WorkerTimes
from eval.report.printing import one_line

if TYPE_CHECKING:
    from typing_extensions import Self

LONG = 2.0
"""Seconds after which it is said that something goes on."""
PLAIN_INTERVAL = 15.0
"""Seconds between progress lines where the output is not a terminal."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return the rate in samples a second."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "-/s")


class _Left(ProgressColumn):
    def __init__(self, left: Callable[[], float | None]) -> None:
        super().__init__()
        self._left = left

    def render(self, task: Task) -> Text:  # noqa: ARG002
        """Return the time left."""
        seconds = self._left()
        return Text("" if seconds is None else f"{duration(seconds)} left", style="cyan")


class _Bars(Progress):
    """A progress bar, and below it a line for each worker."""

    workers: Callable[[], Sequence[WorkerTimes]] = tuple

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bar and the lines."""
        yield from super().get_renderables()
        yield from (Text(f"  {line}", style="dim") for line in worker_lines(self.workers()))


class RunProgress:
    """Progress of a task, rate and time left: a bar on a terminal, a line now and then elsewhere.

    Args:
        label: What is done.
        total: Number of items.
        done: Number of items that were done before.
        unit: The items.
        ends: Whether a last line is printed when all is done, where the output is not a terminal.
        left: Returns the estimated seconds left, None where it can't be told; None goes by the items so far.
        workers: Returns what each of several workers has done so far.
    """

    def __init__(
        self,
        label: str,
        total: int,
        done: int = 0,
        unit: str = "samples",
        *,
        ends: bool = True,
        left: Callable[[], float | None] | None = None,
        workers: Callable[[], Sequence[WorkerTimes]] = tuple,
    ) -> None:
        label = one_line(label)
        self._label, self._total, self._done, self._begun_with = label, total, done, done
        self._unit, self._ends = unit, ends
        self._told, self._workers = left, workers
        self._start = self._last = time.monotonic()
        console = Console(stderr=True)
        self._bar: _Bars | None = None
        if console.is_terminal:
            left_over = _Left(self.seconds_left)
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), left_over)
            self._bar = _Bars(*columns, console=console, transient=True)
            self._bar.workers = workers
        self._task = self._bar.add_task(escape(label), total=total, completed=done) if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self, n: int) -> None:
        """Count `n` more as done."""
        self._done += n
        if self._bar and self._task is not None:
            self._bar.advance(self._task, n)
            return
        now = time.monotonic()
        if now - self._last >= PLAIN_INTERVAL or (self._ends and self._done == self._total):
            self._last = now
            left = "" if (seconds := self.seconds_left()) is None else f", {seconds:.0f} s left"
            line = f"{self._label}: {self._done}/{self._total} {self._unit}, {self.rate:.1f}/s{left}"
            print("\n  ".join([line, *worker_lines(self._workers())]), file=sys.stderr, flush=True)

    @property
    def rate(self) -> float:
        """Items a second so far."""
        return (self._done - self._begun_with) / max(time.monotonic() - self._start, 1e-9)

    def seconds_left(self) -> float | None:
        """Return the estimated seconds that are left; None before they can be told."""
        if self._done == self._total:
            return 0.0
        if self._told is not None:
            return self._told()
        return (self._total - self._done) / self.rate if self.rate else None


class Working:
    """Says that something of unknown length goes on: a spinner on a terminal, elsewhere a line if it takes long.

    Args:
        label: What is done, such as `Loading tarsier-7b`.
    """

    def __init__(self, label: str) -> None:
        self._label = one_line(label)
        console = Console(stderr=True)
        self._status = console.status(escape(f"{self._label} ...")) if console.is_terminal else None
        self._timer = threading.Timer(LONG, self._tell)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        else:
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._status is not None:
            self._status.stop()

    def _tell(self) -> None:
        print(f"{self._label} ...", file=sys.stderr, flush=True)


def worker_lines(workers: Sequence[WorkerTimes]) -> list[str]:
    """Return a line for each worker: clips, rate, and the share of its time in which it waited."""
    width = max((len(one.name) for one in workers), default=0)
    return [
        f"{one_line(one.name):<{width}}  {one.clips} clips, {one.clips_a_second:.1f}/s, {one.share_waiting:.0%} waiting"
        for one in workers
    ]


def duration(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
