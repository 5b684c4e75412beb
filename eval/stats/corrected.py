"""Means of verdicts, corrected for the errors of who gave them, with an interval that carries both uncertainties.

Two ways, by what the errors were measured on:

    Rogan-Gladen         other items, of which the judge's sensitivity and specificity are known
    prediction-powered   some of the very same items, which people labelled

Each uncertain part has an interval of its own, by `share_interval`, which leaves room for errors that so few items did
not show. The reaches of the parts are added in squares, below and above apart (MOVER).

Sources: Rogan and Gladen, Estimating prevalence from the results of a screening test, American Journal of Epidemiology
107 (1978); Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Prediction-powered inference, Science 382 (2023); Zou and
Donner, Construction of confidence limits about effect measures, Statistics in Medicine 27 (2008), for MOVER.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.stats.clusters import influences, numbered, share_interval, steadiness, t_quantile

Floats = NDArray[np.float64]

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A corrected mean of shares, cut at 0 and 1."""

    value: float
    interval: tuple[float, float] | None
    """None where it cannot be computed."""
    is_clipped: bool
    """Whether the value itself was cut, or a mean that it is computed from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share over clusters, with its interval."""

    value: float
    stderr: float
    low: float
    high: float

    @property
    def below(self) -> float:
        """Distance from the lower end."""
        return self.value - self.low

    @property
    def above(self) -> float:
        """Distance from the upper end."""
        return self.high - self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """A judge's error rates on a card."""

    sensitivity: Share
    specificity: Share

    @property
    def gain(self) -> float:
        """Sensitivity + specificity - 1: 0 for verdicts unrelated to the truth, 1 for a judge without errors."""
        return self.sensitivity.value + self.specificity.value - 1

    @property
    def least_gain(self) -> float:
        """The lower end of its interval."""
        return self.gain - float(np.hypot(self.sensitivity.below, self.specificity.below))


def rates_of(counts: ArrayLike, times: Sequence[int]) -> Rates | None:
    """Return the error rates on a card; None where one of them has no interval.

    Args:
        counts: (kinds of cluster, 4) what a cluster counts: yes called yes, yes, no called no, no.
        times: Number of clusters with these counts.
    """
    rows = np.repeat(np.asarray(counts, dtype=float), times, axis=0)
    yes, no = share_of(rows[:, 0], rows[:, 1]), share_of(rows[:, 2], rows[:, 3])
    return None if yes is None or no is None else Rates(sensitivity=yes, specificity=no)


def share_of(sums: ArrayLike, sizes: ArrayLike) -> Share | None:
    """Return the share of so many of each cluster's items; None with less than two clusters that have items."""
    whole = np.asarray(sizes, dtype=float)
    there = whole > 0
    n_clusters = int(there.sum())
    if n_clusters < 2:
        return None
    part, whole = np.asarray(sums, dtype=float)[there], whole[there]
    moved = influences(part, whole)
    value, stderr = float(part.sum() / whole.sum()), float(np.sqrt((moved**2).sum()))
    low, high = share_interval(value, stderr, max(1.0, min(n_clusters - 1.0, float(steadiness(moved)))), n_clusters)
    return Share(value=value, stderr=stderr, low=float(low), high=float(high))


def rogan_gladen(
    rates: Rates,
    sums: ArrayLike,
    ends: Sequence[tuple[float, float] | None],
    own: tuple[float, float] | None,
    statistic: Callable[[Floats], Floats] | None = None,
) -> Corrected:
    """Return a mean, or a statistic of several means, corrected for a judge's errors.

    Of verdicts that say yes in a share q, a share (q + specificity - 1) / (sensitivity + specificity - 1) is yes.
    Several means are moved to their ends together, as if they depended on each other fully. The interval is at least
    as wide as the metric's own over sensitivity + specificity - 1.

    Args:
        rates: The judge's, with a gain above 0.
        sums: (parts, 3) of each mean: weighted sum of verdicts, sum of their weights, and weighted sum of values that
            no judge gave. All weights of a mean add up to 1.
        ends: The interval of each uncorrected mean.
        own: That of the uncorrected metric, where it is known.
        statistic: The metric as a function of means (..., parts); None for a single mean.
    """
    said, weight, known = np.asarray(sums, dtype=float).T
    yes, no = rates.sensitivity, rates.specificity

    def means(moved: ArrayLike, sensitivity: float, specificity: float) -> Floats:
        gain = sensitivity + specificity - 1
        judged = (said + moved - (1 - specificity) * weight) / gain if gain > 0 else np.full(len(said), np.nan)
        return np.asarray(np.where(weight > 0, judged + known, said + moved + known))

    def value(*parts: Any) -> float:
        found = means(*parts)
        return float(found[0] if statistic is None else statistic(np.clip(found, 0, 1)))

    plain = means(0, yes.value, no.value)
    found = value(0, yes.value, no.value)
    is_cut = bool(np.any(_outside(plain)))
    known_ends = [each for each in ends if each is not None]
    if len(known_ends) < len(ends):
        return _cut(found, None, is_cut=is_cut)
    below, above = (np.array([each[side] for each in known_ends]) - said - known for side in (0, 1))
    moved = [
        [value(below, yes.value, no.value), value(above, yes.value, no.value)],
        [value(0, yes.low, no.value), value(0, yes.high, no.value)],
        [value(0, yes.value, no.low), value(0, yes.value, no.high)],
    ]
    if np.isnan(moved).any():
        return _cut(found, None, is_cut=is_cut)
    reach = np.array(moved) - found
    low = found - float(np.sqrt((np.minimum(reach.min(axis=1), 0) ** 2).sum()))
    high = found + float(np.sqrt((np.maximum(reach.max(axis=1), 0) ** 2).sum()))
    least = 0.0 if own is None else (own[1] - own[0]) / (rates.gain if weight.any() else 1.0)
    return _cut(found, _at_least((low, high), found, least), is_cut=is_cut)


