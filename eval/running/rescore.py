"""Scores the contents of a run folder or a bundle again, without a model and without new judge calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval import building
from eval import config as configuration
from eval.core import Benchmark, Clip, Prediction, Result, Sample, Score
from eval.errors import ConfigError, DataError
from eval.files import absolute, expanded
from eval.judges.replay import ReplayJudge
from eval.plugins.finding import remedy
from eval.provenance import files_hash
from eval.readers.predictions import read_predictions
from eval.readers.rows import read_jsonl
from eval.running.judge_session import pack_of
from eval.running.part import of_subsets
from eval.running.score import score_id, score_predictions
from eval.runs.bundle import POPULATION
from eval.runs.folder import CONFIG, PREDICTIONS
from eval.runs.scored import ScoredRun, damaged

_SCALARS = (str, int, float, bool, type(None))


def rescore(scored: ScoredRun, data: str | None = None, overrides: Sequence[str] = ()) -> tuple[list[Score], Result]:
    """Return scores and result of the predictions, as this version scores them, with the stored verdicts.

    Args:
        scored: The folder.
        data: Root of the annotations, for metrics that need all samples of the split; None: the run's own.
        overrides: Further settings, such as `protocol.pack=<folder>`.

    Raises:
        ConfigError: the benchmark, the wording, the predictions or the whole split are not available.
        DataError: a file is damaged.
    """
    benchmark = _benchmark(scored, data, overrides)
    pairs = pairs_of(scored, benchmark)
    population = population_of(scored, benchmark, pairs, data)
    result = scored.result
    scores, again = score_predictions(
        pairs,
        benchmark.scorer,
        population,
        benchmark=result.benchmark,
        primary=benchmark.card.metric,
        model=result.model,
        coverage=result.coverage,
        provenance=result.provenance,
    )
    n_wanted = result.provenance.get("n_samples")
    stopped_early = isinstance(n_wanted, int) and n_wanted > len(pairs)
    return scores, replace(again, complete=again.complete and not stopped_early)


def build_benchmark(scored: ScoredRun) -> Benchmark:
    """Return the benchmark of a result, for reading its predictions; it cannot score if a judge is needed."""
    settings = configuration.load_settings([f"benchmark={_name(scored)}", *_where(scored, None)])
    benchmark: Benchmark = building.build(settings.benchmark, "benchmark")
    return benchmark


def pairs_of(scored: ScoredRun, benchmark: Benchmark) -> list[tuple[Sample, Prediction]]:
    """Return the scored samples and predictions: the folder's own, or from the file that was scored.

    Raises:
        ConfigError: that file is gone, or has changed.
    """
    about = scored.result.provenance
    source = scored.folder / PREDICTIONS
    if not source.is_file():
        source = Path(str(about.get("predictions") or PREDICTIONS))
        if not source.is_absolute() or not source.exists():
            raise ConfigError(f"The predictions behind {scored.folder} are gone: {source}. Score them again.")
        source = source / PREDICTIONS if (source / PREDICTIONS).is_file() else source
        files = [source] if source.is_file() else sorted(source.glob("*.jsonl"))
        if files_hash(files) != about.get("predictions_sha256"):
            raise DataError(f"{source} has changed since {scored.folder} was scored. Score it again.")
    found = read_predictions(source, benchmark.name, benchmark.dataset, benchmark.subsets_of)
    chosen = (about.get("part") or {}).get("subsets") or ()
    return of_subsets([(pair[0].subset, pair) for pair in found], chosen, benchmark, str(source))


def population_of(
    scored: ScoredRun, benchmark: Benchmark, pairs: Sequence[tuple[Sample, Prediction]], data: str | None = None
) -> list[Sample]:
    """Return all samples of the split, if the score depends on more than the predicted ones.

    Raises:
        ConfigError: it does, and the annotations are not available.
    """
    kept = scored.folder / POPULATION
    if kept.is_file():
        return [_reference(row.text("id"), row.texts("targets"), scored) for row in read_jsonl(kept)]
    about = scored.result.provenance
    predicted = [sample for sample, _ in pairs]
    # A run of all samples holds the whole population.
    if not benchmark.scorer.traits.needs_population or (data is None and not (about.get("limit") or about.get("part"))):
        return predicted
    root = expanded(data or str(about.get("data") or ""))
    if data is None and not scored.is_builtin and not (root.is_absolute() and root.is_dir()):
        raise ConfigError(
            f"{scored.result.benchmark} takes its statistics from the whole split, of which {scored.folder} has "
            f"{len(pairs)} samples: give the root of its annotations as --data."
        )
    return list(benchmark.samples())


def _benchmark(scored: ScoredRun, data: str | None, overrides: Sequence[str]) -> Benchmark:
    about = scored.result.provenance
    settings = configuration.load_settings([f"benchmark={_name(scored)}", *_where(scored, data), *overrides])
    node = dict(settings.benchmark)
    parts: dict[str, Any] = {}
    identity = about["scorer"]
    if isinstance(identity.get("judge"), Mapping):
        judge = ReplayJudge(bundle=scored.folder, same_predictions=True)
        parts = {"judge": judge, "protocol": judge.protocol(pack_of(settings))}
    plain = dict(node["scorer"])
    kept, told = (_plain_values(values, plain) for values in (_kept_scorer(scored), identity))
    fallback: Benchmark | None = None
    # The settings may be those of an earlier scoring, and a scorer's identity also holds values that are no settings.
    for values in ({**kept, **told}, told, kept, {}):
        try:
            benchmark: Benchmark = building.build({**node, "scorer": {**plain, **values}}, "benchmark", parts)
        except ConfigError:
            continue
        if score_id(benchmark.card.metric, benchmark.scorer.describe()) == scored.result.score_id:
            return benchmark
        fallback = fallback or benchmark
    if fallback is None:
        raise ConfigError(f"The scorer of {scored.result.benchmark} cannot be built as {scored.folder} says.")
    return fallback


def _where(scored: ScoredRun, data: str | None) -> list[str]:
    """Return the overrides for the run's split and annotations, as far as they are still there."""
    about = scored.result.provenance
    root = data or (None if scored.is_builtin else about.get("data"))
    places = {"data": root, "annotations": None if data else about.get("annotations")}
    found = {
        key: str(absolute(value))
        for key, value in places.items()
        if isinstance(value, str) and expanded(value).exists()
    }
    if isinstance(split := about.get("split"), str):
        found["benchmark.split"] = split
    return [f"{key}={configuration.quoted(value)}" for key, value in found.items()]


