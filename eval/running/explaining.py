"""Possible reasons why a run's number differs from another one.

The predictions are scored again in every known way without new judge calls; other reasons are bounded or named.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from eval import building
from eval import config as configuration
from eval.analysis.explain.explanation import ExplainInputs, Explanation, explain
from eval.analysis.explain.graders import JudgePanel, places, same_outputs
from eval.analysis.explain.stored import stored_judges
from eval.analysis.explain.target import Target, by_hand, published
from eval.analysis.explain.ways import (
    ACCOUNTING,
    AVERAGE,
    BASES,
    BASIS,
    DIGITS,
    TOKENIZER,
    WHOLE,
    MetricKey,
    VariantScores,
    average_of,
)  # fmt: skip
from eval.analysis.leaderboard.finding import opened
from eval.analysis.leaderboard.gathering import PUBLISHED
from eval.analysis.leaderboard.published import read_published
from eval.config import Settings
from eval.core import OVERALL, Benchmark, Prediction, Sample, Score, Scorer
from eval.errors import ConfigError, DataError, TarsierEvalError
from eval.files import absolute, expanded, read_regular_text
from eval.judges.calls import Respondent
from eval.judges.protocol import JudgeProtocol, ProtocolName, judge_protocol
from eval.judges.replay import ReplayJudge
from eval.plugins.finding import remedied
from eval.running.judge_session import pack_of
from eval.running.request import WhyRequest
from eval.running.rescore import pairs_of, population_of, rescore
from eval.runs.folder import RESULT, runs_inside
from eval.runs.scored import ScoredRun
from eval.scorers.multiple_choice import MultipleChoice

Pairs = list[tuple[Sample, Prediction]]

_BROKEN = {True: "left out", False: "kept"}
"""Treatment of a video with one question without a valid answer."""


@dataclass(frozen=True, slots=True)
class _Case:
    """Inputs for scoring a number's predictions again."""

    path: Path
    scored: ScoredRun
    request: WhyRequest
    settings: Settings
    benchmark: Benchmark
    pairs: Pairs
    notes: list[str] = field(default_factory=list)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything the scores depend on, from the result."""
        found: Mapping[str, Any] = self.scored.result.provenance["scorer"]
        return found

    def graded(self, judge: Respondent, protocol: JudgeProtocol) -> Scorer:
        """Return the benchmark's scorer with a judge."""
        return _built(self.settings.benchmark["scorer"], {"judge": judge, "protocol": protocol})


def explain_run(request: WhyRequest) -> Explanation:
    """Return the possible reasons for the difference between a run's number and a published or given one.

    Raises:
        ConfigError: the run has no number, there is no such other number, or the run cannot be scored again.
        DataError, RunError: a file is damaged.
    """
    configuration.refuse_unused("why", request.overrides, ["data"] if request.data else [])
    path = absolute(request.run)
    if inside := runs_inside(path) if not (path / RESULT).exists() else "":
        raise ConfigError(f"--run {request.run} holds no result.json itself; give one of the runs in it: {inside}.")
    if not path.exists() or (path.is_dir() and not (path / RESULT).exists()):
        raise ConfigError(
            f"--run {request.run} holds no {RESULT}: give the folder of a run that is through, or of a score; score a "
            "prediction file first."
        )
    with opened(path) as scored:
        if scored.probe:
            raise ConfigError(f"--run {request.run} is a probe ({scored.probe}); give the plain run beside it.")
        if not scored.result.metrics:
            raise ConfigError(f"--run {request.run}: the solutions of its split are withheld; it has no number.")
        with remedied(lambda: scored.result.provenance.get("plugins")):
            target = _target(request, scored)
            wanted = MetricKey(
                metric=target.metric if target else scored.result.primary, subset=target.subset if target else OVERALL
            )
            return explain(_material(path, scored, request, wanted, target), wanted, target)


def _target(request: WhyRequest, scored: ScoredRun) -> Target | None:
    result = scored.result
    if request.value:
        return by_hand(request.value, result.primary)
    if request.published:
        return published(read_published(PUBLISHED), request.published, result.benchmark, result.primary)
    return None


