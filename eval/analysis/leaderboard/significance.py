"""Whether the best of several numbers is significantly better than every other one.

Only this module decides which number a table shows in bold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot
from statistics import NormalDist

from eval.analysis.leaderboard.rows import TableRow

LEVEL = 0.95
"""One minus the chance of calling two equal models different."""

Differ = Callable[[TableRow, TableRow], bool | None]
"""Whether two numbers of one column differ significantly; None where that is unknown."""


def differ_independently(first: TableRow, second: TableRow) -> bool | None:
    """Return whether two numbers differ significantly, treating their samples as independent.

    The difference is compared with sqrt(a^2 + b^2), where a and b are the lengths of the two 95% intervals on the side
    of the other number. With symmetric intervals that is the z test; with asymmetric ones, as near 0 and 1, it respects
    their shape. Both models answered the same samples, of which some are hard for both. Pairing them makes the
    difference more certain, so this test, which does not pair, misses differences that a paired one finds, and seldom
    claims a false one.

    Source: Zou and Donner, Construction of confidence limits about effect measures, Statistics in Medicine 27 (2008).
    """
    if first.value is None or second.value is None:
        return None
    upper, lower = (first, second) if first.value > second.value else (second, first)
    down, up = _reach(upper)[0], _reach(lower)[1]
    if down is None or up is None or down == up == 0:
        return None  # An unknown spread is not a spread of 0.
    return abs(first.value - second.value) > hypot(down, up)


def best_of(rows: Sequence[TableRow], differ: Differ = differ_independently) -> TableRow | None:
    """Return the row of one column that is significantly better than every other one, or None where there is none.

    Incomplete rows do not take part, and a single row is never the best. Neither is a published number, which comes
    without an interval. Another run of the same model does take part: a model that is better than itself shows how
    little the difference means.
    """
    taking_part = [row for row in rows if row.complete and row.value is not None and row.origin == "run"]
    if len({row.column for row in taking_part}) > 1:
        raise ValueError("numbers of different columns cannot be compared")
    if len(taking_part) < 2:
        return None
    best, *others = sorted(taking_part, key=lambda row: row.value or 0.0, reverse=True)
    # By the paired test, the third may differ less clearly from the best than the second does, so all are tested.
    return best if all(differ(best, other) for other in others) else None


def _reach(row: TableRow) -> tuple[float | None, float | None]:
    """Return the distance of a number's interval ends below and above it; None where unknown."""
    assert row.value is not None, "numbers alone have intervals"
    if row.low is not None and row.high is not None:
        return row.value - row.low, row.high - row.value
    if row.stderr is None:
        return None, None
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * row.stderr
    return half, half