def _name(scored: ScoredRun) -> str:
    name = scored.result.benchmark
    if scored.probe:
        raise ConfigError(f"{scored.folder} is a probe ({scored.probe}), and no run of the benchmark; give that.")
    if name not in configuration.names("benchmark"):
        raise ConfigError(
            f"{scored.folder} is of the benchmark {name[:80]!r}, which is not in conf/benchmark/."
            f"{remedy(scored.result.provenance.get('plugins'))}"
        )
    return name


def _kept_scorer(run: ScoredRun) -> Mapping[str, Any]:
    settings = run.settings
    benchmark = settings.get("benchmark")
    scorer = benchmark.get("scorer") if isinstance(benchmark, dict) else None
    if settings and not isinstance(scorer, dict):
        raise damaged(run.folder / CONFIG, "it has no benchmark.scorer")
    return scorer or {}


def _plain_values(found: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scorer's settings as the run had them: plain values that the scorer has too.

    A bundle may come from anyone, so classes to build and paths are never taken from it.
    """
    return {
        name: value
        for name, value in found.items()
        if name in plain and name not in ("_target_", "cache", "name") and isinstance(value, _SCALARS)
    }


def _reference(name: str, targets: tuple[str, ...], scored: ScoredRun) -> Sample:
    return Sample(
        id=name, benchmark=scored.result.benchmark, subset="", clip=Clip(source=()), prompt="", targets=targets
    )
