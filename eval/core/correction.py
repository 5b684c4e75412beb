"""Judged metrics corrected for the judge's errors: values beside the metrics, and what they were corrected by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedValue:
    """A judged metric, corrected for the judge's errors, which never replaces the metric itself."""

    name: str
    """The metric."""
    accounting: Literal["upstream", "strict"]
    """Its accounting of samples without a value."""
    subset: str
    """`overall`."""
    value: float
    """Unscaled, cut at 0 and 1."""
    interval: tuple[float, float] | None
    """The 95% interval over the card's clusters and the source videos; None where it cannot be computed."""
    clipped: bool
    """Whether the value lay outside 0 to 1, and was cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The judged metrics of a result, corrected by a judge card."""

    card: str
    """The card's file."""
    card_date: str
    """When it was written."""
    method: Literal["rogan-gladen", "prediction-powered"]
    """By error rates on other items; or by labels of a part of these very samples."""
    kind: str
    """Kind of the card's items."""
    sets: tuple[str, ...]
    """Their sets."""
    n_items: int
    """Number of items with a verdict."""
    sensitivity: float
    """Share of the items that people labelled yes which the judge calls yes."""
    specificity: float
    """Share of those labelled no which it calls no."""
    refused: str | None = None
    """The reason why nothing is corrected, where the judge proved to be another one than the card's."""
    values: tuple[CorrectedValue, ...] = ()
    """The corrected metrics."""
