"""What each command does, arrow by arrow: config, samples, frames, model, predictions, scores, result."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from eval import config as configuration
from eval.config import Settings
from eval.core import Benchmark, Model, Prediction, Result, Sample, Score
from eval.errors import ConfigError, DataError, RunError, did_you_mean
from eval.pipeline import coverage, predict
from eval.provenance import code_version, data_hash, files_hash, prompts_hash, versions
from eval.readers.predictions import read_predictions, read_run, to_json
from eval.readers.submission import is_withheld, write_submission
from eval.readers.upstream import write_predictions
from eval.report.terminal import RunProgress, show_failures, show_result
from eval.scorers.multiple_choice import read_letter
from eval.scoring import score_predictions
from eval.store import (
    PREDICTIONS,
    RESULT,
    RUN,
    SCORES,
    RunFolder,
    open_run,
    read_fingerprint,
    refuse_changed,
    refuse_foreign,
    write_json,
    write_jsonl,
)

BUILTIN_NOTE = (
    "This is the built-in world: rendered clips that check the pipeline. Its numbers are not comparable with published "
    "ones."
)


SUBMISSION = "submission.json"
"""Answers to a split without public solutions, in the form that its authors take."""


def run(given: argparse.Namespace) -> bool:
    """Carry out a parsed command; return whether it is complete."""
    logging.basicConfig(format="tarsier-eval: %(message)s", level=logging.WARNING)
    if given.command == "eval":
        return evaluate(given)
    if given.command == "score":
        return score(given)
    if given.command == "export":
        return export(given)
    if given.command == "import":
        return import_protocol(given)
    return list_names()


def list_names() -> bool:
    """Print the names that --bench, --model and --judge take."""
    for task, members in configuration.groups().items():
        print(f"{task}: {', '.join(members)}")
    for group in ("model", "judge"):
        print(f"{group}: {', '.join(configuration.names(group))}")
    return True


def import_protocol(given: argparse.Namespace) -> bool:
    """Take upstream's annotation rows and judge wording out of a clone of its repository."""
    from eval.readers.clone import import_upstream
    from eval.readers.pack import DEFAULT_PACK

    to = Path(given.to).expanduser() if given.to else DEFAULT_PACK
    pack = import_upstream(Path(given.upstream).expanduser(), to)
    for name, entry in pack.files.items():
        rows = ", ".join(f"{dataset} {count}" for dataset, count in entry.rows.items())
        print(f"{name}  {rows}".rstrip())
    print(f"Imported to {to}; runs that find no rows below DATA take these.")
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One benchmark of a run, checked and ready to go."""

    settings: Settings
    benchmark: Benchmark
    samples: Sequence[Sample]
    """What to predict."""
    population: Sequence[Sample]
    """All samples of the split; a corpus metric takes its statistics from them."""
    identity: Mapping[str, Any]
    """What predictions depend on, but for the model."""
    out: Path


def evaluate(given: argparse.Namespace) -> bool:
    """Run one model on one or several benchmarks."""
    benches = _benchmarks(given.bench)
    settings = [configuration.load_settings(_overrides(given, bench)) for bench in benches]
    name = given.bench.replace(",", "+").replace(" ", "")
    base = settings[0].out or configuration.RUNS / f"{_stamp()}-{settings[0].model.get('name')}-{name}"
    jobs = [_job(one, base / bench if len(benches) > 1 else base) for one, bench in zip(settings, benches, strict=True)]
    # One loaded model serves all benchmarks, and it is loaded once all that can be refused has been.
    model: Model = configuration.build(settings[0].model, "model")
    done = [run_benchmark(job, model) for job in jobs]
    return all(done)


def _stamp() -> str:
    return datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")


def _benchmarks(text: str) -> list[str]:
    """Return the benchmarks that --bench names, groups spelt out, each once."""
    groups = configuration.groups()
    known = {**{name: [name] for name in configuration.names("benchmark")}, **groups}
    wanted = [name for name in (part.strip() for part in text.split(",")) if name]
    if not wanted:
        raise ConfigError(f"--bench names no benchmark. Known: {', '.join(known)}.")
    for name in wanted:
        if name not in known:
            raise ConfigError(f"Unknown benchmark {name!r}. {did_you_mean(name, known)}")
    return list(dict.fromkeys(benchmark for name in wanted for benchmark in known[name]))


def _overrides(given: argparse.Namespace, bench: str) -> list[str]:
    overrides = [f"benchmark={bench}", *_model_overrides(given.model)]
    if given.judge is not None:
        overrides.append(f"judge={given.judge}")
    for key, value in (("data", given.data), ("annotations", given.ann), ("out", given.out)):
        if value is not None:
            overrides.append(f"{key}={_quoted(str(Path(value).expanduser().resolve()))}")
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
            f"model.name={_quoted(folder.name)}",
            f"model.checkpoint={_quoted(str(folder))}",
            "model.revision=null",
        ]
    if model.count("/") == 1 and not model.startswith((".", "/", "~")):
        name = _quoted(model.split("/")[1])
        return ["model=tarsier-7b", f"model.name={name}", f"model.checkpoint={_quoted(model)}"]
    raise ConfigError(f"Unknown model {model!r}: no such folder, and no such name. {did_you_mean(model, known)}")


def _quoted(text: str) -> str:
    """Return text as a quoted value of Hydra's override grammar."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'" if "'" in text else f"'{text}'"


