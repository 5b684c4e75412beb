"""`tarsier-eval score`: predictions to a result, without a model."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from eval import config as configuration
from eval.commands.judging import Judging, judge_overrides, judged, notes_of, protocol_overrides
from eval.commands.outcome import is_whole, origin, stamp, write_and_show
from eval.errors import ConfigError, RunError
from eval.provenance import files_hash
from eval.readers.predictions import read_predictions
from eval.scoring import score_predictions
from eval.store import PREDICTIONS, RESULT, RUN, SCORES, VERDICTS, read_fingerprint


def score(given: argparse.Namespace) -> bool:
    """Score a prediction file of upstream's, or of a run, without a model."""
    benches = configuration.benchmarks_named(given.bench)
    if len(benches) > 1:
        raise ConfigError(f"score takes one benchmark at a time, not {given.bench!r}.")
    judge = [*judge_overrides(given.judge), *protocol_overrides(given.protocol)]
    data = [f"data={configuration.quoted(str(Path(given.data).expanduser().resolve()))}"] if given.data else []
    settings = configuration.load_settings([f"benchmark={benches[0]}", *judge, *data, *given.overrides])
    source = Path(given.pred).expanduser().resolve()
    if not source.exists():
        raise ConfigError(f"The prediction file or folder {given.pred!r} does not exist.")
    judging = Judging(settings)
    benchmark, transcript = judging.benchmark(settings)
    run = source.parent if source.name == PREDICTIONS else source
    known = read_fingerprint(run) if (run / RUN).is_file() else {}
    read = source / PREDICTIONS if source.is_dir() and known else source
    pairs = read_predictions(read, benchmark.name, benchmark.dataset, benchmark.subset_of)
    out = Path(given.out).expanduser().resolve() if given.out else configuration.RUNS / f"{stamp()}-score-{benches[0]}"
    if out.exists() and not (known and out == run) and not (out.is_dir() and _holds_scores_only(out)):
        raise RunError(f"{out} is there already and is not the folder of a score. Choose another OUT.")
    out.mkdir(parents=True, exist_ok=True)
    files = [read] if read.is_file() else sorted(read.glob("*.jsonl"))
    missing = known.get("n_samples", len(pairs)) - len(pairs)
    if transcript is not None:
        judging.announce(benchmark, pairs)
    with judging.resumable():
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
                "scored_with": origin(),
            },
        )
    account = judging.account(transcript)
    result = judged(judging, result, account)
    notes = notes_of(account, result.provenance["scorer"].get("judge"))
    size = benchmark.card.splits.get(benchmark.card.upstream_split or "", 0)
    if not known and len(pairs) < size:
        notes.append(f"{len(pairs)} of the {size} samples of the published split.")
    if missing:
        result = replace(result, complete=False)
        notes.append(f"Partial: the run stopped with {missing} samples to go.")
    write_and_show(out, scores, result, [prediction for _, prediction in pairs], notes, transcript)
    return is_whole(result) and not missing


def _holds_scores_only(folder: Path) -> bool:
    names = (SCORES, VERDICTS, RESULT)
    # A run that was killed while it wrote one of them leaves what it had of it behind.
    half = tuple(f".{name}." for name in names)
    return all(path.name in names or path.name.startswith(half) for path in folder.iterdir())
