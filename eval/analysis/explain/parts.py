"""What could make a number differ, each with its size as far as that can be known.

`rescored` is exact: the same predictions, scored so. `bounded` lies between two ends whatever is true. `unknown` can't
be told from predictions. None of them is a cause: it says how much could be explained, and not that it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["rescored", "bounded", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that could differ."""

    kind: Kind
    """How well its size is known."""
    name: str
    """What it is."""
    here: str
    """How it is in the run."""
    there: str
    """How it is, or could be, for the other number."""
    low: float | None = None
    """The least by which it moves the run's number, downwards below 0; None where that is unknown."""
    high: float | None = None
    """The most; the same as `low` where it is exact."""
    explains: float | None = None
    """The most of the gap that it could explain, with the gap's sign; None where that is unknown or no gap is given."""
    note: str = ""
    """What is known beyond that."""


def could_explain(low: float | None, high: float | None, gap: float | None) -> float | None:
    """Return the most of a gap that a move between two ends could explain; what moves away explains nothing."""
    if low is None or high is None or gap is None:
        return None
    return min(gap, max(0.0, high)) if gap >= 0 else max(gap, min(0.0, low))
