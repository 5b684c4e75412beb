"""The exact gate on the built-in subset: observed as it is now, and compared with a baseline."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval import building
from eval import config as configuration
from eval.config import Settings
from eval.errors import ModelError
from eval.files import absolute
from eval.plugins.finding import left_out
from eval.provenance import data_hash, library_versions, prompts_hash
from eval.regression.comparing import GateOutcome, compare
from eval.regression.fixed_settings import benchmarks_of_world, sources_of_world
from eval.regression.observing import Batching, Chosen, LoadClips, choose, observe
from eval.regression.records import Observation, Record, as_kept, read
from eval.regression.resume_check import CUT, in_process, resumed
from eval.regression.suites import suites
from eval.running.judge_session import Judging

if TYPE_CHECKING:
    from eval.models.checkpoints.runner import CheckpointRunner

FIRST = "tarsier-tiny"
MODELS = {FIRST: ("{}", 8), "tarsier2-tiny": ("{}, tarsier2-tiny", 3)}
"""The built-in checkpoints: how the records of each name a benchmark, and the number of a benchmark's samples, which is
that of its subsets where these are more. Only runs of the first are cut and resumed."""
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


@left_out()  # the baseline has nothing of them
def observe_builtin(setup: Setup) -> Observation:
    """Run the built-in subset through the pipeline by both checkpoints, and the fixed inputs through their checks.

    Raises ModelError where a built-in model's inputs cannot be recorded.
    """
    from eval.video.frames import decoder_version
    from eval.video.workers import FrameLoader

    names = setup.benchmarks or tuple(benchmarks_of_world())
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        settings = {name: _settings(name, Path(scratch)) for name in names}
        first = settings[names[0]]
        judging = Judging(first)
        benchmarks = {name: judging.benchmark(each)[0] for name, each in settings.items()}
        populations = {name: list(benchmark.samples()) for name, benchmark in benchmarks.items()}
        chosen = {
            model: {
                name: Chosen(
                    benchmark=benchmarks[name],
                    population=populations[name],
                    samples=choose(populations[name], most),
                )
                for name in names
            }
            for model, (_, most) in MODELS.items()
        }
        load: LoadClips = in_process
        if not setup.in_process:
            load = stack.enter_context(FrameLoader(decoder=first.decoder, workers=setup.workers)).load
        runners = {model: _runner(model, names[0], Path(scratch)) for model in MODELS}
        described = {model: dict(runner.describe()) for model, runner in runners.items()}
        checkpoints = [str(each.pop("files_sha256")) for each in described.values()]
        records = [
            *(_set_to(first, model, each) for model, each in described.items()),
            *(record for name in names for record in _annotations(settings[name], chosen[FIRST][name])),
            *suites(Path(scratch) / "suites"),
            *(
                record
                for model, (named, _) in MODELS.items()
                for record in observe(list(chosen[model].values()), runners[model], load, setup.way, named)
            ),
            *(
                resumed(settings, chosen[FIRST], runners[FIRST], Path(scratch))
                if {name for name, _ in CUT} <= set(names)
                else ()
            ),
        ]
    manifest = (configuration.BUILTIN / "world" / "MANIFEST.json").read_bytes()
    versions = {**library_versions(), **decoder_version(first.decoder)}
    return Observation(
        checkpoint=hashlib.sha256(" ".join(checkpoints).encode()).hexdigest(),
        world=hashlib.sha256(manifest).hexdigest(),
        libraries={name: version for name, version in versions.items() if name != "decoder"},
        records=records,
    )


def _runner(model: str, benchmark: str, scratch: Path) -> CheckpointRunner:
    from eval.models.checkpoints.runner import CheckpointRunner

    runner = building.build(_settings(benchmark, scratch, model).model, "model")
    if not isinstance(runner, CheckpointRunner):
        raise ModelError(f"model={model} is not a checkpoint whose inputs can be watched.")
    return runner


def _settings(name: str, scratch: Path, model: str = FIRST) -> Settings:
    """Return the settings of a benchmark that depend on the checkout alone: no pack, no judge, no GPU, no cache."""
    settings = configuration.load_settings(
        [f"benchmark={name}", f"model={model}", "model.device=cpu", "judge=offline", "protocol=native"]
    )
    scorer = dict(settings.benchmark["scorer"])
    if "cache" in scorer:
        scorer["cache"] = str(scratch / "cider")
    source = sources_of_world(name)[0]
    return replace(settings, benchmark={**settings.benchmark, "source": source, "pack": None, "scorer": scorer})


def _set_to(settings: Settings, model: str, described: Mapping[str, Any]) -> Record:
    of_model = {name: value for name, value in described.items() if name not in ("checkpoint", "revision")}
    values = {"decoder": settings.decoder, "full_output": settings.full_output, **of_model}
    return Record(benchmark="settings", id=f"{model} and decoder", fields={"settings": values})


def _annotations(settings: Settings, chosen: Chosen) -> Iterator[Record]:
    """Yield the content of each source of a benchmark's annotations, and its scorer's description."""
    name = chosen.benchmark.name
    official, _ = Judging(settings).benchmark(replace(settings, benchmark={**settings.benchmark, "source": "official"}))
    sources = {str(settings.benchmark["source"]): chosen.population, "official": list(official.samples())}
    for source, samples in sources.items():
        values = {
            "samples": len(samples),
            "prompts_sha256": prompts_hash(samples),
            "data_sha256": data_hash(samples),
        }
        yield Record(benchmark=name, id=f"all samples, {source} source", fields={"annotations": values})
    described = dict(chosen.benchmark.scorer.describe())
    yield Record(benchmark=name, id="scorer", fields={"settings": described})
