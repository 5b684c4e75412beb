"""What each command does, arrow by arrow: config, samples, frames, model, predictions, scores, result."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from eval import config as configuration
from eval.core import Benchmark, Model, Prediction, Result, Sample, Score
from eval.errors import ConfigError, DataError, RunError, did_you_mean
from eval.pipeline import coverage, predict
from eval.provenance import code_version, data_hash, files_hash, prompts_hash, versions
from eval.readers.predictions import read_predictions, read_run, to_json
from eval.readers.upstream import write_predictions
from eval.report.terminal import RunProgress, show_failures, show_result
from eval.scoring import score_predictions
from eval.store import PREDICTIONS, RESULT, RUN, SCORES, RunFolder, open_run, write_json, write_jsonl

BUILTIN_NOTE = (
    "This is the built-in world: rendered clips and a model of one million parameters. "
    "It checks the pipeline; its numbers are not comparable with published ones."
)


def run(given: argparse.Namespace) -> bool:
    """Carry out a parsed command; return whether it is complete."""
    if given.command == "eval":
        return evaluate(given)
    if given.command == "score":
        return score(given)
    if given.command == "export":
        return export(given)
    return list_names()


def list_names() -> bool:
    """Print the names that --bench and --model take."""
    for group in ("benchmark", "model"):
        print(f"{group}: {', '.join(configuration.names(group))}")
    return True


def evaluate(given: argparse.Namespace) -> bool:
    """Run one model on one or several benchmarks."""
    benches = _benchmarks(given.bench)
    configs = [configuration.load_config(_overrides(given, bench)) for bench in benches]
    runs = [(config, *_samples(config)) for config in configs]
    model: Model | None = None
    complete = True
    for config, benchmark, samples in runs:
        if model is None:  # one loaded model serves all benchmarks; built once the data are known to be there
            model = _build_model(config)
        out = _out_folder(config, benchmark.name, several=len(runs) > 1)
        complete &= run_benchmark(config, benchmark, samples, model, out)
    return complete


def _benchmarks(text: str) -> list[str]:
    known = configuration.names("benchmark")
    wanted = list(dict.fromkeys(name for name in (part.strip() for part in text.split(",")) if name))
    if not wanted:
        raise ConfigError(f"--bench names no benchmark. Known: {', '.join(known)}.")
    for name in wanted:
        if name not in known:
            raise ConfigError(f"Unknown benchmark {name!r}. {did_you_mean(name, known)}")
    return wanted


def _overrides(given: argparse.Namespace, bench: str) -> list[str]:
    overrides = [f"benchmark={bench}", *_model_overrides(given.model)]
    if given.judge is not None:
        raise ConfigError(f"--judge {given.judge}: {bench} needs no judge.")
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
        return ["model=tarsier-7b", f"model.name={name}", f"model.checkpoint={_quoted(model)}", "model.revision=null"]
    raise ConfigError(f"Unknown model {model!r}: no such folder, and no such name. {did_you_mean(model, known)}")


def _quoted(text: str) -> str:
    """Return text as a quoted value of Hydra's override grammar."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'" if "'" in text else f"'{text}'"


def _samples(config: DictConfig) -> tuple[Benchmark, list[Sample]]:
    root = Path(config.data)
    if not root.is_dir():
        raise ConfigError(f"The data folder {str(root)!r} does not exist.")
    if config.annotations is not None and not Path(config.annotations).is_file():
        raise ConfigError(f"The annotation file {str(config.annotations)!r} does not exist.")
    benchmark: Benchmark = configuration.build(config.benchmark, "benchmark")
    samples = list(benchmark.samples())
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise DataError(f"{benchmark.name}: the sample id {sample.id!r} comes twice; ids must be unique.")
        seen.add(sample.id)
    samples = samples[: config.limit]
    short = [c for c in coverage(samples) if c.fraction < config.min_coverage]
    if short:
        listed = "; ".join(f"{c.subset or benchmark.name} {c.present}/{c.total}" for c in short)
        raise DataError(f"Media below min_coverage={config.min_coverage} under {root}: {listed}.")
    return benchmark, samples


def _build_model(config: DictConfig) -> Model:
    model: Model = configuration.build(config.model, "model")
    return model