def _material(
    path: Path, scored: ScoredRun, request: WhyRequest, wanted: MetricKey, target: Target | None
) -> ExplainInputs:
    average = average_of(scored.result.metrics, wanted, str(path))
    is_builtin = scored.is_builtin or _lies_in_builtin_run(scored)
    settings = _settings(scored, request, is_builtin=is_builtin)
    benchmark: Benchmark = building.build(settings.benchmark, "benchmark")
    pairs = pairs_of(scored, benchmark)
    case = _Case(path, scored, request, settings, benchmark, pairs)
    marked, choices = _marked(case)
    about, card = scored.result.provenance, benchmark.card
    if missing := (about.get("part") or {}).get("missing"):
        case.notes.append(f"The run has no sample of {len(missing)} subsets; the other number may be over all of them.")
    split = (target.split if target else "") or about.get("split") or card.upstream_split or ""
    return ExplainInputs(
        place=str(path),
        result=scored.result,
        is_builtin=is_builtin,
        marked=marked,
        choices={**choices, AVERAGE: average, **({BASIS: BASES[wanted.metric]} if wanted.metric in BASES else {})},
        conventions=_conventions(case),
        predictions=[prediction for _, prediction in pairs],
        population=_population(case) if is_builtin or _root(scored, request) else None,
        size=None if is_builtin else card.splits.get(split),
        notes=case.notes,
    )


def _marked(case: _Case) -> tuple[list[VariantScores], dict[str, str]]:
    """Return scores under each choice for single samples, and the run's own choices."""
    identity, node = case.identity, case.settings.benchmark["scorer"]
    if identity.get("name") == "multiple_choice":
        is_whole = bool(identity.get("whole_videos", node.get("whole_videos")))
        found = []
        for digits in ("tarsier", "tarsier2"):
            scores: list[Score] = []
            for whole in (False, True) if is_whole or node.get("whole_videos") else (False,):
                scorer = _built({**node, "digits": digits, "whole_videos": whole})
                scores = scores or scorer.score(case.pairs)
                found.append(
                    VariantScores(choices={DIGITS: digits, WHOLE: _BROKEN[whole]}, scores=scores, scorer=scorer)
                )
        digits = identity.get("digits") or cast("MultipleChoice", _built(node)).digits
        return found, {DIGITS: str(digits), WHOLE: _BROKEN[is_whole]}
    if identity.get("name") == "captioning":
        return _captions(case)
    if "judge" in identity:
        panel = _panel(case)
        case.notes.extend(panel.notes)
        return panel.marked, dict(panel.marked[0].choices)
    scores, _ = rescore(case.scored, case.request.data, case.request.overrides)
    return [VariantScores(choices={}, scores=scores, scorer=case.benchmark.scorer)], {}


def _captions(case: _Case) -> tuple[list[VariantScores], dict[str, str]]:
    try:
        population = population_of(case.scored, case.benchmark, case.pairs, case.request.data)
    except ConfigError as error:
        case.notes.append(f"{error} Until then frequencies of the whole split are those of the scored samples.")
        population = [sample for sample, _ in case.pairs]
    if len(population) == len(case.pairs) and not (case.request.data or case.scored.result.provenance.get("data")):
        case.notes.append(
            "Frequencies of the whole split are not at hand, those of the scored samples stand in: give --data."
        )
    has_java = shutil.which("java") and importlib.util.find_spec("pycocoevalcap")
    own = "pycocoevalcap" if case.identity.get("tokenizer") == "pycocoevalcap" else "own"
    found = []
    for name in dict.fromkeys([own, "own", *(["pycocoevalcap"] if has_java else [])]):
        scorer = _built({**case.settings.benchmark["scorer"], "tokenizer": name})
        found.append(
            VariantScores(choices={TOKENIZER: name}, scores=scorer.score(case.pairs, population), scorer=scorer)
        )
    return found, {TOKENIZER: own}


def _panel(case: _Case) -> JudgePanel:
    """Return the scores by each available judge, the run's own first."""
    panel = JudgePanel()
    try:
        own, _ = rescore(case.scored, case.request.data, case.request.overrides)
    except ConfigError as error:
        panel.notes.append(f"The run's own verdicts are not read again, its scores are taken as they stand: {error}")
        own = list(case.scored.scores.values())
    panel.add(case.benchmark.scorer, case.identity, own, "the run")
    for place in places(case.path, case.request.verdicts):
        try:
            _add_place(panel, case, place)
        except TarsierEvalError as error:  # noqa: PERF203 - a damaged folder beside a run is no reason to stop
            panel.notes.append(f"{place} is not counted: {error}")
    store = Path(yaml.safe_load(case.settings.yaml)["verdicts"])
    try:
        judges = stored_judges(store)
    except TarsierEvalError as error:
        panel.notes.append(str(error))
        judges = []
    for protocol in _protocols(case.settings) if judges else ():
        for judge in judges:
            panel.replay(judge.anew(), protocol, case.graded, case.pairs, str(store))
    return panel


