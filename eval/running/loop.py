"""From checked jobs to results: predict for all of them together, score each as soon as it has its predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.core import ModelFacts, Result
from eval.engines.engine import Session
from eval.engines.groups import ClipGroup, Predicted, plan, still_to_do
from eval.report import printing
from eval.report.progress import RunProgress
from eval.running.benchmark_run import BenchmarkRun, Job
from eval.running.outcome import say
from eval.runs.progress import Progress, ProgressFiles
from eval.timing import Clock


def run(jobs: Sequence[Job], session: Session) -> Iterator[Result]:
    """Yield the result of each job, in order. Clips that several of them show are decoded and encoded once."""
    clock = Clock()
    runs: dict[str, BenchmarkRun] = {}
    try:
        for job in jobs:
            runs[job.benchmark.name] = BenchmarkRun(job, session.model, clock)
        for line in _asked(jobs):
            printing.say(printing.results_console(), line)
        yield from _results(runs, session, clock)
    except KeyboardInterrupt:
        for each in runs.values():
            say(f"\n{each.n_done} of {len(each.samples)} samples are in {each.job.out}.")
        say("The same command with OUT set to the run's folder continues; score takes what is there.")
        raise
    finally:
        for each in runs.values():
            each.close()


def _asked(jobs: Sequence[Job]) -> list[str]:
    """Return lines that name the wordings of the prompts and the judge's protocols, each with its benchmarks."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        asked, protocol = job.benchmark.asked_with(), job.benchmark.scorer.describe().get("protocol")
        place = getattr(asked, "place", "")
        several = len(jobs) > 1 and place
        name = "rows in upstream's form" if several and asked.name.startswith("rows of ") else asked.name
        read = f" (read from {Path(place).parent if several else place})" if place else ""
        judged = f", judged by protocol {protocol['name']}" if protocol else ""
        found.setdefault(f"{name}{read}{judged}.", []).append(job.benchmark.name)
    if len(found) == 1:
        return [f"Asked with {line}" for line in found]
    return [f"{', '.join(of)}: asked with {line}" for line, of in found.items()]


def _results(runs: Mapping[str, BenchmarkRun], session: Session, clock: Clock) -> Iterator[Result]:
    groups, refused = _planned(runs, session.model)
    stream = _predicted(runs, groups, refused, session, clock)
    several = len(runs) > 1
    files = ProgressFiles()

    def predict(wanted: Collection[BenchmarkRun], label: str) -> None:
        done, total = (sum(n) for n in zip(*((one.n_done, len(one.samples)) for one in runs.values()), strict=True))
        told = RunProgress(label, total=total, done=done, left=session.seconds_left, workers=lambda: session.workers)
        with told as progress:
            while any(one.n_missing for one in wanted):
                predicted = next(stream)
                progress.advance(_keep(predicted, runs, clock))
                clock.book(Counter(sample.benchmark for sample, _ in predicted))
                if files.due():
                    files.write(_progress(runs, progress, session))
        if not any(one.n_missing for one in runs.values()):
            stream.close()  # what only predicting needs is free while all is scored

    if several and session.workers:
        # All of them first: workers would wait while a benchmark is scored, perhaps by a judge for hours.
        predict(runs.values(), f"{len(runs)} benchmarks")
    for n, (name, each) in enumerate(runs.items(), 1):
        # One line for all: clips that several benchmarks show come for all of them at once.
        predict([each], f"{len(runs)} benchmarks ({n}: {name})" if several else name)
        yield each.result([*runs] if several else [], session.workers)


def _progress(runs: Mapping[str, BenchmarkRun], told: RunProgress, session: Session) -> dict[Path, Progress]:
    """Return how far each run is."""
    workers = [
        {"name": one.name, "clips": one.clips, "samples": one.samples, "waiting": round(one.share_waiting, 4)}
        for one in session.workers
    ]
    shared: dict[str, Any] = {"rate": told.rate, "seconds_left": told.seconds_left(), "workers": workers}
    going_on = (one for one in runs.values() if not one.scored)
    return {one.job.out: Progress(done=one.n_done, total=len(one.samples), **shared) for one in going_on}


def _planned(runs: Mapping[str, BenchmarkRun], model: ModelFacts) -> tuple[list[ClipGroup], Predicted]:
    """Return the clip groups of the whole run, or of this shard of it, and the failures of what cannot be asked."""
    groups, refused = plan([sample for each in runs.values() for sample in each.job.samples], model)
    shard = next(iter(runs.values())).job.settings.shard
    if shard is not None:
        groups, refused = groups[shard.number - 1 :: shard.of], refused[shard.number - 1 :: shard.of]
        mine = {id(sample) for group in groups for sample in group.samples} | {id(sample) for sample, _ in refused}
        for each in runs.values():
            each.samples = [sample for sample in each.job.samples if id(sample) in mine]
    return groups, refused


def _predicted(
    runs: Mapping[str, BenchmarkRun], groups: Sequence[ClipGroup], refused: Predicted, session: Session, clock: Clock
) -> Generator[Predicted, None, None]:
    """Yield predictions of the samples without an output."""
    if refused:
        yield refused
    missing = {name for each in runs.values() for name in each.missing()}
    settled = {name: each.settled() for name, each in runs.items()}
    yield from session.predict(still_to_do(groups, session.model, missing), settled=settled, clock=clock)


def _keep(predicted: Predicted, runs: Mapping[str, BenchmarkRun], clock: Clock) -> int:
    """Write predictions to their run folders; return the number of samples that had none."""
    with clock.stage("write"):
        names = dict.fromkeys(sample.benchmark for sample, _ in predicted)
        n_new = sum(runs[name].keep([pair for pair in predicted if pair[0].benchmark == name]) for name in names)
        runs[next(iter(names))].serving.settle()
        return n_new
