"""A gap, taken apart: what scoring in another way accounts for, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.analysis.explain.parts import Part, could_explain
from eval.analysis.explain.ways import CONVENTIONS, Way, find

_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One choice on the way from the run's number to another one."""

    convention: str
    """Which choice."""
    before: str
    """What the run has."""
    after: str
    """What is chosen instead."""
    move: float
    """By how much that moves the number, after the steps before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A way to score that somebody is known to use."""

    name: str
    """Whose it is."""
    way: Way
    """What it gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The gap between a number and another one; `explained` and `unexplained` add up to it."""

    gap: float
    """The other number minus the run's."""
    best: Way
    """Of all ways to score, the one that comes closest to the other number; with as few changes as that takes."""
    steps: tuple[Step, ...]
    """What it changes; their moves add up to `explained`, and each depends on those before it."""
    explained: float
    """The closest number minus the run's."""
    unexplained: float
    """The other number minus the closest."""
    beyond_interval: float | None
    """How far the other number lies outside the 95% interval of the closest, 0 inside; None without an interval."""
    beyond_rounding: float
    """How far it lies from the closest beyond what its own digits leave open."""


def account_of(base: Way, ways: Sequence[Way], value: float, rounding: float) -> Account:
    """Return a gap taken apart.

    Args:
        base: The run's own way.
        ways: All of them.
        value: The other number.
        rounding: By how much its digits may be off.
    """

    def distance(way: Way) -> tuple[float, int]:
        # Equal but for rounding is equal: then the fewer changes count.
        return round(abs(value - way.value), 12), sum(way.choices[name] != base.choices[name] for name in way.choices)

    best = min([base, *ways], key=distance)
    left = value - best.value
    return Account(
        gap=value - base.value,
        best=best,
        steps=_steps(base, best, ways),
        explained=best.value - base.value,
        unexplained=left,
        beyond_interval=_beyond(value, best.low, best.high),
        beyond_rounding=_beyond(value, best.value - rounding, best.value + rounding) or 0.0,
    )


def rescored(base: Way, ways: Sequence[Way], gap: float | None) -> list[tuple[Part, Way]]:
    """Return each single choice that could be another one, with the number that it gives."""
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


def named(ways: Sequence[Way], base: Way, conventions: Mapping[str, Mapping[str, str]]) -> tuple[Named, ...]:
    """Return the ways that somebody is known to use, by name; what they leave open is as in the run."""
    found = [
        (name, find(ways, {**base.choices, **{key: value for key, value in choices.items() if key in base.choices}}))
        for name, choices in conventions.items()
    ]
    return tuple(Named(name=name, way=way) for name, way in found if way is not None)


def _steps(base: Way, best: Way, ways: Sequence[Way]) -> tuple[Step, ...]:
    steps = []
    choices, value = dict(base.choices), base.value
    changed = [name for name in CONVENTIONS if name in choices and choices[name] != best.choices[name]]
    for name in changed:
        before = choices[name]
        choices[name] = best.choices[name]
        way = find(ways, choices)
        if way is None:
            continue  # Nothing counts there: its move is part of the next one.
        steps.append(Step(convention=name, before=before, after=choices[name], move=way.value - value))
        value = way.value
    return tuple(steps)


def _beyond(value: float, low: float | None, high: float | None) -> float | None:
    if low is None or high is None:
        return None
    return value - high if value > high else value - low if value < low else 0.0
