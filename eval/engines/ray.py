"""The engine of many GPUs and machines: a Ray cluster with a model on each worker; this process alone writes.

Clip groups are handed out longest first, a bounded number to each worker. What a worker had under way when it died is
done by others. A group over which two workers died is recorded as failed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from eval.core import FramePolicy, ModelDefaults, StopWhen
from eval.engines.cluster import Slot, connected, fitting, nodes, pinned, readers_of, slots
from eval.engines.dealing import MOST_DEATHS, Dealing
from eval.engines.engine import Setup, WorkerTimes
from eval.engines.estimate import TimeLeft
from eval.engines.groups import ClipGroup, Predicted, failed
from eval.engines.worker import REPORT_S, Loaded, Report, Worker, in_model
from eval.errors import EngineError, TarsierEvalError
from eval.readers.malformed import first_line
from eval.runs.differences import differences_of
from eval.timing import ELSEWHERE, MAIN, Clock

_log = logging.getLogger(__name__)

_STARTS = 3
"""Number of times in a row that a worker may die before it has done anything; after that its place stays empty."""
_PIPELINE = 2
"""Calls that each worker has before it, so that it need not wait for this process between two."""
_LOOK_S = 0.5
"""Seconds after which a wait for workers ends, so that a signal is handled."""

Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RayEngine:
    """Works on a Ray cluster: one that runs, or one on this machine.

    Args:
        address: a running cluster's, `host:port` or `auto` for the one of this machine; None starts one here.
        workers: number of workers; None: as many as there is room for.
        gpus_per_worker: GPUs of each worker; None: one, where the cluster has any. With more, give model.device_map.
        cpus_per_worker: processors of each worker; None: a share of its machine's.
        wait_s: maximum seconds to wait for a first worker, or for another one where all have died.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        workers: PositiveInt | None = None,
        gpus_per_worker: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None,
        cpus_per_worker: Amount | None = None,
        wait_s: Amount = 1800.0,
    ) -> None:
        self._address = address
        self._workers = workers
        self._gpus = gpus_per_worker
        self._cpus = cpus_per_worker
        self._wait_s = wait_s

    @contextmanager
    def start(self, setup: Setup) -> Iterator[RaySession]:
        """Check the cluster, start workers on it, and wait until the first has loaded the model.

        Raises:
            EngineError: the cluster cannot be reached, or has no machine that fits, or no room.
            TarsierEvalError: the model cannot be loaded.
        """
        with connected(self._address):
            found = fitting(nodes(), setup.media)
            places = slots(found, workers=self._workers, gpus_per_worker=self._gpus, cpus_per_worker=self._cpus)
            if setup.model.get("device") == "cuda" and not places[0].gpus:
                raise EngineError("model.device=cuda, and the workers have no GPU; leave it out, or join a cluster.")
            session = RaySession(places, setup, self._wait_s)
            try:
                session.open()
                yield session
            finally:
                session.close()


@dataclass(slots=True)
class _Place:
    """A slot with the worker that is there now."""

    slot: Slot
    actor: Any = None
    loaded: Loaded | None = None
    failed_starts: int = 0
    calls: int = 0
    """Number of exchanges under way."""


class _RemoteModel(ModelDefaults):
    """What the first worker says of its model."""

    def __init__(self, loaded: Loaded, actor: Any) -> None:
        self.name: str = loaded.name
        self.frames: FramePolicy = loaded.frames
        self.whole_clips = loaded.whole_clips
        self._description = loaded.description
        self._actor = actor
        self._at_once: dict[int, int] = {}
        self.statistics: dict[str, Mapping[str, Any]] = {}

    @property
    def batching(self) -> Mapping[str, Any] | None:
        """Statistics of the batching so far, by worker."""
        return self.statistics or None

    def clips_at_once(self, n_prompts: int) -> int:
        """Return the first worker's answer."""
        import ray

        if n_prompts not in self._at_once:
            self._at_once[n_prompts] = ray.get(self._actor.clips_at_once.remote(n_prompts))
        return self._at_once[n_prompts]

    def describe(self) -> Mapping[str, Any]:
        """Return everything the outputs depend on."""
        return self._description


