"""The workers of a run on a Ray cluster: starting them, calling them, and replacing those that die."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from eval.engines.cluster import Slot, nodes, pinned, readers_of
from eval.engines.engine import Setup
from eval.engines.worker import Loaded, Report, Worker
from eval.errors import EngineError, TarsierEvalError
from eval.readers.malformed import first_line
from eval.runs.differences import differences_of

_log = logging.getLogger(__name__)

_STARTS = 3
"""Number of workers in a row that may die in a place before they are given any work; after that it stays empty."""
_LOOK_S = 0.5
"""Seconds after which a wait for workers ends, so that a signal is handled."""


@dataclass(slots=True)
class _Place:
    """A slot with the worker that is there now."""

    slot: Slot
    actor: Any = None
    loaded: Loaded | None = None
    heard: float = 0.0
    """When it said something, or was given work after it had none."""
    was_ready: bool = False
    """Whether a worker was ever ready there."""
    failed_starts: int = 0
    """Number of workers in a row that died before they were given any work."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A worker whose model is loaded."""

    worker: str


@dataclass(frozen=True, slots=True)
class Reported:
    """A worker that has done some groups."""

    worker: str
    report: Report


@dataclass(frozen=True, slots=True)
class Died:
    """A worker that is gone, and what it had under way with it."""

    worker: str
    reason: str


Event = Joined | Reported | Died


