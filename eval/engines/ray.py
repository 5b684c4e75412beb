"""The engine of many GPUs and machines: a Ray cluster with a model on each worker; this process alone writes.

Clip groups are handed out longest first, a bounded number to each worker. What a worker had under way when it died is
done by others. A group over which two workers died is recorded as failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from eval import building
from eval.core import FramePolicy, ModelDefaults, StopWhen
from eval.engines.cluster import connected, fitting, nodes, slots
from eval.engines.crew import Crew, Died, Event, Joined, Reported
from eval.engines.dealing import MOST_DEATHS, Dealing
from eval.engines.engine import Setup, WorkerTimes
from eval.engines.estimate import TimeLeft
from eval.engines.groups import ClipGroup, Predicted, failed
from eval.engines.worker import REPORT_S, Loaded
from eval.errors import EngineError
from eval.timing import ELSEWHERE, MAIN_OF_WORKER, Clock

_PIPELINE = 2
"""Calls that each worker has before it, so that it need not wait for this process between two."""

Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RayEngine:
    """Works on a Ray cluster: one that runs, or one on this machine.

    Args:
        address: a running cluster's, `host:port`; None starts one here.
        workers: number of workers; None: as many as there is room for.
        gpus_per_worker: GPUs of each worker; None: one, where the cluster has any. With more, give model.device_map.
        cpus_per_worker: processors of each worker; None: a share of its machine's.
        wait_s: maximum seconds to wait for a first worker, or for another one where all have died.
        silent_s: maximum seconds for which a worker may be at one clip group; after that it counts as dead.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        workers: PositiveInt | None = None,
        gpus_per_worker: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None,
        cpus_per_worker: Amount | None = None,
        wait_s: Amount = 1800.0,
        silent_s: Amount = 3600.0,
    ) -> None:
        self._address = address
        self._workers = workers
        self._gpus = gpus_per_worker
        self._cpus = cpus_per_worker
        self._wait_s = wait_s
        self._silent_s = silent_s

    @contextmanager
    def start(self, setup: Setup) -> Iterator[RaySession]:
        """Check the cluster, start workers on it, and wait until the first has loaded the model.

        Raises:
            EngineError: the cluster cannot be reached, or has no machine that fits, or no room.
            TarsierEvalError: the model cannot be loaded.
        """
        made_by, _ = building.check(setup.model, "model")
        if not getattr(made_by, "runs_here", True):
            raise EngineError(
                "A model behind a server has many requests under way by itself, under one budget; leave engine=ray out."
            )
        with connected(self._address):
            found = fitting(nodes(), setup.media)
            places = slots(found, workers=self._workers, gpus_per_worker=self._gpus, cpus_per_worker=self._cpus)
            if setup.model.get("device") == "cuda" and not places[0].gpus:
                raise EngineError("model.device=cuda, and the workers have no GPU; leave it out, or join a cluster.")
            crew = Crew(places, setup, self._wait_s, self._silent_s)
            try:
                crew.open()
                yield RaySession(crew, [place.name for place in places])
            finally:
                crew.close()


class RemoteModel(ModelDefaults):
    """The model of the workers, as the first of them describes it."""

    def __init__(self, loaded: Loaded, ask: Callable[..., Any]) -> None:
        self.name: str = loaded.name
        self.frames: FramePolicy = loaded.frames
        self.whole_clips = loaded.whole_clips
        self._description = loaded.description
        self._ask = ask
        self._at_once: dict[int, int] = {}
        self.statistics: dict[str, Mapping[str, Any]] = {}

    @property
    def batching(self) -> Mapping[str, Any] | None:
        """Statistics of the batching so far, by worker."""
        return self.statistics or None

    def clips_at_once(self, n_prompts: int) -> int:
        """Return a worker's answer."""
        if n_prompts not in self._at_once:
            self._at_once[n_prompts] = self._ask("clips_at_once", n_prompts)
        return self._at_once[n_prompts]

    def describe(self) -> Mapping[str, Any]:
        """Return everything the outputs depend on."""
        return self._description


