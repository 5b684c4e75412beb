"""Compares two systems on the same samples: every metric of the benchmark, every subset, and the samples that turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eval.analysis.compare.change import Change, Columns, Measure, change_of
from eval.analysis.compare.comparable import Continued, accepted_differences, continued, unknown_fields
from eval.core import OVERALL, Accounting, MetricTraits, Score, ScorerTraits
from eval.errors import ConfigError
from eval.runs.differences import Difference, differences_of
from eval.runs.scored import ScoredRun
from eval.scorers.accounting import ACCOUNTINGS, Average, video_of
from eval.scorers.traits import traits_of
from eval.stats.paired import holm

Pair = tuple[Score, Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A sample on which one system is better than the other."""

    id: str
    target: str
    first: float
    """The first system's value; for f1, recall plus precision. 0 without a value."""
    second: float
    """The second system's value."""
    first_output: str | None
    """The first system's output, or the parsed answer where the output is not available; None: failed."""
    second_output: str | None
    """The second system's output, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two systems on the same samples."""

    benchmark: str
    primary: str
    """The benchmark's primary metric."""
    first: str
    """The first model."""
    second: str
    """The second model."""
    first_folder: str
    second_folder: str
    accepted: tuple[Difference, ...]
    """Accepted differences besides the models; they may explain the changes."""
    unknown: tuple[str, ...]
    """Fields that should agree but are missing in one folder."""
    differences: tuple[Difference, ...]
    """Differences in the models' settings: the subject of the comparison."""
    same_model: bool
    """Whether both are known to be one model with the same settings."""
    continued: tuple[Continued, ...]
    """Runs whose predictions were made with more than one setting, so that they are no single system."""
    incomplete: tuple[str, ...]
    """Folders whose results are not complete."""
    n_common: int
    """Number of samples of both; everything below is about them."""
    n_first_only: int
    """Number of samples that only the first has."""
    n_second_only: int
    """Number of samples that only the second has."""
    n_failed: tuple[int, int]
    """Number of samples of both on which the model or the judge of the first, and of the second, failed."""
    changes: tuple[Change, ...]
    """Overall ones first, by accounting; then the primary metric of each subset."""
    turned: tuple[Turned, ...]
    """Every sample that turns in the primary metric, largest change first."""
    turned_by: str = ""
    """The metric by which they turn, where that is not the primary one, which is over groups of samples."""

    @property
    def headline(self) -> Change | None:
        """The change of the primary metric in strict; None where there is none."""
        strict = (change for change in self.changes if change.accounting == "strict")
        return next((change for change in strict if change.name.startswith(self.primary)), None)


def compare_systems(first: ScoredRun, second: ScoredRun, accept: Sequence[str] = ()) -> Comparison:
    """Return the differences between two systems on the samples that both have.

    `strict` compares all of them, where a missing value earns nothing; `upstream` those with a value from both.

    Raises ConfigError, which names the field, where they can't be compared, see `accepted_differences`, or where
    nothing was scored.
    """
    accepted = accepted_differences(first, second, accept)
    pairs = [(one, second.scores[key]) for key, one in first.scores.items() if key in second.scores]
    if not first.result.metrics and not any(score.values for pair in pairs for score in pair):
        raise ConfigError(f"values: neither {first.folder} nor {second.folder} has scores; solutions are withheld.")
    scorer, primary, traits = first.scorer, first.result.primary, traits_of(first.scorer)
    changes = [
        *(change for accounting in ACCOUNTINGS for change in _overall(pairs, accounting, scorer, traits)),
        *(change for accounting in ACCOUNTINGS for change in _subsets(pairs, accounting, scorer, traits, primary)),
    ]
    of_samples = _of_samples(primary, traits)
    differences = tuple(differences_of(_model(first), _model(second), "model."))
    failed = [sum(pair[side].status.endswith("_failed") for pair in pairs) for side in (0, 1)]
    return Comparison(
        benchmark=first.benchmark,
        primary=primary,
        first=first.result.model,
        second=second.result.model,
        first_folder=str(first.folder),
        second_folder=str(second.folder),
        accepted=accepted,
        unknown=unknown_fields(first, second),
        differences=differences,
        same_model=_is_one_model(first, second, differences),
        continued=tuple(each for each in map(continued, (first, second)) if each is not None),
        incomplete=tuple(str(each.folder) for each in (first, second) if not each.result.complete),
        n_common=len(pairs),
        n_first_only=len(first.scores) - len(pairs),
        n_second_only=len(second.scores) - len(pairs),
        n_failed=(failed[0], failed[1]),
        changes=tuple(changes),
        turned=tuple(_turned(pairs, first, second, of_samples)),
        turned_by=of_samples.name if traits.metric(primary) not in (None, of_samples) else "",
    )


