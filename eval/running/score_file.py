"""`tarsier-eval score`: from predictions to a result, without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from eval import config as configuration
from eval.config import Settings
from eval.core import Benchmark, Prediction, Result, Sample
from eval.errors import ConfigError, RunError, TarsierEvalError
from eval.files import absolute, make_folder
from eval.judges.transcript import Transcript
from eval.plugins.finding import remedied
from eval.provenance import files_hash
from eval.readers.malformed import BadRowPolicy
from eval.readers.predictions import read_predictions
from eval.readers.rows import read_jsonl
from eval.readers.submission import is_withheld
from eval.report.printing import counted
from eval.report.terminal import projection, show_summary
from eval.running.correcting import check_card, corrected
from eval.running.judge_session import Judging, judge_overrides, judged, notes_of, protocol_overrides, refuse_unasked
from eval.running.media_check import coverage_of_run
from eval.running.outcome import BUILTIN_NOTE, is_whole, origin, refuse_single, stamp, submitted, write_and_show
from eval.running.part import benchmarks_of, describe, of_subsets
from eval.running.probes import ALL
from eval.running.repeating import repeated
from eval.running.reporting import print_page
from eval.running.request import ScoreRequest
from eval.running.score import score_predictions
from eval.running.tracking import check_tracker, track
from eval.runs.bundle import refuse_bundle
from eval.runs.checksums import verify, verify_settings
from eval.runs.folder import (
    LOG,
    PREDICTIONS,
    REPORT,
    RESULT,
    RUN,
    SCORES,
    SUBMISSION,
    SUBMISSION_CSV,
    VERDICTS,
    holds_only,
    read_record,
    runs_in,
    runs_inside,
)
from eval.runs.lock import FolderLock
from eval.runs.result import read_result
from eval.runs.scored import BUILTIN, by_benchmark, read_settings


def score_all(request: ScoreRequest) -> tuple[list[Result], bool]:
    """Score a prediction file, a run, or each of several; return the results, and whether all are whole.

    Raises:
        TarsierEvalError: as `score` does, or a benchmark is asked for of which there is no run.
    """
    source = absolute(request.predictions)
    inside = runs_in(source)
    runs = by_benchmark((_bench_of(run), run) for run in inside) if len(inside) > 1 else {}
    wanted = {} if not runs else benchmarks_of(request.bench) if request.bench else dict.fromkeys(runs, ())
    if lacking := [bench for bench in wanted if bench not in runs]:
        raise ConfigError(f"{source} holds no run of {', '.join(lacking)}; it has those of {', '.join(runs)}.")
    if len(wanted) == 1:
        ((bench, _),) = wanted.items()
        request = replace(request, predictions=runs[bench], bench=request.bench or bench)
    if len(wanted) <= 1:
        result, is_complete = score(request)
        return [result], is_complete
    out = absolute(request.out) if request.out else configuration.RUNS / f"{stamp()}-score-{source.name}"
    refuse_single(out)
    found = []
    for bench, subsets in wanted.items():
        one = replace(request, predictions=runs[bench], bench=_asked(bench, subsets), out=out / runs[bench].name)
        found.append(score(one, alone=False))
    results = [result for result, _ in found]
    show_summary(results, notes=[f"Written to {out}"])
    print_page(out, wanted=any((out / run.name / REPORT).exists() for run in runs.values()))
    return results, all(is_complete for _, is_complete in found)


def _asked(bench: str, subsets: Sequence[str]) -> str:
    return ",".join(f"{bench}/{subset}" for subset in subsets) or bench


def score(request: ScoreRequest, *, alone: bool = True) -> tuple[Result, bool]:
    """Score a prediction file of upstream's, or of a run; return the result, and whether it is complete.

    Raises:
        TarsierEvalError: a setting, file or name is wrong, or the judge cannot be used.
    """
    given = [name for name in ("data", "judge", "protocol", "card", "repeats") if getattr(request, name) is not None]
    configuration.refuse_unused("score", request.overrides, given)
    source = absolute(request.predictions)
    if not source.exists():
        raise ConfigError(f"The prediction file or folder {str(request.predictions)!r} does not exist.")
    refuse_bundle(source)
    run = source.parent if source.name == PREDICTIONS else source
    record = read_record(run) if (run / RUN).exists() else None
    with remedied(lambda: record and record.fingerprint.get("plugins")):
        benches = benchmarks_of(request.bench or _bench_of(source))
    if len(benches) > 1:
        raise ConfigError(f"score takes one benchmark at a time, not {request.bench!r}.")
    ((bench, subsets),) = benches.items()
    judge = [*judge_overrides(request.judge), *protocol_overrides(request.protocol)]
    places = (("data", request.data), ("card", request.card))
    data = [f"{key}={configuration.quoted(str(absolute(place)))}" for key, place in places if place]
    again = [] if request.repeats is None else [f"repeats={request.repeats}"]
    settings = configuration.load_settings([f"benchmark={bench}", *judge, *data, *again, *request.overrides])
    refuse_unasked([settings], request.judge, request.protocol, request.overrides)
    check_tracker(settings.tracker)
    judging = Judging(settings)
    benchmark, transcript = judging.benchmark(settings)
    check_card(settings.card, benchmark)
    known: dict[str, Any] = (
        {} if record is None else {**record.fingerprint, "accepted": [asdict(each) for each in record.accepted]}
    )
    if (was := known.get("benchmark", bench)) != bench:
        raise ConfigError(f"{run} is a run of {was!r}, and its predictions cannot be scored as those of {bench!r}.")
    read = source / PREDICTIONS if source.is_dir() and known else source
    tolerance = BadRowPolicy()
    found = read_predictions(read, benchmark.name, benchmark.dataset, benchmark.subsets_of, tolerance)
    pairs = of_subsets([(pair[0].subset, pair) for pair in found], subsets, benchmark, str(source))
    if subsets:
        known |= _of_part(known, found, pairs, subsets, benchmark)
    known["rows_passed_over"] = dict(tolerance.others)
    out = absolute(request.out) if request.out else configuration.RUNS / f"{stamp()}-score-{bench}"
    if (
        out.exists()
        and not (record is not None and out == run)
        and not (out.is_dir() and holds_only(out, (SCORES, VERDICTS, RESULT, REPORT, LOG, SUBMISSION, SUBMISSION_CSV)))
    ):
        raise RunError(f"{out} is there already and is not the folder of a score. Choose another OUT.")
    make_folder(out)
    with FolderLock(out):
        return _scored(source, read, pairs, known, out, settings, judging, benchmark, transcript, alone=alone)


def _scored(
    source: Path,
    read: Path,
    pairs: Sequence[tuple[Sample, Prediction]],
    known: Mapping[str, Any],
    out: Path,
    settings: Settings,
    judging: Judging,
    benchmark: Benchmark,
    transcript: Transcript | None,
    *,
    alone: bool,
) -> tuple[Result, bool]:
    """Score pairs into a locked folder; return the result, and whether nothing failed and nothing is missing."""
    data = _data_of(source)
    if settings.is_builtin and data != BUILTIN and _are_builtin(pairs, benchmark):
        data = BUILTIN
    files = [read] if not read.is_dir() else sorted(read.glob("*.jsonl"))
    missing = 0 if known.get("shard") else known.get("n_samples", len(pairs)) - len(pairs)
    if transcript is not None:
        judging.announce(benchmark, pairs)
    with judging.resumable():
        scores, result = score_predictions(
            pairs,
            benchmark.scorer,
            # Without the user's own data, a corpus's statistics can only come from the file itself.
            [sample for sample, _ in pairs] if settings.is_builtin else list(benchmark.samples()),
            benchmark=benchmark.name,
            primary=benchmark.card.metric,
            model=known.get("model", {}).get("name", source.stem),
            coverage=coverage_of_run(source, [sample for sample, _ in pairs]),
            provenance={
                **known,
                "data": data if settings.is_builtin else str(settings.data),
                "predictions": str(source),
                "predictions_sha256": files_hash(files),
                "scored_with": origin({**settings.nodes, "model": {}, "engine": {}}),
            },
        )
        result, more = repeated(settings.repeats, scores, result, pairs, benchmark.scorer, transcript)
    account = judging.account(transcript, *more)
    result = corrected(settings.card, judged(judging, result, account), scores, benchmark.scorer)
    notes = notes_of(account, result.provenance["scorer"].get("judge"))
    notes += _changed(source)
    size = benchmark.card.splits.get(benchmark.card.upstream_split or "", 0)
    if data == BUILTIN:
        notes.append(BUILTIN_NOTE)
    elif "n_samples" not in known and len(pairs) < size:
        notes.append(f"{len(pairs)} of the {size} samples of the published split.")
        notes += _lacking(pairs, known, benchmark)
        notes += [line] if (line := projection(result, size)) else []
    if known.get("shard"):
        notes.append(f"Shard {known['shard']} of a run of {known.get('n_samples')} samples; merge joins them all.")
    for reason, n in known["rows_passed_over"].items():
        rows = counted(n, "repeated row") if reason == "repeated" else f"{counted(n, 'row')} {reason.replace('_', ' ')}"
        notes.append(f"{rows} in {source.name} {'was' if n == 1 else 'were'} passed over.")
    if is_withheld(sample for sample, _ in pairs):
        notes.append(submitted(pairs, out))
    if benchmark.scorer.traits.needs_population and settings.is_builtin and data != BUILTIN:
        videos = f"{len(pairs)} scored videos" if len(pairs) > 1 else "1 scored video, with which CIDEr is always 0"
        notes.append(
            f"{result.primary} takes document frequencies from {videos}; DATA= gives those of the split, as published."
        )
    if missing or known.get("shard"):
        result = replace(result, complete=False)
    predictions = [prediction for _, prediction in pairs]
    write_and_show(out, scores, result, predictions, notes, transcript, page=settings.report, alone=alone)
    track(settings.tracker, out)
    return result, is_whole(result) and not missing


def _bench_of(source: Path) -> str:
    """Return the benchmark that a run's files name. Raises ConfigError where --bench is needed."""
    file = source / PREDICTIONS if source.is_dir() else source
    if file.is_file() and file.name == PREDICTIONS:
        row = next(read_jsonl(file), None)
        if row is not None and row.has("benchmark"):
            bench = row.text("benchmark")
            name, _, probe = bench.rpartition(":")
            if probe in ALL:
                raise ConfigError(f"{source} is a probe of {name} ({probe}), and scored as it was run.")
            return bench
    if source.is_dir() and (inside := runs_inside(source)):
        raise ConfigError(f"{source} holds no result.json itself; give one of the runs in it: {inside}.")
    raise ConfigError(f"{source} does not say of which benchmark it is; name it: --bench <name>.")


