"""All ways to score the same predictions: every combination of conventions that affect a number, with its value.

A convention is a choice, such as `accounting: upstream`. Some affect single samples (how a digit is read, which judge):
for these, the samples are scored anew. The others affect how scores are aggregated, and are read from the scorer's
metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from eval.core import OVERALL, Accounting, Metric, Score, Scorer
from eval.errors import ConfigError, did_you_mean
from eval.scorers.accounting import ACCOUNTINGS
from eval.scorers.traits import all_traits

JUDGE, TOKENIZER, DIGITS, WHOLE, BASIS, AVERAGE, ACCOUNTING = (
    "judge",
    "tokenizer",
    "digits",
    "broken videos",
    "frequencies",
    "average",
    "accounting",
)
CONVENTIONS = (JUDGE, TOKENIZER, DIGITS, WHOLE, BASIS, AVERAGE, ACCOUNTING)
"""All choices, in the order in which they apply: from those for single samples to those for means."""

BASES = {metric.name: metric.basis for traits in all_traits().values() for metric in traits.metrics if metric.basis}
"""The metrics that are one metric with several sources of document frequencies, with the source of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricKey:
    """The selected metric and subset."""

    metric: str
    """The metric, without the average: `accuracy`, `f1`, `cider`."""
    subset: str
    """`overall`, or the subset's own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantScores:
    """Scores of the predictions under some choices for single samples."""

    choices: Mapping[str, str]
    """The choices for single samples."""
    scores: Sequence[Score]
    """One score a sample."""
    scorer: Scorer
    """The scorer that aggregates them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringVariant:
    """A number with the choices that it was computed under."""

    choices: Mapping[str, str]
    """The choices by convention; conventions without alternatives are left out."""
    value: float
    """Unscaled."""
    low: float | None
    """Lower end of its 95% interval over source videos; None where there is none."""
    high: float | None
    """Upper end."""
    n: int
    """Number of samples in its denominator."""
    n_invalid: int
    """Number of outputs without a valid answer among its samples."""
    n_failed: int
    """Number of samples without an output or a verdict."""


def ways_of(marked: Sequence[VariantScores], wanted: MetricKey) -> list[ScoringVariant]:
    """Return a way for each combination of choices, without the choices that all ways share.

    Ways without a value, since no sample counts in them, are left out.
    """
    found = [
        _way({**each.choices, **choices}, metric)
        for each in marked
        for choices, metric in numbers_of(each.scorer, each.scores, wanted)
        if metric.value is not None
    ]
    varied = {name for name in CONVENTIONS if len({way.choices.get(name) for way in found}) > 1}
    return [
        replace(
            way, choices={name: way.choices[name] for name in CONVENTIONS if name in varied and name in way.choices}
        )
        for way in found
    ]


def numbers_of(scorer: Scorer, scores: Sequence[Score], wanted: MetricKey) -> Iterator[tuple[dict[str, str], Metric]]:
    """Yield the selected number under each choice of aggregation."""
    metrics = scorer.aggregate(scores)
    alike = [metric.name for metric in scorer.traits.metrics if metric.basis]
    names = alike if wanted.metric in alike else [wanted.metric]
    has_subsets = len({score.subset for score in scores}) > 1
    for name in names:
        basis = {BASIS: BASES[name]} if name in BASES else {}
        for accounting in ACCOUNTINGS:
            by_average = _averages(metrics, name, wanted.subset, accounting)
            if set(by_average) == {"macro"} and wanted.subset == OVERALL and has_subsets:
                # Where a scorer gives the mean over subsets alone, the number without subsets is the mean over samples.
                flat = scorer.aggregate([replace(score, subset="") for score in scores])
                by_average |= _averages(flat, name, OVERALL, accounting)
            for average, metric in by_average.items():
                yield {**basis, AVERAGE: average, ACCOUNTING: accounting}, metric


def number_of(scorer: Scorer, scores: Sequence[Score], wanted: MetricKey, choices: Mapping[str, str]) -> Metric | None:
    """Return the selected number under these choices; None where the scorer does not give it."""
    for made, metric in numbers_of(scorer, scores, wanted):
        if all(made[name] == choices[name] for name in made if name in choices):
            return metric
    return None


def find(ways: Sequence[ScoringVariant], choices: Mapping[str, str]) -> ScoringVariant | None:
    """Return the way with these choices, ignoring conventions without alternatives; None where there is none."""
    for way in ways:
        if all(way.choices[name] == choices.get(name, way.choices[name]) for name in way.choices):
            return way
    return None


def average_of(metrics: Sequence[Metric], wanted: MetricKey, place: str) -> str:
    """Return the average behind the number in a result: over samples (`micro`) or over subsets (`macro`).

    Raises:
        ConfigError: there is no such number; the message names the nearest.
    """
    strict = [metric for metric in metrics if metric.accounting == "strict"]
    for metric in strict:
        if (metric.name, metric.subset) == (wanted.metric, wanted.subset):
            return metric.average
    known = {metric.name for metric in strict}
    if wanted.metric not in known:
        raise ConfigError(f"{place} has no metric {wanted.metric!r}. {did_you_mean(wanted.metric, known)}")
    subsets = {metric.subset for metric in strict if metric.name == wanted.metric}
    raise ConfigError(f"{place} has no subset {wanted.subset!r}. {did_you_mean(wanted.subset, subsets)}")


def _averages(metrics: Sequence[Metric], name: str, subset: str, accounting: Accounting) -> dict[str, Metric]:
    """Return a metric of a subset by its average; a single subset's is over samples."""
    names = (name, f"{name}_macro", f"{name}_micro")
    return {
        metric.average: metric
        for metric in metrics
        if metric.name in names and metric.subset == subset and metric.accounting == accounting
    }


def _way(choices: Mapping[str, str], metric: Metric) -> ScoringVariant:
    assert metric.value is not None, "ways without a value are left out"
    return ScoringVariant(
        choices=choices,
        value=metric.value,
        low=None if metric.interval is None else metric.interval[0],
        high=None if metric.interval is None else metric.interval[1],
        n=metric.n,
        n_invalid=metric.n_invalid,
        n_failed=metric.n_failed,
    )
