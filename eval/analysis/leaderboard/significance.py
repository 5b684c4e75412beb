"""Whether the best of several numbers is better than every other one, or only happens to be.

The one place that decides what a table shows in bold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot
from statistics import NormalDist

from eval.analysis.leaderboard.rows import Row

LEVEL = 0.95
"""One minus the chance of calling two equal models different."""

Differ = Callable[[Row, Row], bool | None]
"""Whether two numbers of one column differ significantly; None where nothing can be said."""


def differ_independently(first: Row, second: Row) -> bool | None:
    """Return whether two numbers differ by more than chance explains, as if they were of independent samples.

    The difference is compared with sqrt(a^2 + b^2), where a and b are how far the 95% intervals of the two reach
    towards each other. With symmetric intervals that is the z test; with others, as near 0 and 1, it keeps their form.
    Both models answered the same samples, of which some are hard for both. That makes the difference surer than its two
    parts, so that this test, which does not use it, misses differences that a paired one finds, and seldom claims one
    that is not there.

    Source: Zou and Donner, Construction of confidence limits about effect measures, Statistics in Medicine 27 (2008).
    """
    if first.value is None or second.value is None:
        return None
    upper, lower = (first, second) if first.value > second.value else (second, first)
    down, up = _reach(upper)[0], _reach(lower)[1]
    if down is None or up is None or down == up == 0:
        return None  # A spread that was not seen is not a spread of nothing.
    return abs(first.value - second.value) > hypot(down, up)


def best_of(rows: Sequence[Row], differ: Differ = differ_independently) -> Row | None:
    """Return the row of one column that is significantly better than every other one, or None where there is none.

    Incomplete rows do not take part, and the only row of its kind is not the best of anything. Neither is a published
    number, which comes without an interval. Another run of the same model does take part: a model that is better than
    itself shows how little the difference means.
    """
    taking_part = [row for row in rows if row.complete and row.value is not None and row.origin == "run"]
    if len({row.column for row in taking_part}) > 1:
        raise ValueError("numbers of different columns cannot be compared")
    if len(taking_part) < 2:
        return None
    best, *others = sorted(taking_part, key=lambda row: row.value or 0.0, reverse=True)
    # Sample by sample the second best may be surer to be worse than the third, which answers otherwise more often.
    return best if all(differ(best, other) for other in others) else None


def _reach(row: Row) -> tuple[float | None, float | None]:
    """Return how far the interval of a number reaches below and above it; None where it is unknown."""
    assert row.value is not None, "numbers alone have intervals"
    if row.low is not None and row.high is not None:
        return row.value - row.low, row.high - row.value
    if row.stderr is None:
        return None, None
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * row.stderr
    return half, half
