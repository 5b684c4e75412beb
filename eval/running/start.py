"""A run from its request to its results: config, samples, frames, model, predictions, scores, result."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval import building
from eval import config as configuration
from eval.analysis.plan.media import survey, unreadable_in
from eval.analysis.plan.plan import Unready
from eval.analysis.plan.view import show_first_screen
from eval.config import Settings
from eval.core import Benchmark, Prediction, Result, Sample
from eval.engines.engine import Engine, Setup
from eval.errors import ConfigError, DataError
from eval.files import absolute, refuse_unwritable
from eval.plugins.finding import remedied
from eval.provenance import adapters_in, code_hash, data_hash, library_versions, plugin_code, prompts_hash
from eval.readers.layout import NoAnnotationsError
from eval.readers.submission import is_withheld
from eval.report.progress import Working
from eval.running.benchmark_run import Job
from eval.running.correcting import check_card
from eval.running.judge_session import Judging, refuse_unasked
from eval.running.loop import run
from eval.running.media_check import changed_media, coverage
from eval.running.outcome import refuse_single, say, stamp
from eval.running.part import (
    benchmarks_of,
    describe,
    has_groups,
    ids_in,
    named_alone,
    part_of,
    refuse_unknown_ids,
)
from eval.running.planning import planned, unready_of
from eval.running.probes import Probe, probed
from eval.running.reporting import print_page
from eval.running.request import EvalRequest
from eval.running.score import refuse_overall
from eval.running.several import sum_up
from eval.running.tracking import check_tracker
from eval.runs.folder import PREDICTIONS, RUN, refuse_changed, refuse_foreign
from eval.runs.lock import refuse_busy
from eval.runs.record import read_record


def evaluate(request: EvalRequest) -> list[Result]:
    """Run one model on one or several benchmarks, and return the result of each.

    Raises:
        TarsierEvalError: a setting, file or name is wrong, and nothing was started; or the run could not go on.
    """
    with remedied(lambda: _plugins_in(request.out)):
        benches = benchmarks_of(request.bench)
        settings = [request.settings_of(bench) for bench in benches]
    refuse_unasked(settings, request.judge, request.protocol, request.overrides)
    check_tracker(settings[0].tracker)
    name = request.bench.replace(",", "+").replace("/", "-").replace(" ", "")
    base = settings[0].out or configuration.RUNS / f"{stamp()}-{settings[0].model.get('name')}-{name}"
    building.check(settings[0].model, "model")
    judging = Judging(settings[0])
    if len(benches) > 1:
        refuse_single(base)
    outs = [base / bench if len(benches) > 1 else base for bench in benches]
    wanted = list(zip(settings, outs, benches.values(), strict=True))
    table = configuration.table_named(request.bench)
    jobs = _of_ids(_jobs(wanted, judging, named_alone(request.bench), whole=table is None))
    refuse_unwritable(base)
    # Check the judge before the model works; if all outputs exist already, it may not be needed.
    if any(job.transcript is not None and not (job.out / PREDICTIONS).exists() for job in jobs):
        judging.check()
    with Working("Looking at the media"):
        jobs = [replace(job, media=survey(job.samples)) for job in jobs]
    for job in jobs:
        _refuse_below(job.settings.min_coverage, job)
    show_first_screen([planned(job) for job in jobs])
    # One loaded model serves all benchmarks; it is loaded after all checks.
    engine: Engine = building.build(settings[0].engine, "engine")
    with ExitStack() as open_session:
        with Working(f"Loading {settings[0].model.get('name')}"):
            session = open_session.enter_context(engine.start(setup_of(settings[0], jobs)))
        judging.share(session.model)
        results = list(run(jobs, session))
    if len(results) > 1 or table is not None:
        sum_up(jobs, results, base, table)
        if base not in outs:  # of a table of one benchmark, its run has written the page
            print_page(base, wanted=settings[0].report)
    return results


def _plugins_in(out: str | Path | None) -> object:
    """Return the plugins of the run that lies in a folder; None where there is no run."""
    if out is None or not (absolute(out) / RUN).exists():
        return None
    return read_record(absolute(out)).fingerprint.get("plugins")


def _jobs(
    wanted: Sequence[tuple[Settings, Path, Sequence[str]]], judging: Judging, named: set[str], *, whole: bool = True
) -> list[Job]:
    """Return the job of each benchmark, without those of a group that the built-in world does not have.

    Args:
        wanted: Settings, run folder and subsets of each.
        judging: The judge.
        named: The benchmarks that the user named by themselves.
        whole: Whether all have to be there; of a table, what is there is run, and the rest has lines without a value.

    Raises:
        DataError: There are no annotations of some benchmarks; it names all of them.
    """
    found: list[Job] = []
    unready: list[Unready] = []
    for settings, out, subsets in wanted:
        try:
            found.append(job_of(settings, out, judging, subsets))
        except NoAnnotationsError as error:  # noqa: PERF203 - all that lack them are named at once
            if len(wanted) == 1:
                raise
            unready.append(unready_of(settings, error))
    if found and unready and wanted[0][0].is_builtin and not named & {one.benchmark for one in unready}:
        say(f"Left out, since the built-in world has none of it: {', '.join(one.benchmark for one in unready)}.")
        return found
    if unready:
        absent = "; ".join(
            f"{one.benchmark} ({one.expected}, {one.samples:,} samples, {one.homepage})" for one in unready
        )
        if found and not whole:
            say(f"Left out, since there are no annotations: {absent}.")
            return found
        rest = ",".join(job.benchmark.name for job in found)
        remedy = f"run those that are there: --bench {rest}" if rest else "set data= to the folder that holds them"
        raise NoAnnotationsError(
            f"There are no annotations of {len(unready)} of {len(wanted)} benchmarks; {remedy}, or put the others into "
            f"their folders: {absent}."
        )
    return found


def setup_of(settings: Settings, jobs: Sequence[Job] = ()) -> Setup:
    """Return what an engine needs of a run's settings."""
    clips = (sample.clip for job in jobs for sample in job.samples)
    first = next((clip.source for clip in clips if isinstance(clip.source, Path) and clip.source.exists()), None)
    checkpoint = Path(str(settings.model.get("checkpoint") or ""))
    here = [path for path in (first, checkpoint) if path is not None and path.is_absolute() and path.exists()]
    how = settings.loading
    reading = {
        "decoder": settings.decoder,
        "rules": settings.picture_rules,
        "workers": how.workers,
        "timeout_s": how.timeout_s,
        "memory_gb": how.memory_gb,
        "ahead_mb": how.ahead_mb,
        "store": how.store,
        "draw": how.thumbnails,
    }
    plugins = building.plugins_of({"model": settings.model})
    folders = [plugin.home for plugin in plugins if not plugin.package]
    return Setup(
        model=settings.model,
        reading=reading,
        media=(settings.data, *here, *folders),
        folders=[str(folder) for folder in folders],
        plugins=plugin_code(plugins),
    )


