"""Assembles the explanation: a number, all possible reasons for its difference from another one, and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose

from eval.analysis.explain.account import Account, Named, account_of, named, rescored
from eval.analysis.explain.bounds import Bounded, bounds
from eval.analysis.explain.parts import Part
from eval.analysis.explain.recorded_differences import circumstances
from eval.analysis.explain.target import Target
from eval.analysis.explain.ways import ACCOUNTING, MetricKey, ScoringVariant, VariantScores, find, number_of, ways_of
from eval.core import OVERALL, Metric, Prediction, Result, Sample
from eval.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainInputs:
    """The inputs of an explanation."""

    place: str
    """The folder or bundle, for messages."""
    result: Result
    """The result: what was scored, and with which settings."""
    is_builtin: bool
    """Whether it is of the built-in world."""
    marked: Sequence[VariantScores]
    """The run's scores under each choice that affects single samples."""
    choices: Mapping[str, str]
    """The run's choices; the accounting is `strict`."""
    conventions: Mapping[str, Mapping[str, str]]
    """Named ways to score, by name."""
    predictions: Sequence[Prediction]
    """The scored predictions."""
    population: Sequence[Sample] | None
    """All samples of the split, where they are available."""
    size: int | None
    """Number of samples in the published split; None where that means nothing."""
    notes: Sequence[str] = ()
    """Notes found on the way, one line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsetNumber:
    """A subset's number in the run."""

    subset: str
    value: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Possible reasons why a number differs from another one; each states how much it could explain."""

    place: str
    """The folder or bundle of the number."""
    benchmark: str
    """Name of the benchmark."""
    model: str
    """Name of the model."""
    judge: str | None
    """The judge, where there is one."""
    is_builtin: bool
    """Whether it is of the built-in world, whose numbers are comparable with nothing else."""
    metric: str
    """The metric of the number."""
    subset: str
    """The subset of the number."""
    number: ScoringVariant
    """The run's number: its own conventions, and the accounting `strict`."""
    recorded: float | None
    """The number in the stored result; it differs from `number` where this version scores otherwise."""
    target: Target | None
    """The other number, where there is one."""
    rescored: tuple[tuple[Part, ScoringVariant], ...]
    """Each choice changed alone; exact."""
    others: tuple[Part, ...]
    """Reasons whose size is bounded, and reasons that cannot be known from predictions."""
    named: tuple[Named, ...]
    """Ways to score that named projects or papers use."""
    ways: tuple[ScoringVariant, ...]
    """Every combination of choices."""
    account: Account | None
    """The account of the gap; None without another number."""
    subsets: tuple[SubsetNumber, ...]
    """The numbers of the subsets."""
    notes: tuple[str, ...]
    """Notes found on the way."""


def explain(material: ExplainInputs, wanted: MetricKey, target: Target | None) -> Explanation:
    """Return all possible reasons for a difference.

    Raises:
        ConfigError: nothing could be scored, so that there is no number.
    """
    result = material.result
    ways = ways_of(material.marked, wanted)
    choices = {**material.choices, ACCOUNTING: "strict"}
    base = find(ways, choices)
    fitting = (each for each in material.marked if all(choices.get(k, v) == v for k, v in each.choices.items()))
    marked = next(fitting, None)
    if base is None or marked is None:
        raise ConfigError(f"{material.place} has no value of {wanted.metric}, since nothing was scored.")
    recorded = _recorded(result.metrics, wanted, choices)
    notes = list(material.notes)
    if recorded is not None and not isclose(recorded, base.value, rel_tol=1e-9, abs_tol=1e-12):
        notes.append(f"The result there says {recorded!r}; scored again it is {base.value!r}, from which this starts.")
    gap = None if target is None else target.value - base.value
    bounded = Bounded(
        marked=marked,
        wanted=wanted,
        way=base,
        choices=choices,
        population=material.population,
        size=material.size,
        target=target,
    )
    order = [_order(marked, wanted, choices, base)]
    facts = circumstances(result, material.predictions, target, material.size)
    return Explanation(
        place=material.place,
        benchmark=result.benchmark,
        model=result.model,
        judge=f"{result.judge}, {result.protocol}" if result.judge else None,
        is_builtin=material.is_builtin,
        metric=wanted.metric,
        subset=wanted.subset,
        number=base,
        recorded=recorded,
        target=target,
        rescored=(*rescored(base, ways, gap), *order),
        others=(*bounds(bounded), *facts),
        named=named(ways, base, material.conventions),
        ways=tuple(ways),
        account=None if target is None else account_of(base, ways, target.value, target.rounding),
        subsets=_subsets(marked, wanted),
        notes=tuple(notes),
    )


def _order(
    marked: VariantScores, wanted: MetricKey, choices: Mapping[str, str], base: ScoringVariant
) -> tuple[Part, ScoringVariant]:
    """Return the effect of the order of samples: none, as reversing the order shows."""
    turned = number_of(marked.scorer, marked.scores[::-1], wanted, choices)
    assert turned is not None, "the other way round it has a value"
    assert turned.value is not None, "the other way round it has a value"
    # Sums in another order differ in their last digits.
    move = 0.0 if isclose(turned.value, base.value, rel_tol=1e-9, abs_tol=1e-12) else turned.value - base.value
    part = Part(
        kind="rescored", name="sample order", here="as in the file", there="turned round", low=move, high=move,
        explains=0.0 if not move else None,
    )  # fmt: skip
    return part, base


def _recorded(metrics: Sequence[Metric], wanted: MetricKey, choices: Mapping[str, str]) -> float | None:
    """Return a number as the stored result has it."""
    for metric in metrics:
        if (metric.name, metric.subset, metric.accounting) == (wanted.metric, wanted.subset, choices[ACCOUNTING]):
            return metric.value
    return None


def _subsets(marked: VariantScores, wanted: MetricKey) -> tuple[SubsetNumber, ...]:
    if wanted.subset != OVERALL:
        return ()
    return tuple(
        SubsetNumber(subset=metric.subset, value=metric.value, n=metric.n)
        for metric in marked.scorer.aggregate(marked.scores)
        if metric.name == wanted.metric
        and metric.accounting == "strict"
        and metric.subset != OVERALL
        and metric.value is not None
    )