def _model(system: ScoredRun) -> Mapping[str, Any]:
    known = system.provenance.get("model")
    return known if isinstance(known, Mapping) else {"name": system.result.model}


def _is_one_model(first: ScoredRun, second: ScoredRun, differences: Sequence[Difference]) -> bool:
    if not all(isinstance(each.provenance.get("model"), Mapping) for each in (first, second)):
        return False
    # A checkpoint is known by its content, wherever it lies.
    names = {"model.name", "model.checkpoint", "model.revision"} if _model(first).get("files_sha256") else set()
    return all(each.field in names for each in differences)


def _overall(
    pairs: Sequence[Pair], accounting: Accounting, scorer: Mapping[str, Any], traits: ScorerTraits
) -> Iterator[Change]:
    averages = _averages(pairs, scorer, traits)
    for metric in traits.metrics:
        if metric.optional and not all(set(metric.values) <= set(score.values) for pair in pairs for score in pair):
            continue
        for suffix, average in averages if metric.paired else ():
            measure = Measure(name=f"{metric.name}{suffix}", accounting=accounting, subset=OVERALL, average=average)
            yield from _change(pairs, measure, metric, scorer, traits)


def _averages(pairs: Sequence[Pair], scorer: Mapping[str, Any], traits: ScorerTraits) -> list[tuple[str, Average]]:
    """Return the averages over everything with the ends of their names, the one that is reported first at the head."""
    averages: list[tuple[str, Average]] = [("", "micro")]
    if any(_subset(one, traits) for one, _ in pairs):
        if traits.subsets == "macro":
            averages = [("", "macro")]
        elif traits.subsets == "both":
            averages = [("_macro", "macro"), ("_micro", "micro")]
            averages.sort(key=lambda each: each[1] != scorer.get("headline", "micro"))
    return averages


def _subsets(
    pairs: Sequence[Pair], accounting: Accounting, scorer: Mapping[str, Any], traits: ScorerTraits, primary: str
) -> list[Change]:
    """Return the changes of the primary metric in each subset, with p adjusted for multiple subsets."""
    metric = traits.metric(primary)
    groups = _by_subset(pairs, traits)
    if metric is None or set(groups) <= {""} or traits.subsets == "none":
        return []
    changes: list[Change] = []
    for subset, part in groups.items():
        measure = Measure(name=metric.name, accounting=accounting, subset=subset, average="micro")
        changes += _change(part, measure, metric, scorer, traits)
    adjusted = holm([change.p for change in changes])
    return [replace(change, p_adjusted=p) for change, p in zip(changes, adjusted, strict=True)]


