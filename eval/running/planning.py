"""The plan of a run: what it will do, take and show, from its settings, its annotations and a look at its media."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from eval import building
from eval.analysis.explain.target import published
from eval.analysis.leaderboard.gathering import PUBLISHED
from eval.analysis.leaderboard.published import read_published
from eval.analysis.plan.comparable import accounting_of, beside, caveats_before, frames_of, published_as
from eval.analysis.plan.media import Check, MediaSurvey, survey
from eval.analysis.plan.plan import BenchmarkPlan, JudgePlan, ProbeTimes, RunPlan, Unready
from eval.analysis.plan.precision import precision
from eval.client.outcomes import Usage
from eval.client.prices import load_prices, price_missing
from eval.config import Settings
from eval.core import Benchmark, Prediction, Sample
from eval.engines.groups import group_by_clip
from eval.errors import ConfigError, TarsierEvalError
from eval.models.checkpoints.need import memory_need
from eval.readers.layout import NoAnnotationsError, home_of
from eval.report.progress import Working
from eval.running.benchmark_run import Job
from eval.running.judge_session import Judging, refuse_unasked
from eval.running.part import benchmarks_of, ids_in, part_of, refuse_unknown_ids
from eval.running.repeating import judgings
from eval.running.request import EvalRequest
from eval.video.looking import look_at_all


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What is to be planned."""

    run: EvalRequest
    published: str | None = None
    """A published number to compare with, as `why` takes it."""
    full: bool = False
    """Whether a frame of each clip is decoded, instead of a look at headers."""
    probe: bool = False
    """Whether a few clips are put to the model, so that the time can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A benchmark whose annotations are there."""

    settings: Settings
    benchmark: Benchmark
    judging: Judging
    samples: Sequence[Sample]
    judged: bool


def plan_run(request: PlanRequest) -> RunPlan:
    """Return the plan of a run, in which benchmarks without annotations are named.

    Raises:
        TarsierEvalError: a setting or a name is wrong; a file is malformed; or no benchmark can be run.
    """
    run = request.run
    benches = benchmarks_of(run.bench)
    settings = [run.settings_of(bench) for bench in benches]
    refuse_unasked(settings, run.judge, run.protocol, run.overrides)
    building.check(settings[0].model, "model")
    judging = Judging(settings[0])
    ready: list[_Ready] = []
    unready: list[Unready] = []
    for one, subsets in zip(settings, benches.values(), strict=True):
        if not one.data.is_dir():
            raise ConfigError(f"The data folder {str(one.data)!r} does not exist, or is not a folder.")
        try:
            ready.append(_read(one, judging, subsets))
        except NoAnnotationsError as error:
            if len(settings) == 1:
                raise
            unready.append(unready_of(one, error))
    chosen = [one for one in ready if one.samples]
    if settings[0].samples is not None and ready:
        known = {sample.id for one in ready for sample in one.benchmark.samples()}
        refuse_unknown_ids(ids_in(settings[0].samples), known)
    check: Check = look_at_all
    times: dict[str, ProbeTimes | None] = {}
    if request.full or request.probe:
        from eval.running import trying

        check = partial(trying.decoded, settings[0]) if request.full else look_at_all
        if request.probe:
            times = {one.benchmark.name: trying.probe(one.settings, one.benchmark, one.samples) for one in chosen}
    plans = []
    for each in chosen:
        with nullcontext() if request.full else Working(f"Looking at the media of {each.benchmark.name}"):
            media = survey(each.samples, check)
        plans.append(_planned(each, media, which=request.published, times=times.get(each.benchmark.name)))
    return RunPlan(
        benchmarks=tuple(plans),
        unready=tuple(unready),
        settings={"model": settings[0].model.get("name"), "data": str(settings[0].data)},
        refused=_refused(settings[0], asks_judge=any(one.judged for one in chosen)),
    )


def _refused(settings: Settings, *, asks_judge: bool) -> tuple[str, ...]:
    """Return why a run would refuse a cap on its cost: no price is known of a model that it asks."""
    found = []
    for named in (settings.model, *([settings.judge] if asks_judge else [])):
        if named.get("max_cost") is None or not named.get("prices"):
            continue
        names = [named.get(key) for key in ("served", "served_model", "model")]
        prices = load_prices(Path(named["prices"]))
        if not any(prices.price(name) for name in names):
            found.append(price_missing(prices.path, next((name for name in names if name), None)))
    return tuple(dict.fromkeys(found))


