"""Possible reasons for a difference between two numbers, each with its size as far as it can be known.

`rescored` is exact: the same predictions, scored that way. `bounded` always lies between two ends. `unknown` cannot be
derived from predictions. None of them is a proven cause: a part states how much it could explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PartKind = Literal["rescored", "bounded", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One possible reason for a difference."""

    kind: PartKind
    """Whether its size is exact, bounded or unknown."""
    name: str
    """The reason's name."""
    here: str
    """Its value in the run."""
    there: str
    """Its value, or possible value, for the other number."""
    low: float | None = None
    """The smallest change of the run's number, negative if downwards; None where unknown."""
    high: float | None = None
    """The largest change; the same as `low` where it is exact."""
    explains: float | None = None
    """The most of the gap that it could explain, with the gap's sign; None where that is unknown or no gap is given."""
    note: str = ""
    """Further information."""


def could_explain(low: float | None, high: float | None, gap: float | None) -> float | None:
    """Return the most of a gap that a change between two ends could explain; a change away from it explains nothing."""
    if low is None or high is None or gap is None:
        return None
    return min(gap, max(0.0, high)) if gap >= 0 else max(gap, min(0.0, low))