class RaySession:
    """Workers with a loaded model each.

    Args:
        crew: the workers, the first of which is ready.
        names: the names of all of them.
    """

    def __init__(self, crew: Crew, names: Sequence[str]) -> None:
        assert crew.first is not None, "no worker is ready"
        self.model = RemoteModel(crew.first, crew.ask)
        self._crew = crew
        self._times = {name: WorkerTimes(name=name) for name in names}
        self._left = TimeLeft()

    @property
    def workers(self) -> Sequence[WorkerTimes]:
        """Work and times of each worker so far."""
        return list(self._times.values())

    def seconds_left(self) -> float | None:
        """Return the estimated seconds until all groups are done; None before it can be told."""
        return self._left.seconds(max(1, len(self._crew.ready())))

    def predict(
        self, groups: Sequence[ClipGroup], *, settled: Mapping[str, StopWhen | None], clock: Clock
    ) -> Iterator[Predicted]:
        """Yield the samples of each group with their predictions, as workers report them."""
        import ray

        self._settled = ray.put(dict(settled))
        self._dealing = Dealing(groups, clips_ahead=max(one.clips_ahead for one in self._crew.ready().values()))
        self._left.expect(groups)
        self._clock = clock
        self._begun = time.perf_counter()
        for name in self._times:
            clock.part(name)
        for name in self._crew.ready():
            self._crew.call(name, "begin", self._settled)
        try:
            while not self._dealing.finished:
                for name in self._crew.ready():
                    self._keep_busy(name)
                for event in self._crew.events():
                    yield from self._handle(event)
        finally:
            self._crew.close()  # scoring, with a judge perhaps for hours, needs no GPU

    def _keep_busy(self, name: str) -> None:
        """Hand out groups to a worker, and have enough calls before it."""
        if self._crew.n_calls(name) < _PIPELINE:
            more = self._dealing.hand_out(name, len(self._crew.ready()))
            if more or self._dealing.under_way(name):
                self._crew.call(name, "exchange", more)

    def _handle(self, event: Event) -> Iterator[Predicted]:
        if isinstance(event, Joined):
            self._crew.call(event.worker, "begin", self._settled)
        elif isinstance(event, Reported):
            yield from self._take(event)
        else:
            yield from self._give_to_others(event)

    def _take(self, event: Reported) -> Iterator[Predicted]:
        """Take a worker's report: its predictions, and where its time went."""
        name, report = event.worker, event.report
        done = self._dealing.done(name, [number for number, _ in report.done], sum(report.took))
        for group, seconds in zip(done, report.took, strict=True):
            self._left.done(group, seconds, first=not self._times[name].clips)
        self._times[name] = self._times[name].plus(done, report.stages)
        if report.batching is not None:
            self.model.statistics[name] = report.batching
        now, part = time.perf_counter(), self._clock.part(name)
        stages = {stage: report.stages.get(stage, 0.0) for stage in (*MAIN_OF_WORKER, *ELSEWHERE)}
        begin = max(self._begun, now - sum(stages[stage] for stage in MAIN_OF_WORKER))
        part.spread(stages, begin, now)
        self._clock.spread({stage: seconds for stage, seconds in stages.items() if stage != "idle"}, begin, now)
        for what, n in report.counts.items():
            self._clock.count(what, round(n))
        samples = {(sample.benchmark, sample.id): sample for group in done for sample in group.samples}
        predicted = [pair for _, pairs in report.done for pair in pairs]
        if predicted:
            yield [(samples[benchmark, prediction.id], prediction) for benchmark, prediction in predicted]

    def _give_to_others(self, event: Died) -> Iterator[Predicted]:
        """Take back what a dead worker had under way; yield the failures of a group that has ended two of them."""
        for group in self._dealing.died(event.worker, untold_s=2 * REPORT_S):
            self._left.drop(group)
            yield failed(group.samples, f"model: {MOST_DEATHS} workers died over this clip ({event.reason})")