class RaySession:
    """Workers with a loaded model each.

    Args:
        places: where they are to be.
        setup: the model and the data.
        wait_s: maximum seconds to be without any worker.
    """

    model: _RemoteModel

    def __init__(self, places: Sequence[Slot], setup: Setup, wait_s: float) -> None:
        self._setup = setup
        self._wait_s = wait_s
        self._places = {slot.name: _Place(slot=slot) for slot in places}
        self._refs: dict[Any, tuple[str, str]] = {}
        """The worker and the method of each call under way."""
        self._settled: Any = None
        self._times = {slot.name: WorkerTimes(name=slot.name) for slot in places}
        self._left = TimeLeft()
        self._begun_at = time.perf_counter()

    @property
    def workers(self) -> Sequence[WorkerTimes]:
        """What each worker has done so far."""
        return list(self._times.values())

    def seconds_left(self) -> float | None:
        """Return the estimated seconds until all groups are done; None before it can be told."""
        return self._left.seconds(max(1, len(self._ready())))

    def open(self) -> None:
        """Start all workers, and wait for the first. Raises TarsierEvalError."""
        for name in self._places:
            self._start(name)
        while not self._ready():
            for _ in self._handle(self._wait()):
                pass  # nothing is predicted yet

    def close(self) -> None:
        """End all workers."""
        import ray

        for place in self._places.values():
            if place.actor is not None:
                ray.kill(place.actor)

    def predict(
        self, groups: Sequence[ClipGroup], *, settled: Mapping[str, StopWhen | None], clock: Clock
    ) -> Iterator[Predicted]:
        """Yield the samples of each group with their predictions, as workers report them."""
        import ray

        self._settled = ray.put(dict(settled))
        self._dealing = Dealing(groups, clips_ahead=max(p.clips_ahead for p in self._ready().values()))
        self._left.expect(groups)
        self._clock = clock
        clock.workers = len(self._places)
        self._begun_at = time.perf_counter()
        for name in self._ready():
            self._call(name, "begin", self._settled)
        while not self._dealing.finished:
            for name in self._ready():
                self._keep_busy(name)
            yield from self._handle(self._wait())

    def _ready(self) -> dict[str, Loaded]:
        return {name: place.loaded for name, place in self._places.items() if place.loaded is not None}

    def _start(self, name: str) -> None:
        """Start the worker of a place, which loads the model."""
        import ray

        place = self._places[name]
        slot = place.slot
        place.loaded, place.calls = None, 0
        place.actor = (
            ray.remote(Worker)
            .options(num_cpus=slot.cpus, num_gpus=slot.gpus, scheduling_strategy=pinned(slot.node), max_restarts=0)
            .remote()
        )
        self._call(name, "load", replace(self._setup, reading=readers_of(slot, self._setup.reading)))

    def _call(self, name: str, method: str, *arguments: Any) -> None:
        actor = self._places[name].actor
        self._refs[getattr(actor, method).remote(*arguments)] = (name, method)

    def _keep_busy(self, name: str) -> None:
        """Hand out groups to a worker, and have enough calls before it."""
        place = self._places[name]
        if place.calls >= _PIPELINE:
            return
        more = self._dealing.hand_out(name, len(self._ready()))
        if more or self._dealing.under_way(name):
            place.calls += 1
            self._call(name, "exchange", more)

    def _wait(self) -> list[Any]:
        """Return the calls that have ended, some time after the start of the wait at the latest."""
        import ray

        begin = time.monotonic()
        while self._refs:
            ended, _ = ray.wait(list(self._refs), num_returns=1, timeout=_LOOK_S)
            if ended:
                return [*ended, *ray.wait([r for r in self._refs if r not in ended], num_returns=1, timeout=0)[0]]
            if not self._ready() and time.monotonic() - begin > self._wait_s:
                raise EngineError(
                    f"No worker was ready within engine.wait_s={self._wait_s:g} s; other work may hold the cluster's "
                    "GPUs and processors."
                )
        raise EngineError("No worker is left, and no machine for another one; the same command goes on from here.")

    def _handle(self, ended: Sequence[Any]) -> Iterator[Predicted]:
        """Take the results of calls."""
        for ref in ended:
            name, method = self._refs.pop(ref)
            yield from self._result(ref, name, method)

    def _result(self, ref: Any, name: str, method: str) -> Iterator[Predicted]:
        import ray

        place = self._places[name]
        place.calls -= method == "exchange"
        try:
            result = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, TarsierEvalError):
                raise cause from None
            raise EngineError(f"{name} failed: {first_line(cause, kind=True)}.") from error
        except ray.exceptions.RayError as error:
            yield from self._lost(name, first_line(error, kind=True))
        else:
            if method == "load":
                self._join(name, result)
            elif method == "exchange":
                yield from self._take(name, result)

    def _join(self, name: str, loaded: Loaded) -> None:
        """Take a worker whose model is loaded, unless its outputs might differ from the first one's."""
        import ray

        place = self._places[name]
        if not hasattr(self, "model"):
            self.model = _RemoteModel(loaded, place.actor)
            for note in loaded.notes:
                _log.warning(note)
        differing = differences_of(self.model.describe(), loaded.description)
        if differing:
            one = differing[0]
            _log.warning(f"{name} is left out: its {one.field} is {one.second!r}, the first worker's {one.first!r}.")
            ray.kill(place.actor)
            place.actor = None
            return
        place.loaded = loaded
        if self._settled is not None:
            self._call(name, "begin", self._settled)

    def _take(self, name: str, report: Report) -> Iterator[Predicted]:
        """Take a worker's report: its predictions, and where its time went."""
        place = self._places[name]
        place.failed_starts = 0
        done = self._dealing.done(name, [number for number, _ in report.done], sum(report.took))
        for group, seconds in zip(done, report.took, strict=True):
            self._left.done(group, seconds)
        self._times[name] = self._times[name].plus(done, report.stages, in_model(report.stages))
        if report.batching is not None:
            self.model.statistics[name] = report.batching
        now = time.perf_counter()
        for stage in (*MAIN, *ELSEWHERE):
            if seconds := report.stages.get(stage, 0.0):
                self._clock.add(stage, max(self._begun_at, now - seconds), now)
        for what, n in report.counts.items():
            self._clock.count(what, round(n))
        for group, (_, predicted) in zip(done, report.done, strict=True):
            samples = {(sample.benchmark, sample.id): sample for sample in group.samples}
            yield [(samples[benchmark, prediction.id], prediction) for benchmark, prediction in predicted]

    def _lost(self, name: str, reason: str) -> Iterator[Predicted]:
        """Give a dead worker's groups to others, and start another one in its place, if its machine is still there."""
        import ray

        place = self._places[name]
        for ref in [ref for ref, (of, _) in self._refs.items() if of == name]:
            del self._refs[ref]
        ray.kill(place.actor)
        was_ready = place.loaded is not None
        place.actor = place.loaded = None
        if was_ready and self._settled is not None:
            rate = self._times[name].clips_a_second
            # Reports come after REPORT_S: any group of that time may be the one that it was at.
            for group in self._dealing.died(name, begun=1 + round(2 * REPORT_S * rate)):
                self._left.drop(group)
                yield failed(group.samples, f"model: {MOST_DEATHS} workers died over this clip ({reason})")
        place.failed_starts += 1
        if place.slot.node.id not in {node.id for node in nodes()}:
            _log.warning(f"{name} is gone with its machine; the others do its part.")
        elif place.failed_starts >= _STARTS:
            _log.warning(f"{name} died {_STARTS} times before it had done anything; it is left out ({reason}).")
        else:
            _log.warning(f"{name} died ({reason}); another one starts in its place.")
            self._start(name)
