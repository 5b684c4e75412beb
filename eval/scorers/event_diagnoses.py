"""What an AutoDQ score depends on, from verdicts that are there: length, number of events, and what neutral counts for.

Precision calls an event wrong about which the reference says nothing. Where references are incomplete, some of these
are true: `precision, neutral left out` counts them neither right nor wrong, as entailed / (entailed + contradicted), of
the shares' means over sources, as F1 is of means. It rewards outputs whose events no reference could contradict, so it
stands beside precision and never in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.core import OVERALL, Diagnosis, Metric, Score
from eval.scorers.accounting import video_of
from eval.scorers.event_table import METRICS, RATES, RENAMED, f1_of, spread_over_videos
from eval.stats import clustered_mean, rank_correlation

_DECIDED = ("precision", "precision_contradiction")


def diagnoses(scores: Sequence[Score], metrics: Sequence[Metric]) -> tuple[Diagnosis, ...]:
    """Return what a score depends on, over the videos with verdicts; nothing where there are none.

    Args:
        scores: The scores of all videos.
        metrics: Their metrics.
    """
    judged = [score for score in scores if score.answer is not None and set(METRICS.values()) <= set(score.values)]
    overall = {m.name: m.value for m in metrics if (m.accounting, m.subset) == ("upstream", OVERALL)}
    if not judged:
        return ()
    return (*_events(judged), *_length(judged), *_labels(overall), _without_neutral(scores, overall))


def _events(judged: Sequence[Score]) -> list[Diagnosis]:
    """Return the mean number of events of outputs and of references."""
    found = []
    for side, noun in (("prediction", "of an output"), ("reference", "of a reference")):
        lists = [(score.detail.get("events") or {}).get(side, ()) for score in judged]
        mean = clustered_mean([len(events) for events in lists], [video_of(score) for score in judged])
        ends = None if mean.low is None or mean.high is None else (max(0.0, mean.low), mean.high)
        found.append(Diagnosis(name=f"events {noun}", value=mean.mean, unit="points", interval=ends))
    return found


def _length(judged: Sequence[Score]) -> list[Diagnosis]:
    """Return the rank correlation of an output's words with each of its video's scores."""
    words = [len((score.answer or "").split()) for score in judged]
    values = np.array([[score.values[name] for name in METRICS.values()] for score in judged])
    named = {**dict(zip(METRICS.values(), values.T, strict=True)), "F1": f1_of(values)}
    videos, sources = [video_of(score) for score in judged], [_source(score) for score in judged]
    found = []
    for name in ("precision", "recall", "F1"):
        value, ends = rank_correlation(words, named[name], videos, sources)
        found.append(Diagnosis(name=f"length and {name}, rank correlation", value=value, unit="points", interval=ends))
    return found


def _labels(overall: dict[str, float | None]) -> list[Diagnosis]:
    """Return the shares of neutral and of contradicted events, which are metrics too, by what they lower."""
    return [Diagnosis(name=rate.replace("_", ", "), value=overall.get(rate), unit="percent") for rate in RATES]


def _without_neutral(scores: Sequence[Score], overall: dict[str, float | None]) -> Diagnosis:
    """Return precision over the events that are entailed or contradicted."""
    right, wrong = (overall.get(name) for name in _DECIDED)
    name = "precision, neutral left out"
    if right is None or wrong is None or right + wrong <= 0:
        return Diagnosis(name=name, value=None, unit="percent")
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(_source(score), []).append(score)
    spread = spread_over_videos(list(groups.values()), "upstream", _DECIDED, _share)
    ends = None if spread is None else (spread.low, spread.high)
    return Diagnosis(name=name, value=right / (right + wrong), unit="percent", interval=ends)


def _share(means: NDArray[Any]) -> NDArray[Any]:
    """Return the share of the first of two means in both, (..., 2) to (...); NaN where both are 0."""
    total = means.sum(axis=-1)
    found: NDArray[Any] = np.where(total > 0, means[..., 0], np.nan) / np.where(total > 0, total, 1)
    return found


def _source(score: Score) -> str:
    return RENAMED.get(score.subset, score.subset)