def _by_subset(pairs: Sequence[Pair], traits: ScorerTraits) -> dict[str, list[Pair]]:
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(_subset(pair[0], traits), []).append(pair)
    return groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The primary metric of two systems on the same samples, in `strict`."""

    change: Change
    columns: Columns
    """The values that it was computed from."""


def in_primary(pairs: Sequence[Pair], scorer: Mapping[str, Any], primary: str) -> dict[str, Paired]:
    """Return the primary metric of two systems over everything (OVERALL), and in each subset where there are some."""
    traits = traits_of(scorer)
    metric = traits.metric(primary)
    if metric is None:
        return {}
    suffix, average = _averages(pairs, scorer, traits)[0]
    groups = {} if traits.subsets == "none" else _by_subset(pairs, traits)
    wanted: list[tuple[str, str, Average, Sequence[Pair]]] = [(OVERALL, suffix, average, pairs)]
    wanted += [(subset, "", "micro", part) for subset, part in groups.items() if subset]
    found = {}
    for subset, end, how, part in wanted:
        measure = Measure(name=f"{metric.name}{end}", accounting="strict", subset=subset, average=how)
        if (columns := _columns(part, measure, metric, scorer, traits)) is not None:
            found[subset] = Paired(change=change_of(measure, metric, columns), columns=columns)
    return found


def _change(
    pairs: Sequence[Pair], measure: Measure, metric: MetricTraits, scorer: Mapping[str, Any], traits: ScorerTraits
) -> Iterator[Change]:
    columns = _columns(pairs, measure, metric, scorer, traits)
    if columns is not None:
        yield change_of(measure, metric, columns)


def _columns(
    pairs: Sequence[Pair], measure: Measure, metric: MetricTraits, scorer: Mapping[str, Any], traits: ScorerTraits
) -> Columns | None:
    """Return the values that a measure is computed from; None where no sample counts."""
    counted = _counted(pairs, measure.accounting, metric, scorer)
    if not counted:
        return None
    sides = (
        [[_value(pair[side], measure.accounting, name, metric) for name in metric.values] for pair in counted]
        for side in (0, 1)
    )
    first, second = (np.array(rows) for rows in sides)
    return Columns(
        first=first,
        second=second,
        clusters=[video_of(one) for one, _ in counted],
        strata=[_subset(one, traits) if measure.average == "macro" else "" for one, _ in counted],
    )


def _counted(
    pairs: Sequence[Pair], accounting: Accounting, metric: MetricTraits, scorer: Mapping[str, Any]
) -> list[Pair]:
    if metric.grouped:  # a group's value may stand at another of its samples on the other side
        first, second = (
            {video_of(one): one for one in scores if metric.of_group(one.values, accounting) is not None}
            for scores in ([pair[side] for pair in pairs] for side in (0, 1))
        )
        return [(one, second[group]) for group, one in first.items() if group in second]
    if accounting == "strict":
        return list(pairs)
    counted = [pair for pair in pairs if all(name in score.values for score in pair for name in metric.values)]
    if not scorer.get("whole_videos"):
        return counted
    # As in the scorer: a missing answer excludes its video's other questions too.
    broken = {video_of(pair[0]) for pair in pairs if any(score.status != "scored" for score in pair)}
    return [pair for pair in counted if video_of(pair[0]) not in broken]


def _value(score: Score, accounting: Accounting, name: str, metric: MetricTraits) -> float:
    if metric.grouped:
        return metric.of_group(score.values, accounting) or 0.0
    # A caption has values even where the model failed: those of upstream's placeholder for a failure.
    if accounting == "strict" and score.status == "model_failed" and name not in metric.kept:
        return 0.0
    return score.values.get(name, 0.0)


def _subset(score: Score, traits: ScorerTraits) -> str:
    return traits.renamed.get(score.subset, score.subset)


def _of_samples(primary: str, traits: ScorerTraits) -> MetricTraits:
    """Return the metric by which single samples turned: the primary one, unless it is over groups of them."""
    metric = traits.metric(primary) or MetricTraits(name=primary)
    return traits.own if metric.grouped else metric


def _turned(pairs: Sequence[Pair], first: ScoredRun, second: ScoredRun, metric: MetricTraits) -> list[Turned]:
    found = []
    for one, two in pairs:
        values = [sum(_value(score, "strict", name, metric) for name in metric.values) for score in (one, two)]
        if values[0] != values[1]:
            turned = Turned(
                id=one.id,
                target=one.target,
                first=values[0],
                second=values[1],
                first_output=first.outputs.get(one.id, one.answer),
                second_output=second.outputs.get(two.id, two.answer),
            )
            found.append(turned)
    return sorted(found, key=lambda each: -abs(each.second - each.first))