def refuted(rates: Rates, sums: ArrayLike, ends: tuple[float, float] | None) -> tuple[float, bool] | None:
    """Return the share called yes, and whether it is too high, where no truth gives so many by more than chance.

    A judge with these rates says yes to a share between 1 - specificity and sensitivity. None where that may be.

    Args:
        rates: The judge's.
        sums: (3,) of a mean, as in `rogan_gladen`.
        ends: The interval of the uncorrected mean.
    """
    said, weight, known = (float(each) for each in np.asarray(sums, dtype=float))
    if ends is None or not weight:
        return None
    low, high = ((end - known) / weight for end in ends)
    if low > rates.sensitivity.high:
        return said / weight, True
    return (said / weight, False) if high < 1 - rates.specificity.high else None


def prediction_powered(
    verdicts: ArrayLike, clusters: Sequence[Hashable], labelled: ArrayLike, labels: ArrayLike
) -> Corrected:
    """Return the mean of the true labels of all samples, of which some were labelled.

    It is the mean of all verdicts, plus the mean difference of label and verdict of the labelled samples, which have to
    be a random part. Each cluster moves it by the sum of its residuals in both, so that what they share is counted.
    Where few labels show few errors, the standard error of the difference is too small. What the intervals of shares
    reach beyond their standard errors is added: of yes and of both errors by the share of samples without a label, of
    the labels themselves by that of the others.

    Args:
        verdicts: The judge's, 0 or 1, of all samples.
        clusters: The source video of each.
        labelled: Positions of the labelled samples.
        labels: People's labels of these, 0 or 1.
    """
    said, at = np.asarray(verdicts, dtype=float), np.asarray(labelled, dtype=np.intp)
    truth = np.asarray(labels, dtype=float)
    rectifier = truth - said[at]
    cluster_of, n_clusters = numbered(clusters)

    def sums(values: ArrayLike, of: NDArray[np.intp]) -> Floats:
        found: Floats = np.bincount(of, weights=np.asarray(values, dtype=float), minlength=n_clusters).astype(float)
        return found

    everywhere, here = sums(np.ones(len(said)), cluster_of), sums(np.ones(len(at)), cluster_of[at])
    found = float(said.mean() + rectifier.mean())
    yes = share_of(sums(said, cluster_of), everywhere)
    false_no, false_yes, right = (
        share_of(sums(each, cluster_of[at]), here) for each in (rectifier > 0, rectifier < 0, truth)
    )
    if yes is None or false_no is None or false_yes is None or right is None:
        return _cut(found, None)
    moved = sums(said - said.mean(), cluster_of) / len(said)
    moved += sums(rectifier - rectifier.mean(), cluster_of[at]) / len(at)
    n_labelled = int((here > 0).sum())
    t = t_quantile(max(1.0, min(n_labelled - 1.0, float(steadiness(moved)))))
    plain = float((moved**2).sum()) * n_labelled / (n_labelled - 1)
    of_rectifier = float((influences(sums(rectifier, cluster_of[at])[here > 0], here[here > 0]) ** 2).sum())
    part = len(at) / len(said)

    def reach(of_yes: float, of_false_no: float, of_false_yes: float, of_right: float) -> float:
        unseen = max(0.0, of_yes**2 - t**2 * yes.stderr**2)
        unseen += max(0.0, of_false_no**2 + of_false_yes**2 - t**2 * of_rectifier)
        return float(
            np.sqrt(t**2 * plain + (1 - part) * unseen + part * max(0.0, of_right**2 - t**2 * right.stderr**2))
        )

    low = reach(yes.below, false_no.below, false_yes.above, right.below)
    high = reach(yes.above, false_no.above, false_yes.below, right.above)
    return _cut(found, (found - low, found + high))


def _at_least(ends: tuple[float, float], value: float, width: float) -> tuple[float, float]:
    """Return an interval from 0 to 1, widened on both sides of its middle where it is narrower than a width."""
    low, high = (float(np.clip(end, 0, 1)) for end in (min(ends[0], value), max(ends[1], value)))
    missing = min(1.0, width) - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
        moved = max(0.0, -low) - max(0.0, high - 1)
        low, high = low + moved, high + moved
    return low, high


def _outside(value: ArrayLike) -> NDArray[np.bool_]:
    """Return whether values lie outside 0 to 1 by more than rounding."""
    return np.abs(np.asarray(value, dtype=float) - 0.5) > 0.5 + _ROUNDING


def _cut(value: float, interval: tuple[float, float] | None, *, is_cut: bool = False) -> Corrected:
    ends = None if interval is None else tuple(float(np.clip(end, 0, 1)) for end in interval)
    return Corrected(
        value=float(np.clip(value, 0, 1)),
        interval=None if ends is None else (ends[0], ends[1]),
        is_clipped=is_cut or bool(_outside(value)),
    )
