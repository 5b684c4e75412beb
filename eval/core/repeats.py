"""A judged result's repeatability: the same predictions judged several times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedValue:
    """A judged metric in several judgings of the same predictions; the first of them is the result's own."""

    name: str
    """The metric."""
    accounting: Literal["upstream", "strict"]
    """Its accounting of samples without a value."""
    subset: str
    """`overall`."""
    values: tuple[float, ...]
    """The value in each judging, unscaled."""
    mean: float
    """Their mean."""
    stdev: float
    """Their standard deviation: how far one judging differs from another."""
    stderr: float | None
    """The judge's standard error of one judging, from how far each sample's verdicts differ; None where the metric is
    no function of means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Several judgings of the same predictions."""

    wanted: int
    """Number of judgings asked for."""
    whole: int
    """Number of judgings in which every call had a reply, from the first on."""
    lacking: int
    """Number of calls without a reply in the next one, after which no other was begun."""
    temperature: float | None
    """Temperature at which the judge was asked; None: the server's own."""
    values: tuple[RepeatedValue, ...] = ()
    """The judged metrics, where at least two judgings are whole."""
