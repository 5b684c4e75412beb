"""How exactly so many samples will tell a number, and which difference from another run they can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from eval.core import Sample
from eval.scorers.traits import metric_named
from eval.stats.clusters import share_interval, t_quantile
from eval.stats.expected import PAIRED_APART, error_factors, smallest_paired
from eval.stats.paired import detectable


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """The expected 95% interval of a share and the smallest differences, of 0 to 1."""

    metric: str
    assumed: float
    """The value for which it is worked out: the published one, or one half, at which the interval is widest."""
    low: float
    high: float
    """The interval if samples are independent."""
    reach: float
    """Half its width."""
    most_reach: float
    """Half its width if the answers about one video are all alike."""
    videos: int
    paired: float
    """Smallest difference that a paired comparison with another run on these samples finds, four times in five."""
    most_paired: float
    """The same if the answers about one video are all alike."""
    alone: float
    """The same for a published number of which only the value is known."""
    apart: float = PAIRED_APART
    """Share of samples that the two runs are taken to answer differently."""


def precision(
    samples: Sequence[Sample], metric: str, *, macro: bool = False, value: float | None = None
) -> Precision | None:
    """Return the precision to expect of so many samples.

    Args:
        samples: Those to be asked.
        metric: The headline.
        macro: Whether it is the mean over subsets.
        value: The value that is expected; None: one half.

    None where the metric is no mean of values from 0 to 1, whose spread is not known before, or all samples are about
    one video.
    """
    traits = metric_named(metric)
    if traits.grouped:
        samples = list({sample.cluster or sample.id: sample for sample in samples}.values())
    clusters = [sample.cluster or sample.id for sample in samples]
    videos = len(set(clusters))
    if traits.best != 1 or traits.unit != "percent" or traits.parts or videos < 2:
        return None
    assumed = min(max(0.5 if value is None else value, 0.0), 1.0)
    spread, df = sqrt(assumed * (1 - assumed)), float(videos - 1)
    alone, alike = error_factors(clusters, [sample.subset for sample in samples] if macro else None)
    low, high = (float(end) for end in share_interval(assumed, spread * alone, df, videos))
    return Precision(
        metric=metric,
        assumed=assumed,
        low=low,
        high=high,
        reach=(high - low) / 2,
        most_reach=t_quantile(df) * spread * alike,
        videos=videos,
        paired=smallest_paired(detectable(alone, df)),
        most_paired=smallest_paired(detectable(alike, df)),
        alone=detectable(sqrt(2) * spread * alone, df),
    )
