"""Values beside a score that say what it depends on; none of them is a metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """A value that says what a score depends on."""

    name: str
    """The value's name, in words."""
    value: float | None
    """Unscaled; None where it is undefined."""
    unit: Literal["percent", "points"]
    """`percent`: shown times 100, with one digit. `points`: shown as it is, with two."""
    interval: tuple[float, float] | None = None
    """The 95% interval over source videos, where it is computed."""