def _of_part(
    known: Mapping[str, Any],
    found: Sequence[tuple[Sample, Prediction]],
    pairs: Sequence[tuple[Sample, Prediction]],
    subsets: Sequence[str],
    benchmark: Benchmark,
) -> dict[str, Any]:
    """Return what changes in a run's provenance where only some of its subsets are scored."""
    before = known.get("part") or {}
    here, chosen = ([sample for sample, _ in some] for some in (found, pairs))
    part = describe(here, chosen, None, subsets, benchmark.scorer.traits.renamed)
    missing = [*before.get("missing", ()), *part["missing"]]
    changed: dict[str, Any] = {"part": {**before, **part, "limit": before.get("limit"), "missing": missing}}
    if "n_samples" in known:
        changed["n_samples"] = known["n_samples"] - len(found) + len(pairs)
    return changed


def _lacking(pairs: Sequence[tuple[Sample, Prediction]], known: Mapping[str, Any], benchmark: Benchmark) -> list[str]:
    """Return a note on the subsets that a file from elsewhere lacks; upstream averages over those in it."""
    renamed = benchmark.scorer.traits.renamed
    there = {renamed.get(sample.subset, sample.subset) for sample, _ in pairs}
    lacking = [name for name in dict.fromkeys(getattr(benchmark, "reported", dict)().values()) if name not in there]
    if "part" in known or not lacking or there == {""}:
        return []
    return [f"The file has no sample of {len(lacking)} subsets, which no average is over: {', '.join(lacking)}."]


