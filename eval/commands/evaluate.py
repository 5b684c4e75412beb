"""`tarsier-eval eval`: config, samples, frames, model, predictions, scores, result."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from eval import config as configuration
from eval.commands.judging import Judging, judge_overrides, judged, notes_of, protocol_overrides
from eval.commands.outcome import is_whole, origin, say, stamp, write_and_show
from eval.config import Settings
from eval.core import Benchmark, Model, Prediction, Result, Sample
from eval.errors import ConfigError, DataError, JudgeError, did_you_mean
from eval.judges.transcript import Transcript
from eval.pipeline import coverage, predict
from eval.provenance import data_hash, prompts_hash
from eval.readers.predictions import read_run, to_json
from eval.readers.submission import is_withheld, write_submission
from eval.report.terminal import RunProgress, show_summary
from eval.scorers.multiple_choice import read_letter
from eval.scoring import score_predictions
from eval.store import PREDICTIONS, RunFolder, open_run, refuse_changed, refuse_foreign, write_jsonl

BUILTIN_NOTE = (
    "This is the built-in world: rendered clips that check the pipeline. Its numbers are not comparable with published "
    "ones."
)

SUBMISSION = "submission.json"
"""Answers to a split without public solutions, in the form that its authors take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One benchmark of a run, checked and ready to go."""

    settings: Settings
    benchmark: Benchmark
    judging: Judging
    transcript: Transcript | None
    """What the judge is asked and replies, where the benchmark is judged."""
    samples: Sequence[Sample]
    """What to predict."""
    population: Sequence[Sample]
    """All samples of the split; a corpus metric takes its statistics from them."""
    read_from: Mapping[str, Any]
    """The annotations: files, commit on the hub, rows left out."""
    identity: Mapping[str, Any]
    """What predictions depend on, but for the model."""
    out: Path


def evaluate(given: argparse.Namespace) -> bool:
    """Run one model on one or several benchmarks."""
    benches = configuration.benchmarks_named(given.bench)
    settings = [configuration.load_settings(_overrides(given, bench)) for bench in benches]
    name = given.bench.replace(",", "+").replace(" ", "")
    base = settings[0].out or configuration.RUNS / f"{stamp()}-{settings[0].model.get('name')}-{name}"
    judging = Judging(settings[0])
    outs = [base / bench if len(benches) > 1 else base for bench in benches]
    jobs = [_job(one, out, judging) for one, out in zip(settings, outs, strict=True)]
    # A judge that can't be asked is found out before the model works; with all outputs there, it may not be needed.
    if any(job.transcript is not None and not (job.out / PREDICTIONS).exists() for job in jobs):
        judging.check()
    # One loaded model serves all benchmarks, and it is loaded once all that can be refused has been.
    model: Model = configuration.build(settings[0].model, "model")
    results = [run_benchmark(job, model) for job in jobs]
    if len(results) > 1:
        show_summary(results)
    return all(is_whole(result) for result in results)


def _overrides(given: argparse.Namespace, bench: str) -> list[str]:
    overrides = [f"benchmark={bench}", *_model_overrides(given.model)]
    overrides += [*judge_overrides(given.judge), *protocol_overrides(given.protocol)]
    for key, value in (("data", given.data), ("annotations", given.ann), ("out", given.out)):
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
        return ["model=tarsier-7b", f"model.name={name}", f"model.checkpoint={configuration.quoted(model)}"]
    raise ConfigError(f"Unknown model {model!r}: no such folder, and no such name. {did_you_mean(model, known)}")


def _job(settings: Settings, out: Path, judging: Judging) -> _Job:
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
    refuse_changed(out, identity)
    return _Job(
        settings=settings,
        benchmark=benchmark,
        judging=judging,
        transcript=transcript,
        samples=samples,
        population=population,
        read_from=dict(benchmark.describe()),
        identity=identity,
        out=out,
    )


def _identity(settings: Settings, benchmark: Benchmark, samples: Sequence[Sample]) -> dict[str, Any]:
    from eval.video.frames import decoder_version

    asked = benchmark.asked_with()
    return {
        "benchmark": benchmark.name,
        "split": settings.benchmark.get("split"),
        "limit": settings.limit,
        "n_samples": len(samples),
        "decoder": dict(decoder_version(settings.decoder)),
        "wording": {"name": asked.name, "sha256": asked.sha256},
        "prompts_sha256": prompts_hash(samples),
        "data_sha256": data_hash(samples),
    }


def run_benchmark(job: _Job, model: Model) -> Result:
    """Predict what is not yet predicted, score everything, write the folder, show the table."""
    from eval.video.frames import load_frames

    settings, benchmark, samples, out = job.settings, job.benchmark, job.samples, job.out
    fingerprint = {**job.identity, "model": dict(model.describe())}
    folder = open_run(out, fingerprint, settings.yaml)
    # What failed is tried again: a missing video may be there by now.
    done = {p.id: p for _, p in _finished(folder, benchmark.name) if p.error is None}
    todo = [sample for sample in samples if sample.id not in done]
    if done:
        say(f"Continuing {out}: {len(done)} of {len(samples)} samples are done.")
    by_id = {sample.id: sample for sample in samples}
    try:
        with RunProgress(benchmark.name, total=len(samples), done=len(done)) as progress:
            for predictions in predict(todo, model, partial(load_frames, decoder=settings.decoder)):
                folder.append(to_json(by_id[prediction.id], prediction) for prediction in predictions)
                done.update((prediction.id, prediction) for prediction in predictions)
                progress.advance(len(predictions))
    except KeyboardInterrupt:
        say(f"\n{len(done)} of {len(samples)} samples are in {out}; the same command with OUT={out} continues.")
        raise
    pairs = [(sample, done[sample.id]) for sample in samples]
    write_jsonl(out / PREDICTIONS, (to_json(*pair) for pair in pairs))
    if job.transcript is not None:
        _announce(job, pairs)
    with job.judging.resumable():
        scores, result = score_predictions(
            pairs,
            benchmark.scorer,
            job.population,
            benchmark=benchmark.name,
            primary=benchmark.card.metric,
            model=model.name,
            coverage=coverage(samples),
            provenance={
                **fingerprint,
                "data": "built-in" if settings.is_builtin else str(settings.data),
                "annotations": None if settings.annotations is None else str(settings.annotations),
                "read_from": job.read_from,
                **origin(),
            },
        )
    account = job.judging.account(job.transcript)
    result = judged(job.judging, result, account)
    notes = [
        *notes_of(account, result.provenance["scorer"].get("judge")),
        *([BUILTIN_NOTE] if settings.is_builtin else []),
    ]
    size = job.read_from["split_size"]
    if not settings.is_builtin and len(samples) != size:
        notes.append(f"{len(samples)} samples; the published split has {size}.")
    if is_withheld(samples):
        open_questions = write_submission(pairs, read_letter, out / SUBMISSION)
        notes.append(f"Solutions are withheld; {SUBMISSION} lacks {len(open_questions)} answers. Nothing was posted.")
    write_and_show(out, scores, result, [p for _, p in pairs], notes, job.transcript)
    return result


def _announce(job: _Job, pairs: Sequence[tuple[Sample, Prediction]]) -> None:
    try:
        job.judging.announce(job.benchmark, pairs)
    except JudgeError as error:
        # The outputs are safe, and the scores will say that the judge failed; so will the next run, or succeed.
        say(f"{error}")


def _finished(folder: RunFolder, benchmark: str) -> list[tuple[Sample, Prediction]]:
    if folder.repaired:
        say(f"{folder.predictions}: dropped a half-written last line; its sample is done again.")
    return read_run(folder.predictions, benchmark) if folder.predictions.exists() else []
