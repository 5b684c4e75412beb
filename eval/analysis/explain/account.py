"""Splits a gap into the part that another way of scoring accounts for and the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.analysis.explain.parts import Part, could_explain
from eval.analysis.explain.ways import CONVENTIONS, ScoringVariant, find

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One changed choice on the way from the run's number to another one."""

    convention: str
    """The choice that changes."""
    before: str
    """Its value in the run."""
    after: str
    """Its new value."""
    move: float
    """The resulting change of the number, after the steps before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A way to score that a named project or paper uses."""

    name: str
    """The name."""
    way: ScoringVariant
    """The number that it gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The gap between a number and another one; `explained` and `unexplained` add up to it."""

    gap: float
    """The other number minus the run's."""
    best: ScoringVariant
    """The way of scoring that comes closest to the other number, with as few changes as that takes."""
    steps: tuple[Step, ...]
    """The changed choices; their moves add up to `explained`, and each depends on those before it."""
    explained: float
    """The closest number minus the run's."""
    unexplained: float
    """The other number minus the closest."""
    tried: int
    """Number of ways to score that were tried, the run's own included."""
    distinct: int
    """Number of different numbers among them."""
    by_chance: float | None
    """Share of all numbers no farther from the run's than the other one that some way meets as closely as the best did;
    None without a gap. Where it is large, a match is what many tries give, and no evidence."""
    beyond_interval: float | None
    """Distance of the other number from the closest number's 95% interval, 0 inside; None without an interval."""
    beyond_rounding: float
    """Distance of the other number from the closest, beyond the rounding of its own digits."""


def account_of(base: ScoringVariant, ways: Sequence[ScoringVariant], value: float, rounding: float) -> Account:
    """Return the account of a gap.

    Args:
        base: The run's own way.
        ways: All ways.
        value: The other number.
        rounding: Largest rounding error of its digits.
    """

    def distance(way: ScoringVariant) -> tuple[float, int]:
        # Numbers that differ only by rounding are equal: then fewer changes win.
        return round(abs(value - way.value), 12), sum(way.choices[name] != base.choices[name] for name in way.choices)

    best = min([base, *ways], key=distance)
    left = value - best.value
    return Account(
        gap=value - base.value,
        best=best,
        steps=_steps(base, best, ways),
        explained=best.value - base.value,
        unexplained=left,
        tried=len(ways),
        distinct=len(_distinct(ways)),
        by_chance=_by_chance(base, ways, abs(value - base.value), max(rounding, abs(left))),
        beyond_interval=_beyond(value, best.low, best.high),
        beyond_rounding=_beyond(value, best.value - rounding, best.value + rounding) or 0.0,
    )


def _distinct(ways: Sequence[ScoringVariant]) -> list[float]:
    """Return the different numbers of ways, in order; those that differ only by rounding are equal."""
    return sorted({round(way.value, 12) for way in ways})


def _by_chance(base: ScoringVariant, ways: Sequence[ScoringVariant], gap: float, near: float) -> float | None:
    """Return the share of the numbers within `gap` of the run's that lie within `near` of one of the others."""
    if gap <= _NOTHING:
        return None
    low, high = base.value - gap, base.value + gap
    met, end = 0.0, low
    for value in _distinct(ways):
        if value != round(base.value, 12):
            first, last = max(end, value - near), min(high, value + near)
            met, end = met + max(0.0, last - first), max(end, last)
    return met / (2 * gap)


def rescored(
    base: ScoringVariant, ways: Sequence[ScoringVariant], gap: float | None
) -> list[tuple[Part, ScoringVariant]]:
    """Return each choice changed alone, with the number that it gives."""
    found = []
    for name in CONVENTIONS:
        for way in ways:
            if [key for key in way.choices if way.choices[key] != base.choices[key]] != [name]:
                continue
            move = way.value - base.value
            if abs(move) < _NOTHING:
                move = 0.0  # sums in another order differ in their last digits
            part = Part(
                kind="rescored",
                name=name,
                here=base.choices[name],
                there=way.choices[name],
                low=move,
                high=move,
                explains=could_explain(move, move, gap),
            )
            found.append((part, way))
    return found


def named(
    ways: Sequence[ScoringVariant], base: ScoringVariant, conventions: Mapping[str, Mapping[str, str]]
) -> tuple[Named, ...]:
    """Return the ways that named projects or papers use; choices they leave open are as in the run."""
    found = [
        (name, find(ways, {**base.choices, **{key: value for key, value in choices.items() if key in base.choices}}))
        for name, choices in conventions.items()
    ]
    return tuple(Named(name=name, way=way) for name, way in found if way is not None)


def _steps(base: ScoringVariant, best: ScoringVariant, ways: Sequence[ScoringVariant]) -> tuple[Step, ...]:
    steps = []
    choices, value = dict(base.choices), base.value
    changed = [name for name in CONVENTIONS if name in choices and choices[name] != best.choices[name]]
    for name in changed:
        before = choices[name]
        choices[name] = best.choices[name]
        way = find(ways, choices)
        if way is None:
            continue  # No sample counts there: its move is part of the next one.
        steps.append(Step(convention=name, before=before, after=choices[name], move=way.value - value))
        value = way.value
    return tuple(steps)


def _beyond(value: float, low: float | None, high: float | None) -> float | None:
    if low is None or high is None:
        return None
    return value - high if value > high else value - low if value < low else 0.0