def _add_place(panel: JudgePanel, case: _Case, place: Path) -> None:
    """Count the judge of another score, from a folder or a bundle, if it has judged the same outputs.

    Even with other outputs, some requests may be equal: a bundle's verdicts are looked up by request.
    """
    with opened(place) as there:
        if there.result.benchmark != case.benchmark.name or "judge" not in there.result.provenance["scorer"]:
            return
        if same_outputs(list(there.scores.values()), case.pairs):
            scores, result = rescore(there, case.request.data, case.request.overrides)
            panel.add(case.benchmark.scorer, result.provenance["scorer"], scores, str(place))
        elif place.is_file():
            judge = ReplayJudge(bundle=there.folder)
            panel.replay(judge, judge.protocol(pack_of(case.settings)), case.graded, case.pairs, str(place))


def _protocols(settings: Settings) -> list[JudgeProtocol]:
    """Return all protocols whose wording is available."""
    names: tuple[ProtocolName, ...] = ("native", "hardened", "autodq-indexed", "upstream")
    found = []
    for name in names:
        with suppress(DataError):  # upstream's wording was not imported
            found.append(judge_protocol(name, pack_of(settings)))
    return found


def _built(node: Mapping[str, Any], parts: Mapping[str, Any] | None = None) -> Scorer:
    scorer: Scorer = building.build(node, "benchmark.scorer", parts)
    return scorer


def _conventions(case: _Case) -> dict[str, dict[str, str]]:
    """Return upstream's known ways to score, by name: its accounting, and each branch's settings in conf/."""
    if case.identity.get("name") != "multiple_choice":
        return {"upstream's": {ACCOUNTING: "upstream", BASIS: BASES["cider_corpus"]}}
    node = case.settings.benchmark["scorer"]
    shared = {ACCOUNTING: "upstream", WHOLE: _BROKEN[bool(node.get("whole_videos"))]}
    own = cast("MultipleChoice", _built(node))
    digits, headline = own.digits, own.headline
    found = {f"upstream's, branch {digits}": {**shared, DIGITS: digits, AVERAGE: headline}}
    if headline == "macro":
        found["upstream's, branch tarsier2"] = {**shared, DIGITS: "tarsier2", AVERAGE: "micro"}
    return found


def _root(scored: ScoredRun, request: WhyRequest) -> str | None:
    known = request.data or scored.result.provenance.get("data")
    return str(absolute(known)) if known and expanded(known).is_dir() else None


def _settings(scored: ScoredRun, request: WhyRequest, *, is_builtin: bool) -> Settings:
    about, root = scored.result.provenance, None if is_builtin and not request.data else _root(scored, request)
    annotations = None if request.data else about.get("annotations")
    chosen = {"data": root, "annotations": annotations if annotations and Path(annotations).exists() else None}
    more = [f"{key}={configuration.quoted(value)}" for key, value in chosen.items() if value]
    more += [f"benchmark.split={configuration.quoted(about['split'])}"] if about.get("split") else []
    return configuration.load_settings([f"benchmark={scored.result.benchmark}", *more, *request.overrides])


def _population(case: _Case) -> list[Sample] | None:
    """Return all samples of the split; None where their annotations cannot be read."""
    try:
        return list(case.benchmark.samples())
    except TarsierEvalError as error:
        case.notes.append(f"The annotations of {case.benchmark.name} cannot be read: {error}")
        return None


def _lies_in_builtin_run(scored: ScoredRun) -> bool:
    """Whether a score is of a run on the built-in world, which the score itself does not record."""
    source = Path(str(scored.result.provenance.get("predictions") or ""))
    path = (source if source.is_dir() else source.parent) / RESULT
    try:
        return bool(json.loads(read_regular_text(path))["provenance"]["data"] == "built-in")
    except (OSError, ValueError, KeyError, TypeError):
        return False