def unready_of(settings: Settings, error: TarsierEvalError) -> Unready:
    """Return a benchmark that cannot be run, with where its files belong and where they come from."""
    node = settings.benchmark
    card = node["card"]
    return Unready(
        benchmark=str(node["name"]),
        title=card["title"],
        why=str(error),
        expected=str(home_of(settings.data, node["folders"])),
        homepage=card["homepage"],
        samples=card["splits"].get(node.get("split"), 0),
    )


def planned(job: Job) -> BenchmarkPlan:
    """Return the plan of a run's job, whose media were looked at."""
    one = _Ready(
        settings=job.settings,
        benchmark=job.benchmark,
        judging=job.judging,
        samples=job.samples,
        judged=job.transcript is not None,
    )
    return _planned(one, job.media or survey(job.samples))


def _read(settings: Settings, judging: Judging, subsets: Sequence[str]) -> _Ready:
    benchmark, transcript = judging.benchmark(settings)
    samples = part_of(list(benchmark.samples()), settings, subsets, benchmark)
    return _Ready(
        settings=settings, benchmark=benchmark, judging=judging, samples=samples, judged=transcript is not None
    )


def _planned(
    one: _Ready, media: MediaSurvey, *, which: str | None = None, times: ProbeTimes | None = None
) -> BenchmarkPlan:
    settings, benchmark, samples = one.settings, one.benchmark, one.samples
    card, about = benchmark.card, benchmark.describe()
    split = str(settings.benchmark.get("split"))
    asked = benchmark.asked_with()
    macro = benchmark.scorer.describe().get("headline") == "macro"
    target = published(read_published(PUBLISHED), which, benchmark.name, card.metric) if which else None
    judge = _judge_plan(one) if one.judged else None
    judging = one.judging.judge.name if one.judged else None
    place = getattr(asked, "place", "")
    return BenchmarkPlan(
        benchmark=benchmark.name,
        title=card.title,
        split=split,
        split_size=card.splits[split],
        source="upstream's rows" if asked.name.startswith("rows of ") else "official files",
        files=tuple(about["files"]),
        wording=f"{asked.name}{f' (read from {place})' if place else ''}",
        frames=frames_of(settings.model),
        model=str(settings.model.get("name")),
        metric=card.metric,
        accounting=accounting_of(benchmark, macro=macro),
        samples=len(samples),
        subsets=len({sample.subset for sample in samples if sample.subset}),
        clips=len(group_by_clip(samples)),
        videos=len({sample.cluster or sample.id for sample in samples}),
        media=media,
        memory=memory_need(settings.model),
        time=times,
        judge=judge,
        precision=precision(samples, card.metric, macro=macro, value=target.value if target else None),
        published=beside(target, settings, benchmark, samples, judging) if target else (),
        published_as=published_as(target) if target else "",
        caveats=tuple(caveats_before(settings, benchmark, samples, media, target)),
    )


def _judge_plan(one: _Ready) -> JudgePlan:
    """Return the judge's calls where each output is the reference answer."""
    judge = one.judging.judge
    pairs = [(s, Prediction(id=s.id, prompt=s.prompt, output=s.targets[0] if s.targets else "")) for s in one.samples]
    try:
        plan = judge.plan(judgings(one.benchmark.scorer, pairs, one.settings.repeats), lambda: None)
    except TarsierEvalError as error:
        return JudgePlan(judge=judge.name, problem=str(error))
    if plan is None:
        return JudgePlan(judge=judge.name)
    sent, received = sum(stage.input for stage in plan.stages), sum(stage.output for stage in plan.stages)
    named = one.settings.judge
    price = load_prices(Path(named["prices"])).price(named.get("model")) if plan.left else None
    cost = price.cost(Usage(input=sent, output=received), batch=bool(named.get("batch"))) if price else plan.cost
    return JudgePlan(
        judge=judge.name,
        calls=plan.calls,
        left=plan.left,
        input=sent,
        output=received,
        cost=cost,
        price_as_of=price.as_of if price else plan.price_as_of,
        most=named.get("max_cost"),
        is_paid=True,
    )
