"""Timing of a run: stages of the main thread, work of other processes, and both over the run's course."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

BINS = 240
"""Most time bins of a run's course; when they are used up, neighbours are merged in pairs."""

IN_MODEL = ("encode", "prefill", "generate", "model")
"""Stages of the main thread that are the model's: vision tower and projector; the prompt up to the first token; the
further tokens; everything else, such as tokenising and moving data."""

WAITING = ("wait", "idle")
"""Stages of a worker in which it waits: for frames, and for clips to be handed to it."""

MAIN_OF_WORKER = (*IN_MODEL, *WAITING)
"""Stages of the main thread of a worker, where there are several."""

MAIN = (*IN_MODEL, "wait", "write", "score")
"""Stages of the main thread: the model's, waiting for frames, writing predictions, scoring."""

ELSEWHERE = ("decode", "prepare")
"""Work of other processes: reading a clip's frames, and bringing them to the model's size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """A clock's record of some period."""

    wall: float
    """Wall time in seconds."""
    seconds: Mapping[str, float]
    """Seconds by stage."""
    counts: Mapping[str, float]
    """Counts by name; only those booked on an account, before it is read, are not whole."""
    bin_s: float
    """Seconds of a time bin."""
    course: Mapping[str, Sequence[float]]
    """Seconds of each stage in each time bin."""
    parts: Mapping[str, Lap] = field(default_factory=dict)
    """The record of each worker, where there are several, whose stages are added up here."""
    workers: int = 1
    """Number of processes whose stages are added up."""

    @property
    def in_model(self) -> float:
        """Seconds of the main thread in the model."""
        return sum(self.seconds.get(stage, 0.0) for stage in IN_MODEL)

    def summary(self) -> dict[str, Any]:
        """Return the summary for result.json: seconds by stage, the model's share, tokens a second."""
        predicting = self.wall - self.seconds.get("score", 0.0)
        tokens = self.counts.get("tokens", 0)
        in_model = self.in_model / self.workers
        return {
            "wall_s": round(self.wall, 3),
            "stages_s": {stage: round(self.seconds.get(stage, 0.0), 3) for stage in (*MAIN, *ELSEWHERE)},
            "in_model": round(in_model / predicting, 4) if predicting > 0 else None,
            "samples": self.counts.get("samples", 0),
            "tokens": tokens,
            "tokens_per_s": round(tokens / in_model, 2) if in_model > 0 else None,
        }


def _more(
    account: Mapping[str, float], before: Mapping[str, float], now: Mapping[str, float], part: float
) -> dict[str, float]:
    return {name: account.get(name, 0.0) + part * (now[name] - before.get(name, 0.0)) for name in now}


class Clock:
    """Adds up the seconds of stages, in memory that does not grow with the run.

    Stages may be nested: the inner stage's time is not counted for the outer one, so that the stages of the main thread
    add up to at most the wall time.

    Args:
        now: a monotonic clock, in seconds.
        bin_s: initial seconds of a time bin.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter, bin_s: float = 0.05) -> None:
        self._now = now
        self._start = now()
        self._bin_s = self._first_bin_s = bin_s
        self._open: list[str] = []
        self._since = self._start
        self._seconds: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._course: dict[str, list[float]] = {}
        self._booked = self._nothing()
        self._accounts: dict[str, Lap] = {}
        self._parts: dict[str, Clock] = {}

    def part(self, name: str) -> Clock:
        """Return the clock of one of several workers, begun when this one was; what it records is not added here."""
        if name not in self._parts:
            clock = self._parts[name] = Clock(self._now, self._first_bin_s)
            clock._start = clock._since = self._start
        return self._parts[name]

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time until the block ends to the stage, except for stages inside it."""
        self._switch()
        self._open.append(name)
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def add(self, name: str, start: float, end: float) -> None:
        """Add work of other processes, in parallel with the main thread."""
        self._seconds[name] = self._seconds.get(name, 0.0) + end - start
        self._draw(name, start - self._start, end - self._start)

    def spread(self, seconds: Mapping[str, float], start: float, end: float) -> None:
        """Add work of another process whose stages took turns between two moments, in an order that is not known."""
        for name, took in seconds.items():
            if took:
                self._seconds[name] = self._seconds.get(name, 0.0) + took
                self._draw(name, start - self._start, end - self._start, took)

    def count(self, name: str, n: int) -> None:
        """Count items, such as tokens."""
        self._counts[name] = self._counts.get(name, 0) + n

    def so_far(self) -> Lap:
        """Return the record since the clock was made, or since the last lap."""
        self._switch()
        n = max((len(parts) for parts in self._course.values()), default=0)
        return Lap(
            wall=self._since - self._start,
            seconds=dict(self._seconds),
            counts=dict(self._counts),
            bin_s=self._bin_s,
            course={name: parts + [0.0] * (n - len(parts)) for name, parts in self._course.items()},
            parts={name: part.so_far() for name, part in self._parts.items()},
            workers=self._workers,
        )

    def lap(self) -> Lap:
        """Return the record since the clock was made, or since the last lap, and reset."""
        done = self.so_far()
        self._start, self._bin_s = self._since, self._first_bin_s
        self._seconds, self._counts, self._course = {}, {}, {}
        self._booked, self._accounts, self._parts = self._nothing(), {}, {}
        return done

    def book(self, shares: Mapping[str, int]) -> None:
        """Book what was recorded since the last booking on accounts, divided in proportion to their shares.

        All accounts together hold what the clock has recorded, however much of the work was done for several at once.
        """
        self._switch()
        before, whole = self._booked, sum(shares.values())
        for name, share in shares.items():
            account, part = self._accounts.get(name, self._nothing()), share / whole
            self._accounts[name] = Lap(
                wall=account.wall + part * (self._since - self._start - before.wall),
                seconds=_more(account.seconds, before.seconds, self._seconds, part),
                counts=_more(account.counts, before.counts, self._counts, part),
                bin_s=self._bin_s,
                course={},
            )
        self._booked = self.so_far()

    def account(self, name: str) -> Lap:
        """Return what was booked on an account since the last lap, without its course; counts are whole numbers."""
        found = self._accounts.get(name, self._nothing())
        return replace(found, counts={each: round(n) for each, n in found.counts.items()}, workers=self._workers)

    @property
    def _workers(self) -> int:
        """Number of workers that have done anything."""
        return max(1, sum(any(part._seconds.values()) for part in self._parts.values()))

    def _nothing(self) -> Lap:
        return Lap(wall=0.0, seconds={}, counts={}, bin_s=self._bin_s, course={})

    def _switch(self) -> None:
        """Add the time since the last switch to the innermost open stage."""
        now = self._now()
        if self._open:
            self.add(self._open[-1], self._since, now)
        self._since = now

    def _draw(self, name: str, start: float, end: float, took: float | None = None) -> None:
        start = max(start, 0.0)
        share = 1.0 if took is None or end <= start else took / (end - start)
        while end >= BINS * self._bin_s:
            self._bin_s *= 2
            for stage, parts in self._course.items():
                self._course[stage] = [sum(parts[i : i + 2]) for i in range(0, len(parts), 2)]
        parts = self._course.setdefault(name, [])
        last = int(end / self._bin_s)
        parts += [0.0] * (last + 1 - len(parts))
        for i in range(int(start / self._bin_s), last + 1):
            parts[i] += share * max(0.0, min(end, (i + 1) * self._bin_s) - max(start, i * self._bin_s))