def _job(settings: Settings, out: Path) -> _Job:
    if not settings.data.is_dir():
        raise ConfigError(f"The data folder {str(settings.data)!r} does not exist, or is no folder.")
    if settings.annotations is not None and not settings.annotations.exists():
        raise ConfigError(f"The annotation file {str(settings.annotations)!r} does not exist.")
    refuse_foreign(out)
    benchmark: Benchmark = configuration.build(settings.benchmark, "benchmark")
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
    identity = _identity(settings, benchmark, samples)
    refuse_changed(out, identity)
    return _Job(
        settings=settings, benchmark=benchmark, samples=samples, population=population, identity=identity, out=out
    )


def _identity(settings: Settings, benchmark: Benchmark, samples: Sequence[Sample]) -> dict[str, Any]:
    from eval.video.frames import decoder_version

    asked = benchmark.asked_with()
    return {
        "benchmark": benchmark.name,
        "limit": settings.limit,
        "n_samples": len(samples),
        "decoder": dict(decoder_version(settings.decoder)),
        "wording": {"name": asked.name, "sha256": asked.sha256},
        "prompts_sha256": prompts_hash(samples),
        "data_sha256": data_hash(samples),
    }


def run_benchmark(job: _Job, model: Model) -> bool:
    """Predict what is not yet predicted, score everything, write the folder, show the table."""
    from eval.video.frames import load_frames

    settings, benchmark, samples, out = job.settings, job.benchmark, job.samples, job.out
    fingerprint = {**job.identity, "model": dict(model.describe())}
    folder = open_run(out, fingerprint, settings.yaml)
    # What failed is tried again: a missing video may be there by now.
    done = {p.id: p for _, p in _finished(folder, benchmark.name) if p.error is None}
    todo = [sample for sample in samples if sample.id not in done]
    if done:
        _say(f"Continuing {out}: {len(done)} of {len(samples)} samples are done.")
    by_id = {sample.id: sample for sample in samples}
    try:
        with RunProgress(benchmark.name, total=len(samples), done=len(done)) as progress:
            for predictions in predict(todo, model, partial(load_frames, decoder=settings.decoder)):
                folder.append(to_json(by_id[prediction.id], prediction) for prediction in predictions)
                done.update((prediction.id, prediction) for prediction in predictions)
                progress.advance(len(predictions))
    except KeyboardInterrupt:
        _say(f"\n{len(done)} of {len(samples)} samples are in {out}; the same command with OUT={out} continues.")
        raise
    pairs = [(sample, done[sample.id]) for sample in samples]
    write_jsonl(out / PREDICTIONS, (to_json(*pair) for pair in pairs))
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
            **_provenance(),
        },
    )
    notes = [BUILTIN_NOTE] if settings.is_builtin else []
    if is_withheld(samples):
        open_questions = write_submission(pairs, read_letter, out / SUBMISSION)
        notes.append(f"Solutions are withheld; {SUBMISSION} lacks {len(open_questions)} answers. Nothing was posted.")
    _write_and_show(out, scores, result, [p for _, p in pairs], notes)
    return result.complete