def _out_folder(config: DictConfig, benchmark: str, *, several: bool) -> Path:
    if config.out is not None:
        folder = Path(config.out)
    else:
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        folder = configuration.PROJECT / "results" / "runs" / f"{stamp}-{config.model.name}"
        folder = folder if several else folder.with_name(f"{folder.name}-{benchmark}")
    return folder / benchmark if several else folder


def run_benchmark(
    config: DictConfig, benchmark: Benchmark, samples: Sequence[Sample], model: Model, out: Path
) -> bool:
    """Predict what is not yet predicted, score everything, write the folder, show the table."""
    from eval.video.frames import decoder_version, load_frames

    root = Path(config.data)
    fingerprint = {
        "benchmark": benchmark.name,
        "data_sha256": data_hash(samples, root),
        "prompts_sha256": prompts_hash(samples),
        "model": dict(model.describe()),
        "decoder": dict(decoder_version(config.video.decoder)),
    }
    folder = open_run(out, fingerprint, OmegaConf.to_yaml(config))
    done = {prediction.id: prediction for _, prediction in _finished(folder, benchmark.name)}
    todo = [sample for sample in samples if sample.id not in done]
    if done:
        _say(f"Continuing {out}: {len(done)} of {len(samples)} samples are done.")
    by_id = {sample.id: sample for sample in samples}
    try:
        with RunProgress(benchmark.name, total=len(samples), done=len(done)) as progress:
            for predictions in predict(todo, model, partial(load_frames, decoder=config.video.decoder)):
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
        benchmark=benchmark.name,
        model=model.name,
        coverage=coverage(samples),
        provenance={**fingerprint, **_provenance(config), "limit": config.limit},
    )
    builtin = root == configuration.BUILTIN / "world"
    _write_and_show(out, scores, result, [p for _, p in pairs], [BUILTIN_NOTE] if builtin else [])
    return result.complete


def _finished(folder: RunFolder, benchmark: str) -> list[tuple[Sample, Prediction]]:
    if folder.repaired:
        _say(f"{folder.predictions}: dropped a half-written last line; its sample is done again.")
    return read_run(folder.predictions, benchmark) if folder.predictions.exists() else []


def _provenance(config: DictConfig) -> dict[str, Any]:
    scorer = OmegaConf.to_container(config.benchmark.scorer, resolve=True)
    root = str(config.data)
    return {
        "scorer": scorer,
        "data": "built-in" if root == str(configuration.BUILTIN / "world") else root,
        "annotations": config.annotations,
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
    (bench,) = _benchmarks(given.bench)[:1] if "," not in given.bench else [""]
    if not bench:
        raise ConfigError("score takes one benchmark at a time.")
    config = configuration.load_config([f"benchmark={bench}", *given.overrides])
    source = Path(given.pred).expanduser()
    if not source.exists():
        raise ConfigError(f"The prediction file or folder {str(source)!r} does not exist.")
    benchmark: Benchmark = configuration.build(config.benchmark, "benchmark")
    read = source / PREDICTIONS if (source / RUN).is_file() else source
    pairs = read_predictions(read, benchmark.name, benchmark.dataset)
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    default = configuration.PROJECT / "results" / "runs" / f"{stamp}-score-{bench}"
    out = Path(given.out).expanduser().resolve() if given.out else default
    out.mkdir(parents=True, exist_ok=True)
    files = [read] if read.is_file() else sorted(read.glob("*.jsonl"))
    scores, result = score_predictions(
        pairs,
        benchmark.scorer,
        benchmark=benchmark.name,
        model=source.stem,
        provenance={
            "predictions": str(source),
            "predictions_sha256": files_hash(files),
            "prompts_sha256": prompts_hash([sample for sample, _ in pairs]),
            **_provenance(config),
        },
    )
    if (out / RUN).is_file() and out.resolve() != source.resolve():
        raise RunError(f"{out} is the folder of another run. Choose another OUT.")
    _write_and_show(out, scores, result, [prediction for _, prediction in pairs], [])
    return result.complete


def export(given: argparse.Namespace) -> bool:
    """Write a run's predictions as upstream's rows, which upstream's own evaluation reads."""
    folder = Path(given.run).expanduser()
    if not (folder / PREDICTIONS).is_file():
        raise ConfigError(f"{str(folder)!r} is not a run folder: it has no {PREDICTIONS}.")
    annotations = Path(given.ann).expanduser() if given.ann else None
    count = write_predictions(read_run(folder / PREDICTIONS), Path(given.to).expanduser(), annotations)
    _say(f"{count} rows written to {given.to}")
    return True