def _are_builtin(pairs: Sequence[tuple[Sample, Prediction]], benchmark: Benchmark) -> bool:
    """Whether predictions from elsewhere are of the built-in world, as ids, targets, options and videos show."""
    try:
        known = {sample.id: _shown(sample) for sample in benchmark.samples()}
    except TarsierEvalError:
        return False
    return all(known.get(sample.id) == _shown(sample) for sample, _ in pairs)


def _shown(sample: Sample) -> tuple[Any, ...]:
    return sample.targets, sample.options, sample.metadata.get("vid", sample.cluster)


def _changed(source: Path) -> list[str]:
    """Return a note on each file of a run that is not the one its result was computed with."""
    run = source.parent if source.name == PREDICTIONS else source
    try:
        _, raw = read_result(run)
    except TarsierEvalError:
        return []  # not through yet; or damaged, and to score again is the remedy
    said = [_refused(verify, run, raw, PREDICTIONS), _refused(verify_settings, run, raw)]
    return [f"{one.partition('. Restore')[0]}; the run may have gone on since." for one in said if one]


def _refused(check: Callable[..., None], *about: Any) -> str:
    try:
        check(*about)
    except RunError as error:
        return str(error)
    return ""


def _data_of(source: Path) -> str | None:
    """Return the data root in a run's configuration; None for predictions from elsewhere."""
    data = read_settings(source if source.is_dir() else source.parent).get("data")
    return BUILTIN if data == str(configuration.BUILTIN / "world") else data if isinstance(data, str) else None
