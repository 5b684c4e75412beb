"""The table of DREAM-1K from the events of each description: recall, precision and F1, by source and kind of video.

Overall recall and precision are the unweighted means over sources, and F1 is that of the means, never a mean of F1s.
Source: evaluation/metrics/evaluate_dream_gpt.py of github.com/bytedance/tarsier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.core import OVERALL, Accounting, Metric, Score
from eval.judges.protocol import Side
from eval.scorers.accounting import has_value, over_samples, over_subsets, video_of
from eval.stats import Bootstrap, cluster_bootstrap

SOURCES = ("movie_animation", "movie_live_action", "shorts", "stock", "youtube")
"""Sources of DREAM-1K's videos."""
RENAMED = {"vertical_video": "shorts", "videvo": "stock"}
"""Names of two sources on branch `tarsier2`, with the names used here."""

BUCKETS = (
    ("n_subjects<=1", "n_subjects", -inf, 1),
    ("n_subjects=2", "n_subjects", 2, 2),
    ("n_subjects=3", "n_subjects", 3, 3),
    ("n_subjects>=4", "n_subjects", 4, inf),
    ("n_shots<=1", "n_shots", -inf, 1),
    ("n_shots=2", "n_shots", 2, 2),
    ("n_shots=3", "n_shots", 3, 3),
    ("n_shots>=4", "n_shots", 4, inf),
    ("n_events<=3", "n_events", -inf, 3),
    ("n_events=4-5", "n_events", 4, 5),
    ("n_events=6-7", "n_events", 6, 7),
    ("n_events>=8", "n_events", 8, inf),
)
"""Kinds of video: name, count, minimum and maximum of the count."""

METRICS: dict[Side, str] = {"reference": "recall", "prediction": "precision"}
"""The metric that the events of each side determine."""
RATES = ("recall_neutral", "recall_contradiction", "precision_neutral", "precision_contradiction")
"""Shares of the other labels, by side."""


def event_table(scores: Sequence[Score], accounting: Accounting) -> list[Metric]:
    """Return every metric under one accounting: overall, by source, and by kind of video.

    F1 is 0 where recall and precision are both 0, and None where one of them has no value; upstream divides by zero
    there, and prints nan.

    Args:
        scores: One score per description; its values hold the shares of labels by side, and the video's counts.
        accounting: `strict` takes a failed video's recall and precision as 0. Its labels are unknown, so the shares
            of the other labels are given under `upstream` only.
    """
    names = (*METRICS.values(), *(RATES if accounting == "upstream" else ()))

    def means(part: Sequence[Score], subset: str) -> list[Metric]:
        return [over_samples(part, accounting, name, subset) for name in names]

    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(RENAMED.get(score.subset, score.subset), []).append(score)
    known = [source for source in SOURCES if source in groups]
    groups = {source: groups[source] for source in [*known, *(name for name in groups if name not in known)]}
    sources = [_with_f1(means(part, source), [part]) for source, part in groups.items()]
    if set(groups) <= {""}:
        overall, sources = _with_f1(means(scores, OVERALL), [scores]), []
    else:
        parts = list(groups.values())
        columns = zip(*(row[1:] for row in sources), strict=True)
        overall = _with_f1([over_subsets(column, parts) for column in columns], parts)
    kinds = [
        _with_f1(means(videos, name), [videos])
        for name, key, least, most in BUCKETS
        if (videos := [score for score in scores if least <= score.values.get(key, nan) <= most])
    ]
    return [metric for row in (overall, *sources, *kinds) for metric in row]


def _with_f1(row: Sequence[Metric], groups: Sequence[Sequence[Score]]) -> list[Metric]:
    recall, precision, *_ = row
    f1 = replace(
        recall,
        name="f1",
        value=_f1(recall.value, precision.value),
        lower=_f1(recall.lower, precision.lower),
        upper=_f1(recall.upper, precision.upper),
        n_effective=None,
        stderr=None,
        interval=None,
    )
    return [_with_spread(f1, row, groups), *row]


def _with_spread(f1: Metric, row: Sequence[Metric], groups: Sequence[Sequence[Score]]) -> Metric:
    """Return F1 with its error, by resampling the videos of each source.

    Where nothing varies, all right or all wrong, resampling tells nothing; then the ends are F1 of the ends of recall's
    and precision's intervals, which contain F1 whenever both of those contain their values.
    """
    recall, precision, *_ = row
    spread = None if f1.value is None else spread_over_videos(groups, f1.accounting, tuple(METRICS.values()), f1_of)
    if spread is None:
        return f1
    ends = (spread.low, spread.high)
    if spread.stderr < 1e-9 and recall.interval is not None and precision.interval is not None:
        low, high = f1_of(np.column_stack([recall.interval, precision.interval])).tolist()
        ends = (low, high)
    return replace(f1, stderr=spread.stderr, interval=ends)


def spread_over_videos(
    groups: Sequence[Sequence[Score]],
    accounting: Accounting,
    names: Sequence[str],
    statistic: Callable[[NDArray[Any]], NDArray[Any]],
) -> Bootstrap | None:
    """Return the spread of a statistic of mean values, each the mean over sources of the means of their descriptions.

    Args:
        groups: The scores of each source, whose videos are drawn anew.
        accounting: `strict` takes a missing value as 0.
        names: The values whose means it is of.
        statistic: Its values for many means, (draws, names) to (draws,).
    """
    counted = [[s for s in group if accounting == "strict" or names[0] in s.values] for group in groups]
    counted = [group for group in counted if group]
    # The weight of a description is one over the number of sources times the number of descriptions in its source.
    weighed = [(score, 1 / len(counted) / len(group), i) for i, group in enumerate(counted) for score in group]
    videos = dict.fromkeys((video_of(score), i) for score, _, i in weighed)
    numbers = {video: number for number, video in enumerate(videos)}
    sums = np.zeros((len(videos), len(names)))
    for score, weight, i in weighed:
        sums[numbers[video_of(score), i]] += [
            weight * score.values[name] if has_value(score, name, accounting) else 0.0 for name in names
        ]
    return cluster_bootstrap(sums, statistic, strata=[i for _, i in videos])


def _f1(recall: float | None, precision: float | None) -> float | None:
    return None if recall is None or precision is None else float(f1_of(np.array([recall, precision])))


def f1_of(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return F1 of mean recall and mean precision, (..., 2) to (...); 0 where both are 0."""
    total = means.sum(axis=-1)
    found: NDArray[np.float64] = 2 * means.prod(axis=-1) / np.where(total > 0, total, 1)
    return found
