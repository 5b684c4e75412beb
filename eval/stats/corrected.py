"""Means of verdicts, corrected for the errors of who gave them, with an interval that carries both uncertainties.

Two ways, by what the errors were measured on:

    Rogan-Gladen         other items, of which the judge's sensitivity and specificity are known
    prediction-powered   some of the very same items, which people labelled

Sources: Rogan and Gladen, Estimating prevalence from the results of a screening test, American Journal of Epidemiology
107 (1978); Angelopoulos, Bates, Fannjiang, Jordan and Zrnic, Prediction-powered inference, Science 382 (2023).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.stats.clusters import numbered, t_quantile
from eval.stats.resampling import cluster_bootstrap

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A corrected mean of shares, cut at 0 and 1."""

    value: float
    interval: tuple[float, float] | None
    """None where it cannot be computed."""
    is_clipped: bool
    """Whether the value itself was cut."""


def informedness(counts: ArrayLike) -> Floats:
    """Return sensitivity + specificity - 1 of sums (..., 4): yes called yes, yes, no called no, no; NaN if undefined.

    It is 0 for a judge whose verdicts have nothing to do with the truth, and 1 for one without errors.
    """
    sensitivity, specificity = _rates(np.asarray(counts, dtype=float))
    return sensitivity + specificity - 1


def informedness_interval(
    counts: ArrayLike, times: Sequence[int], strata: Sequence[Hashable]
) -> tuple[float, float] | None:
    """Return the 95% interval of `informedness` over clusters.

    Args:
        counts: (kinds of cluster, 4) what a cluster counts, as above.
        times: Number of clusters with these counts.
        strata: Set of each kind of cluster.
    """
    spread = cluster_bootstrap(
        np.repeat(np.asarray(counts, dtype=float), times, axis=0),
        informedness,
        strata=np.repeat(np.asarray([str(each) for each in strata]), times).tolist(),
    )
    return None if spread is None else (spread.low, spread.high)


def rogan_gladen(
    errors: ArrayLike,
    error_strata: Sequence[Hashable],
    sums: ArrayLike,
    strata: Sequence[Hashable],
    statistic: Callable[[Floats], Floats] | None = None,
    *,
    repetitions: int = 2000,
) -> Corrected:
    """Return a mean, or a statistic of several means, corrected for a judge's errors.

    Of verdicts that say yes in a share q, a share (q + specificity - 1) / (sensitivity + specificity - 1) is yes. Both
    the clusters in which the errors were measured and those of the score are resampled, each within its strata.

    Args:
        errors: (clusters, 4) yes called yes, yes, no called no, no.
        error_strata: The set of each.
        sums: (clusters, parts, 3) of each source video and mean: weighted sum of verdicts, sum of their weights, and
            weighted sum of values that no judge gave. All weights of a mean add up to 1.
        strata: The part of the benchmark of each.
        statistic: The metric as a function of means (..., parts); None for a single mean.
        repetitions: Number of bootstrap draws.
    """
    card, score = np.asarray(errors, dtype=float), np.asarray(sums, dtype=float)
    n_parts = score.shape[1]
    rows = np.zeros((len(card) + len(score), 4 + 3 * n_parts))
    rows[: len(card), :4] = card
    rows[len(card) :, 4:] = score.reshape(len(score), -1)
    whole = [("errors", each) for each in error_strata] + [("score", each) for each in strata]

    def value(drawn: Floats) -> Floats:
        sensitivity, specificity = _rates(drawn[..., :4])
        gain = sensitivity + specificity - 1
        gain = np.where(gain > 0, gain, np.nan)[..., None]
        parts = drawn[..., 4:].reshape(*drawn.shape[:-1], n_parts, 3)
        said, weight, known = parts[..., 0], parts[..., 1], parts[..., 2]
        means = (said + (specificity[..., None] - 1) * weight) / gain + known
        return means[..., 0] if statistic is None else statistic(np.clip(means, 0, 1))

    found = float(value(rows.sum(axis=0)))
    spread = cluster_bootstrap(rows, value, strata=whole, repetitions=repetitions)
    return _cut(found, None if spread is None else (spread.low, spread.high))


def prediction_powered(
    verdicts: ArrayLike, clusters: Sequence[Hashable], labelled: ArrayLike, labels: ArrayLike
) -> Corrected:
    """Return the mean of the true labels of all samples, of which some were labelled.

    It is the mean of all verdicts, plus the mean difference of label and verdict of the labelled samples, which have to
    be a random part. Each cluster moves it by the sum of its residuals in both, so that what they share is counted.

    Args:
        verdicts: The judge's, 0 or 1, of all samples.
        clusters: The source video of each.
        labelled: Positions of the labelled samples.
        labels: People's labels of these, 0 or 1.
    """
    said, at = np.asarray(verdicts, dtype=float), np.asarray(labelled, dtype=np.intp)
    rectifier = np.asarray(labels, dtype=float) - said[at]
    cluster_of, n_clusters = numbered(clusters)
    moved = np.bincount(cluster_of, weights=said - said.mean(), minlength=n_clusters) / len(said)
    moved += np.bincount(cluster_of[at], weights=rectifier - rectifier.mean(), minlength=n_clusters) / len(at)
    found = float(said.mean() + rectifier.mean())
    of_labelled = len(np.unique(cluster_of[at]))
    if of_labelled < 2:
        return _cut(found, None)
    stderr = float(np.sqrt((moved**2).sum() * of_labelled / (of_labelled - 1)))
    reach = t_quantile(of_labelled - 1) * stderr
    return _cut(found, (found - reach, found + reach))


def _rates(counts: Floats) -> tuple[Floats, Floats]:
    """Return sensitivity and specificity of sums (..., 4); NaN where there is nothing to take a share of."""
    shares = []
    for right, whole in ((counts[..., 0], counts[..., 1]), (counts[..., 2], counts[..., 3])):
        shares.append(np.where(whole > 0, right / np.where(whole > 0, whole, 1), np.nan))
    return shares[0], shares[1]


def _cut(value: float, interval: tuple[float, float] | None) -> Corrected:
    low, high = interval if interval is not None else (value, value)
    return Corrected(
        value=min(1.0, max(0.0, value)),
        interval=None if interval is None else (min(1.0, max(0.0, low)), min(1.0, max(0.0, high))),
        is_clipped=not 0 <= value <= 1,
    )