def _finished(folder: RunFolder, benchmark: str) -> list[tuple[Sample, Prediction]]:
    if folder.repaired:
        _say(f"{folder.predictions}: dropped a half-written last line; its sample is done again.")
    return read_run(folder.predictions, benchmark) if folder.predictions.exists() else []


def _provenance() -> dict[str, Any]:
    return {
        "versions": versions(),
        "code": code_version(configuration.PROJECT),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _write_and_show(
    out: Path, scores: Sequence[Score], result: Result, predictions: Sequence[Prediction], notes: Sequence[str]
) -> None:
    write_jsonl(out / SCORES, (asdict(score) for score in scores))
    write_json(out / RESULT, asdict(result))
    show_result(result, notes=[*notes, f"Written to {out}"])
    show_failures(predictions)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def score(given: argparse.Namespace) -> bool:
    """Score a prediction file of upstream's, or of a run, without a model."""
    benches = _benchmarks(given.bench)
    if len(benches) > 1:
        raise ConfigError(f"score takes one benchmark at a time, not {given.bench!r}.")
    settings = configuration.load_settings([f"benchmark={benches[0]}", *given.overrides])
    source = Path(given.pred).expanduser().resolve()
    if not source.exists():
        raise ConfigError(f"The prediction file or folder {given.pred!r} does not exist.")
    benchmark: Benchmark = configuration.build(settings.benchmark, "benchmark")
    run = source if (source / RUN).is_file() else source.parent
    known = read_fingerprint(run) if (run / RUN).is_file() and source in (run, run / PREDICTIONS) else {}
    read = source / PREDICTIONS if source.is_dir() and known else source
    pairs = read_predictions(read, benchmark.name, benchmark.dataset)
    out = Path(given.out).expanduser().resolve() if given.out else configuration.RUNS / f"{_stamp()}-score-{benches[0]}"
    if out.exists() and out != run and not (out.is_dir() and _holds_scores_only(out)):
        raise RunError(f"{out} is there already and is not the folder of a score. Choose another OUT.")
    out.mkdir(parents=True, exist_ok=True)
    files = [read] if read.is_file() else sorted(read.glob("*.jsonl"))
    missing = known.get("n_samples", len(pairs)) - len(pairs)
    scores, result = score_predictions(
        pairs,
        benchmark.scorer,
        # Without data of the user's own, the file is all there is to take a corpus's statistics from.
        [sample for sample, _ in pairs] if settings.is_builtin else list(benchmark.samples()),
        benchmark=benchmark.name,
        primary=benchmark.card.metric,
        model=known.get("model", {}).get("name", source.stem),
        provenance={
            **known,
            "predictions": str(source),
            "predictions_sha256": files_hash(files),
            "prompts_sha256": prompts_hash([sample for sample, _ in pairs]),
            **_provenance(),
        },
    )
    notes = []
    if missing:
        result = replace(result, complete=False)
        notes.append(f"Partial: the run stopped with {missing} samples to go.")
    _write_and_show(out, scores, result, [prediction for _, prediction in pairs], notes)
    return result.complete


def _holds_scores_only(folder: Path) -> bool:
    return {path.name for path in folder.iterdir()} <= {SCORES, RESULT}


def export(given: argparse.Namespace) -> bool:
    """Write a run's predictions as upstream's rows, which upstream's own evaluation reads."""
    folder = Path(given.run).expanduser()
    if not (folder / PREDICTIONS).is_file():
        raise ConfigError(f"{str(folder)!r} is not a run folder: it has no {PREDICTIONS}.")
    annotations = Path(given.ann).expanduser() if given.ann else None
    to = Path(given.to).expanduser().resolve()
    if to.parent == folder.resolve() or to.is_dir() or (annotations and to == annotations.resolve()):
        raise ConfigError(f"--to {given.to} would write over its own sources, or a folder. Choose another file.")
    count = write_predictions(read_run(folder / PREDICTIONS), to, annotations)
    _say(f"{count} rows written to {given.to}")
    return True
