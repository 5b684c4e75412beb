"""The exact gate on the built-in subset: observed as it is now, and compared with a baseline."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eval import building
from eval import config as configuration
from eval.config import Settings
from eval.errors import ModelError
from eval.files import absolute
from eval.provenance import data_hash, library_versions, prompts_hash
from eval.regression.comparing import GateOutcome, compare
from eval.regression.observing import Batching, Chosen, LoadClips, choose, observe
from eval.regression.records import Observation, Record, as_kept, read
from eval.regression.resume_check import CUT, in_process, resumed
from eval.regression.suites import suites
from eval.running.judge_session import Judging

BASELINE = configuration.PROJECT / "results" / "baselines" / "tarsier-tiny.jsonl"
"""The default baseline of the built-in subset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Settings for running the built-in subset; none of them may change a result."""

    in_process: bool = False
    """Whether clips are read in this process instead of workers: without a worker's time and memory limits, but
    patchable, which tests with planted faults need."""
    workers: int | None = None
    """Processes that read clips."""
    way: Batching = field(default_factory=Batching)
    """Batches and order."""
    benchmarks: tuple[str, ...] = ()
    """Names of the benchmarks; empty for all."""


def check_builtin(baseline: str | Path | None = None, workers: int | None = None) -> GateOutcome:
    """Observe the built-in subset, and compare it with a baseline.

    Args:
        baseline: Its file; None: the project's own.
        workers: Processes that read clips.

    Raises:
        RunError: there is no baseline, it is damaged, or of another checkpoint or world.
    """
    kept = read(baseline_file(baseline))
    return compare(kept, as_kept(observe_builtin(Setup(workers=workers))))


def baseline_file(name: str | Path | None) -> Path:
    """Return the path of a baseline; None: the project's own."""
    return absolute(name) if name else BASELINE


def observe_builtin(setup: Setup) -> Observation:
    """Run the built-in subset through the pipeline, and the fixed inputs through their checks.

    Raises ModelError where the built-in model's inputs cannot be recorded.
    """
    from eval.models.tarsier.runner import TarsierRunner
    from eval.video.frames import decoder_version
    from eval.video.workers import FrameLoader

    names = setup.benchmarks or tuple(configuration.names("benchmark"))
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        settings = {name: _settings(name, Path(scratch)) for name in names}
        first = settings[names[0]]
        judging = Judging(first)
        chosen: dict[str, Chosen] = {}
        for name, each in settings.items():
            benchmark, _ = judging.benchmark(each)
            population = list(benchmark.samples())
            chosen[name] = Chosen(benchmark=benchmark, population=population, samples=choose(population))
        load: LoadClips = in_process
        if not setup.in_process:
            load = stack.enter_context(FrameLoader(decoder=first.decoder, workers=setup.workers)).load
        runner = building.build(first.model, "model")
        if not isinstance(runner, TarsierRunner):
            raise ModelError(f"model={first.model.get('name')} is not a Tarsier whose inputs can be watched.")
        described = dict(runner.describe())
        checkpoint = str(described.pop("files_sha256"))
        records = [
            _set_to(
                first, {name: value for name, value in described.items() if name not in ("checkpoint", "revision")}
            ),
            *(record for name in names for record in _annotations(settings[name], chosen[name])),
            *suites(Path(scratch) / "suites"),
            *observe(list(chosen.values()), runner, load, setup.way),
            *(resumed(settings, chosen, runner, Path(scratch)) if {name for name, _ in CUT} <= set(names) else ()),
        ]
    manifest = (configuration.BUILTIN / "world" / "MANIFEST.json").read_bytes()
    versions = {**library_versions(), **decoder_version(first.decoder)}
    return Observation(
        checkpoint=checkpoint,
        world=hashlib.sha256(manifest).hexdigest(),
        libraries={name: version for name, version in versions.items() if name != "decoder"},
        records=records,
    )


def _settings(name: str, scratch: Path) -> Settings:
    """Return the settings of a benchmark that depend on the checkout alone: no pack, no judge, no GPU, no cache."""
    settings = configuration.load_settings(
        [f"benchmark={name}", "model=tarsier-tiny", "model.device=cpu", "judge=offline", "protocol=native"]
    )
    scorer = dict(settings.benchmark["scorer"])
    if "cache" in scorer:
        scorer["cache"] = str(scratch / "cider")
    return replace(settings, benchmark={**settings.benchmark, "source": "upstream", "pack": None, "scorer": scorer})


def _set_to(settings: Settings, described: Mapping[str, Any]) -> Record:
    values = {"decoder": settings.decoder, "full_output": settings.full_output, **described}
    return Record(benchmark="settings", id="model and decoder", fields={"settings": values})


def _annotations(settings: Settings, chosen: Chosen) -> Iterator[Record]:
    """Yield the content of each source of a benchmark's annotations, and its scorer's description."""
    name = chosen.benchmark.name
    official, _ = Judging(settings).benchmark(replace(settings, benchmark={**settings.benchmark, "source": "official"}))
    for source, samples in (("upstream", chosen.population), ("official", list(official.samples()))):
        values = {
            "samples": len(samples),
            "prompts_sha256": prompts_hash(samples),
            "data_sha256": data_hash(samples),
        }
        yield Record(benchmark=name, id=f"all samples, {source} source", fields={"annotations": values})
    described = dict(chosen.benchmark.scorer.describe())
    yield Record(benchmark=name, id="scorer", fields={"settings": described})
