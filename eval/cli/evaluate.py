"""`tarsier-eval eval`: config, samples, frames, model, predictions, scores, result."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval import building
from eval import config as configuration
from eval.config import Settings
from eval.core import Benchmark, Model, Prediction, Sample
from eval.errors import ConfigError, DataError, did_you_mean
from eval.provenance import code_hash, data_hash, library_versions, prompts_hash
from eval.readers.submission import is_withheld
from eval.report.terminal import show_summary
from eval.running.judge_session import Judging, judge_overrides, protocol_overrides
from eval.running.loop import Job, run
from eval.running.media_check import changed_media
from eval.running.outcome import is_whole, stamp
from eval.running.predict import coverage
from eval.runs.folder import PREDICTIONS, refuse_changed, refuse_foreign

if TYPE_CHECKING:
    from eval.video.workers import FrameLoader


def evaluate(given: argparse.Namespace) -> bool:
    """Run one model on one or several benchmarks."""
    benches = configuration.benchmarks_named(given.bench)
    settings = [configuration.load_settings(overrides_of(given, bench)) for bench in benches]
    name = given.bench.replace(",", "+").replace(" ", "")
    base = settings[0].out or configuration.RUNS / f"{stamp()}-{settings[0].model.get('name')}-{name}"
    judging = Judging(settings[0])
    outs = [base / bench if len(benches) > 1 else base for bench in benches]
    jobs = [_job(one, out, judging) for one, out in zip(settings, outs, strict=True)]
    # A judge that can't be asked is found out before the model works; with all outputs there, it may not be needed.
    if any(job.transcript is not None and not (job.out / PREDICTIONS).exists() for job in jobs):
        judging.check()
    # One loaded model serves all benchmarks, and it is loaded once all that can be refused has been.
    with frame_loader(settings[0]) as loader:
        model: Model = building.build(settings[0].model, "model")
        results = list(run(jobs, model, loader))
    if len(results) > 1:
        show_summary(results)
    return all(is_whole(result) for result in results)


def frame_loader(settings: Settings) -> FrameLoader:
    """Return what loads clips, its processes on their way while the model is loaded."""
    from eval.video.workers import FrameLoader

    how = settings.loading
    loader = FrameLoader(
        decoder=settings.decoder,
        workers=how.workers,
        timeout_s=how.timeout_s,
        memory_gb=how.memory_gb,
        ahead_mb=how.ahead_mb,
        store=how.store,
    )
    loader.start()
    return loader


def overrides_of(given: argparse.Namespace, bench: str) -> list[str]:
    """Return the overrides that the flags of a command with a model stand for."""
    overrides = [f"benchmark={bench}", *_model_overrides(given.model)]
    overrides += [*judge_overrides(given.judge), *protocol_overrides(given.protocol)]
    for key, value in (("data", given.data), ("annotations", given.ann), ("out", getattr(given, "out", None))):
        if value is not None:
            overrides.append(f"{key}={configuration.quoted(str(Path(value).expanduser().resolve()))}")
    if given.limit is not None:
        overrides.append(f"limit={given.limit}")
    return overrides + list(given.overrides)


def _model_overrides(model: str | None) -> list[str]:
    """Return the overrides for --model: a name from conf/model, a checkpoint folder, or a hub id."""
    known = configuration.names("model")
    if model is None:
        return []
    if model in known:
        return [f"model={model}"]
    folder = Path(model).expanduser()
    if folder.is_dir():
        folder = folder.resolve()
        return [
            "model=tarsier-7b",
            f"model.name={configuration.quoted(folder.name)}",
            f"model.checkpoint={configuration.quoted(str(folder))}",
            "model.revision=null",
        ]
    if model.count("/") == 1 and not model.startswith((".", "/", "~")):
        name = configuration.quoted(model.split("/")[1])
        return [
            "model=tarsier-7b",
            f"model.name={name}",
            f"model.checkpoint={configuration.quoted(model)}",
            "model.revision=main",  # what the yaml pins is Tarsier-7b's
        ]
    raise ConfigError(f"Unknown model {model!r}: no such folder, and no such name. {did_you_mean(model, known)}")


def _job(settings: Settings, out: Path, judging: Judging) -> Job:
    if not settings.data.is_dir():
        raise ConfigError(f"The data folder {str(settings.data)!r} does not exist, or is no folder.")
    if settings.annotations is not None and not settings.annotations.exists():
        raise ConfigError(f"The annotation file {str(settings.annotations)!r} does not exist.")
    refuse_foreign(out)
    benchmark, transcript = judging.benchmark(settings)
    population = list(benchmark.samples())
    seen: set[str] = set()
    for sample in population:
        if sample.id in seen:
            raise DataError(f"{benchmark.name}: the sample id {sample.id!r} comes twice; ids must be unique.")
        seen.add(sample.id)
    samples = population[: settings.limit]
    short = [c for c in coverage(samples) if c.fraction < settings.min_coverage]
    if short:
        listed = "; ".join(f"{c.subset or benchmark.name} {c.present}/{c.total}" for c in short)
        raise DataError(f"Media below min_coverage={settings.min_coverage} under {settings.data}: {listed}.")
    unanswered = [sample.id for sample in samples if not sample.targets]
    if unanswered and not is_withheld(samples):
        raise DataError(f"{benchmark.name}: {unanswered[0]!r} has no answer to compare with; complete its annotations.")
    if not unanswered:
        # A rehearsal without outputs: what a scorer cannot score is refused before the model has worked for it.
        absent = [(s, Prediction(id=s.id, prompt=s.prompt, output=None, error="not run yet")) for s in samples]
        benchmark.scorer.score(absent, population)
    identity = _identity(settings, benchmark, samples)
    refuse_changed(out, identity, settings.accept)
    return Job(
        settings=settings,
        benchmark=benchmark,
        judging=judging,
        transcript=transcript,
        samples=samples,
        population=population,
        read_from=dict(benchmark.describe()),
        identity=identity,
        out=out,
        changed=changed_media(out, samples, settings.accept),
    )


def _identity(settings: Settings, benchmark: Benchmark, samples: Sequence[Sample]) -> dict[str, Any]:
    from eval.video.frames import decoder_version

    asked = benchmark.asked_with()
    return {
        "benchmark": benchmark.name,
        "split": settings.benchmark.get("split"),
        "limit": settings.limit,
        "full_output": settings.full_output or benchmark.scorer.settled() is None,
        "n_samples": len(samples),
        "decoder": dict(decoder_version(settings.decoder)),
        "wording": {"name": asked.name, "sha256": asked.sha256},
        "prompts_sha256": prompts_hash(samples),
        "data_sha256": data_hash(samples),
        "code": code_hash(configuration.PROJECT),
        "libraries": library_versions(),
    }