class Crew:
    """Workers with a loaded model each.

    Args:
        places: Where they are to be.
        setup: The model and the data.
        wait_s: Maximum seconds to be without any worker.
        silent_s: Maximum seconds for which a worker with work says nothing; after that it is ended.
    """

    def __init__(self, places: Sequence[Slot], setup: Setup, wait_s: float, silent_s: float) -> None:
        self._setup = setup
        self._wait_s = wait_s
        self._silent_s = silent_s
        self._places = {slot.name: _Place(slot=slot) for slot in places}
        self._calls: dict[Any, tuple[str, str]] = {}
        """The worker and the method of each call under way."""
        self.first: Loaded | None = None
        """What the first worker that was ready says of its model; None before."""

    def open(self) -> None:
        """Start all workers, and wait for the first.

        Raises:
            EngineError: No worker can be started, or not in time.
            TarsierEvalError: The model cannot be loaded.
        """
        for name in self._places:
            self._start(name)
        while not self.ready():
            for _ in self.events():
                pass  # whoever is ready is asked for later

    def close(self) -> None:
        """End all workers; what was asked of them before holds."""
        import ray

        for place in self._places.values():
            if place.actor is not None:
                ray.kill(place.actor)
                place.actor = None

    def ready(self) -> dict[str, Loaded]:
        """Return the workers whose model is loaded."""
        return {name: place.loaded for name, place in self._places.items() if place.loaded is not None}

    def call(self, name: str, method: str, *arguments: Any) -> None:
        """Call a worker; `events` yields what comes of it."""
        place = self._places[name]
        if not self.n_calls(name):
            place.heard = time.monotonic()
        self._calls[getattr(place.actor, method).remote(*arguments)] = (name, method)

    def ask(self, method: str, *arguments: Any) -> Any:
        """Return the answer of any worker. Raises EngineError where none is there to give one."""
        import ray

        for name in self.ready():
            with suppress(ray.exceptions.RayActorError):  # its death is told by `events`
                return ray.get(getattr(self._places[name].actor, method).remote(*arguments))
        raise EngineError("No worker is left to plan the run; the same command begins again.")

    def n_calls(self, name: str) -> int:
        """Return the number of exchanges that a worker has before it."""
        return sum(call == (name, "exchange") for call in self._calls.values())

    def events(self) -> Iterator[Event]:
        """Wait until something happens, and yield it.

        Raises:
            EngineError: No worker is left, or none came in time, or one failed by a fault of its code.
            TarsierEvalError: A worker says that the run cannot go on.
        """
        fault: TarsierEvalError | None = None
        for ref in self._ended():
            if ref in self._calls:  # a death in between has ended all calls of its worker
                name, method = self._calls.pop(ref)
                try:
                    event = self._event(ref, name, method)
                except TarsierEvalError as error:
                    fault = fault or error  # after the reports of the others, which hold
                else:
                    if event is not None:
                        yield event
        if fault is not None:
            raise fault

    def _ended(self) -> list[Any]:
        import ray

        begin = time.monotonic()
        while self._calls:
            self._end_silent()
            ended, others = ray.wait(list(self._calls), num_returns=1, timeout=_LOOK_S)
            if ended:
                return [*ended, *(ray.wait(others, num_returns=len(others), timeout=0)[0] if others else [])]
            if not self.ready() and time.monotonic() - begin > self._wait_s:
                raise EngineError(
                    f"No worker was ready within engine.wait_s={self._wait_s:g} s; other work may hold the cluster's "
                    "GPUs and processors."
                )
        raise EngineError("No worker is left, and no machine for another one; the same command goes on from here.")

    def _end_silent(self) -> None:
        """End workers that have said nothing for too long; their calls then end as those of dead workers do."""
        import ray

        now = time.monotonic()
        for name in self.ready():
            place = self._places[name]
            if self.n_calls(name) and now - place.heard > self._silent_s:
                _log.warning(f"{name} said nothing for {self._silent_s:g} s (engine.silent_s), and is ended.")
                place.heard = now
                ray.kill(place.actor)

    def _event(self, ref: Any, name: str, method: str) -> Event | None:
        import ray

        try:
            result = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if method == "load" and (self.ready() or self._places[name].was_ready):
                # Another one could load the model: this place's GPU is full, or its predecessor is not gone yet.
                return self._lost(name, first_line(cause, kind=not isinstance(cause, TarsierEvalError)), had_work=False)
            if isinstance(cause, TarsierEvalError):
                raise cause from None
            raise EngineError(f"{name} failed: {first_line(cause, kind=True)}.") from error
        except ray.exceptions.RayError as error:
            return self._lost(name, _end_of(error), had_work=method == "exchange" or self.n_calls(name) > 0)
        if method == "load":
            return self._join(name, result)
        if method == "exchange":
            self._places[name].failed_starts = 0
            self._places[name].heard = time.monotonic()
            return Reported(name, result)
        return None

    def _start(self, name: str) -> None:
        """Start the worker of a place, which loads the model."""
        import ray

        place = self._places[name]
        slot, place.loaded = place.slot, None
        place.actor = (
            ray.remote(Worker)
            .options(num_cpus=slot.cpus, num_gpus=slot.gpus, scheduling_strategy=pinned(slot.node), max_restarts=0)
            .remote()
        )
        self.call(name, "load", replace(self._setup, reading=readers_of(slot, self._setup.reading)))

    def _join(self, name: str, loaded: Loaded) -> Joined | None:
        """Take a worker whose model is loaded, unless its outputs might differ from the first one's."""
        import ray

        place = self._places[name]
        if self.first is None:
            self.first = loaded
            for note in loaded.notes:
                _log.warning(note)
        if differing := differences_of(self.first.description, loaded.description):
            one = differing[0]
            _log.warning(f"{name} is left out: its {one.field} is {one.second!r}, the first worker's {one.first!r}.")
            ray.kill(place.actor)
            place.actor = None
            return None
        place.loaded, place.was_ready = loaded, True
        return Joined(name)

    def _lost(self, name: str, reason: str, *, had_work: bool) -> Died:
        """Forget a dead worker, and start another one in its place, if its machine is still there."""
        import ray

        place = self._places[name]
        # A death over some work is the work's fault, which the session counts.
        place.failed_starts = 0 if had_work else place.failed_starts + 1
        self._calls = {ref: call for ref, call in self._calls.items() if call[0] != name}
        ray.kill(place.actor)
        place.actor = place.loaded = None
        if place.slot.node.id not in {node.id for node in nodes()}:
            others = "the others do its part" if self.ready() else "no worker is ready now"
            _log.warning(f"{name} is gone with its machine; {others}.")
        elif place.failed_starts >= _STARTS:
            _log.warning(f"{name} could not begin, {_STARTS} times in a row; it is left out ({reason}).")
        else:
            _log.warning(f"{name} died ({reason}); another one starts in its place.")
            self._start(name)
        return Died(name, reason)


def _end_of(error: Exception) -> str:
    """Return in a few words what became of a worker; for the usual ends without Ray's own long text."""
    import ray.exceptions as known

    if isinstance(error, known.OutOfMemoryError):
        return "its machine ran out of memory"
    if isinstance(error, known.NodeDiedError):
        return "its machine is gone"
    if isinstance(error, known.RayActorError | known.WorkerCrashedError):
        return "its process was ended"
    return first_line(error, kind=True)
