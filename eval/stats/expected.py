"""The standard error to expect before anything is measured, from the number of samples and of source videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import sqrt

PAIRED_APART = 0.2
"""Share of the samples that two models are taken to answer differently: one right, the other wrong."""


def error_factors(clusters: Sequence[Hashable], strata: Sequence[Hashable] | None = None) -> tuple[float, float]:
    """Return by what the spread of single answers is multiplied to give the standard error of their mean.

    The first number is for answers that are independent, the second for answers about one video that are all alike;
    the truth lies between. With weights w that add up to 1 they are the root of the sum of w^2 over samples, and over
    videos, each with the sum of its weights. In a mean over strata, a sample's weight is 1 over the number of strata
    and over the size of its own.

    Args:
        clusters: The source video of each sample.
        strata: The part that each belongs to, for an unweighted mean over parts; None for a mean over samples.

    Raises ValueError where there are no samples. Source: Kish, Survey sampling (1965), 8.2.
    """
    if not clusters:
        raise ValueError("no samples")
    parts = list(strata) if strata is not None else [None] * len(clusters)
    sizes = Counter(parts)
    weights = [1 / (len(sizes) * sizes[part]) for part in parts]
    of_video: dict[Hashable, float] = {}
    for cluster, weight in zip(clusters, weights, strict=True):
        of_video[cluster] = of_video.get(cluster, 0.0) + weight
    return sqrt(sum(weight**2 for weight in weights)), sqrt(sum(weight**2 for weight in of_video.values()))


def smallest_paired(stderr_of_one: float, apart: float = PAIRED_APART) -> float:
    """Return the smallest difference of two models that so many samples show, given that of answers that spread by 1.

    Two answers to a sample differ by 1 or by nothing, so that their differences spread by the root of the share that
    differs, at the most. A difference above `apart` needs as large a share of samples that differ.

    Args:
        stderr_of_one: The smallest difference that would show if each sample's spread were 1.
        apart: Share of the samples that the two are taken to answer differently.
    """
    found = stderr_of_one * sqrt(apart)
    return found if found <= apart else stderr_of_one**2