def _refuse_below(least: float, job: Job) -> None:
    if short := [each for each in coverage(job.samples, unreadable_in(job.media)) if each.fraction < least]:
        listed = "; ".join(f"{each.subset or job.benchmark.name} {each.present}/{each.total}" for each in short)
        raise DataError(f"Media below min_coverage={least} under {job.settings.data}: {listed}.")


def _of_ids(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs that have samples, of those that were chosen by their ids. Raises ConfigError for unknown ids."""
    text = jobs[0].settings.samples
    if text is None:
        return list(jobs)
    refuse_unknown_ids(ids_in(text), {sample.id for job in jobs for sample in job.population})
    found = [job for job in jobs if job.samples]
    if not found:
        raise ConfigError(f"samples={text!r} and the other settings of the part leave no sample; drop one of them.")
    return found


def job_of(settings: Settings, out: Path, judging: Judging, subsets: Sequence[str], probe: Probe | None = None) -> Job:
    """Return a benchmark's job, with everything checked that can be before the model is loaded.

    Args:
        settings: of the run.
        out: its run folder.
        judging: the judge, where the benchmark needs one.
        subsets: the subsets to be run; () for all.
        probe: the probe that changes its samples; None for a plain run.

    Raises:
        TarsierEvalError: a file or a setting does not fit, or the folder holds another run.
    """
    if not settings.data.is_dir():
        raise ConfigError(f"The data folder {str(settings.data)!r} does not exist, or is not a folder.")
    if settings.annotations is not None and not settings.annotations.exists():
        raise ConfigError(f"The annotation file {str(settings.annotations)!r} does not exist.")
    refuse_foreign(out)
    refuse_busy(out)
    benchmark, transcript = judging.benchmark(settings)
    if transcript is not None:
        check_card(settings.card, benchmark)
    population = list(benchmark.samples())
    _refuse_unfit(population)
    samples = part_of(population, settings, subsets, benchmark)
    part = describe(
        population,
        samples,
        settings.limit,
        subsets,
        benchmark.scorer.traits.renamed,
        offset=settings.offset,
        by_id=settings.samples is not None,
        whole=has_groups(benchmark),
    )
    if probe is not None:
        benchmark, samples = probed(benchmark, samples, probe)
    unanswered = [sample.id for sample in samples if not sample.targets]
    if unanswered and not (benchmark.may_withhold and is_withheld(samples)):
        raise DataError(
            f"{benchmark.name}: {unanswered[0]!r} has no answer to compare with; complete its annotations (in "
            "upstream's rows: `response`, or `reference` beside the text)."
        )
    if not unanswered:
        # A trial scoring without outputs: refuses unscorable samples before the model works.
        absent = [(s, Prediction(id=s.id, prompt=s.prompt, output=None, error="not run yet")) for s in samples]
        benchmark.scorer.score(absent, population)
    identity = {**_identity(settings, benchmark, samples), **({"part": part} if part else {})}
    if settings.shard is not None:
        identity["shard"] = str(settings.shard)
    if probe is not None:
        identity["probe"] = probe.name
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


def _refuse_unfit(population: Sequence[Sample]) -> None:
    """Raise DataError where an id comes twice, or a subset has the name under which results have all samples."""
    seen: set[str] = set()
    for sample in population:
        if sample.id in seen:
            raise DataError(f"{sample.benchmark}: the sample id {sample.id!r} comes twice; ids must be unique.")
        refuse_overall(sample)
        seen.add(sample.id)


def _identity(settings: Settings, benchmark: Benchmark, samples: Sequence[Sample]) -> dict[str, Any]:
    from eval.video.frames import decoder_version

    asked = benchmark.asked_with()
    plugins = building.plugins_of(settings.nodes)
    targets = [one.rpartition(".")[0] for one in building.targets_in(settings.benchmark)]
    adapters = [one for one in targets if one.startswith("benchmarks.")]
    adapters += [name for plugin in plugins for path in plugin.code for name in adapters_in(path)]
    return {
        "benchmark": benchmark.name,
        "split": settings.benchmark.get("split"),
        "limit": settings.limit,
        "full_output": settings.full_output or benchmark.scorer.settled() is None,
        "n_samples": len(samples),
        "decoder": {**decoder_version(settings.decoder), **settings.picture_rules.describe()},
        "wording": {"name": asked.name, "sha256": asked.sha256},
        "prompts_sha256": prompts_hash(samples),
        "data_sha256": data_hash(samples),
        "code": code_hash(configuration.PROJECT, adapters),
        **({"plugins": plugin_code(plugins)} if plugins else {}),
        "libraries": library_versions(),
    }
