"""What the score of a subtask needs, from how it fell under probes: motion, any video, or only text.

Four claims are tested for each subtask, each with a p that is small only where the claim holds:

    video     the score falls without video
    motion    it falls without video, with one frame, and with shuffled or reversed frames (the smaller p, doubled)
    still     it falls without video, and with one frame by less than a margin
    text      without video it falls by less than a margin, and is above chance

A claim that joins several has the largest of their p, and all claims of all subtasks are adjusted together by Holm's
method: where no claim is true, the chance that any is made is 5%. Of what is shown, motion comes before one frame, and
video before text. What is not shown is not said to be absent: then it cannot be told with so many samples.

Sources: Berger, Multiparameter hypothesis testing and acceptance sampling, Technometrics 24 (1982), for claims that
join several; Holm 1979 (`eval.stats.paired.holm`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, log, log2
from typing import Literal

from scipy.special import bdtrc

from eval.analysis.compare.change import Columns, loss_p
from eval.analysis.compare.systems import Paired
from eval.scorers.traits import metric_named
from eval.stats.clusters import t_quantile
from eval.stats.expected import error_factors
from eval.stats.paired import POWER, holm

LEVEL = 0.05
"""The chance that any claim of a report is false."""

Claim = Literal["video", "motion", "still", "text"]
Need = Literal["motion", "video", "some video", "text", "unknown"]
"""`motion`: the order of frames. `video`: any frame of it. `some video`: video, and whether more than a frame of it
cannot be told. `text`: the question alone. `unknown`: cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """What the score of a subtask needs."""

    subset: str
    """The subtask, or `overall`."""
    n: int
    """Number of samples."""
    n_clusters: int
    """Number of source videos."""
    score: float
    """The plain run's value."""
    chance: float | None
    """The expected value of a blind guess, where that is defined."""
    p: Mapping[Claim, float]
    """p of each claim, adjusted for all claims of all subtasks (Holm); without those whose probes were not run."""
    need: Need
    least_margin: float
    """The smallest loss that so many samples could rule out, which is where no answer changes."""
    least: float | None
    """The smallest loss that so many samples could mostly have shown, where something cannot be told; None where not
    even the largest."""


def claims_of(paired: Mapping[str, Paired], chance: float | None, margin: float) -> dict[Claim, float]:
    """Return p of each claim about a subtask.

    Args:
        paired: By probe, the plain run (first) and the probe (second).
        chance: The expected value of a blind guess; None where a blind guess earns nothing.
        margin: The loss below which a probe counts as no worse, in the metric's unit.
    """
    fell = {name: _fell(one) for name, one in paired.items()}
    if "no-video" not in fell:
        return {}
    blind = paired["no-video"]
    found: dict[Claim, float] = {
        "video": fell["no-video"],
        "text": max(_within(blind, margin), _above(blind, chance or 0.0)),
    }
    if "one-frame" in fell:
        found["still"] = max(fell["no-video"], _within(paired["one-frame"], margin))
        if orders := [fell[name] for name in ("shuffled", "reversed") if name in fell]:
            found["motion"] = max(fell["no-video"], fell["one-frame"], min(1.0, len(orders) * min(orders)))
    return found


def decided(
    claims: Mapping[str, Mapping[Claim, float]],
    paired: Mapping[str, Mapping[str, Paired]],
    chances: Mapping[str, float | None],
) -> list[Subtask]:
    """Return what each subtask needs, by the claims about it and by its changes under probes."""
    places = [(subset, claim) for subset, of_subset in claims.items() for claim in of_subset]
    adjusted = dict(zip(places, holm([claims[subset][claim] for subset, claim in places]), strict=True))
    found = []
    for subset, of_subset in claims.items():
        p = {claim: adjusted[subset, claim] for claim in of_subset}
        need = _need(p)
        changes = paired[subset]
        first = next(iter(changes.values())).change
        unsettled = {"unknown": ("no-video",), "some video": ("one-frame", "shuffled", "reversed")}.get(need, ())
        losses = [_least(changes[name], len(places)) for name in unsettled if name in changes]
        found.append(
            Subtask(
                subset=subset,
                n=first.n,
                n_clusters=first.n_clusters,
                score=first.first,
                chance=chances.get(subset),
                p=p,
                need=need,
                least_margin=min(1.0, -log(LEVEL / len(places)) / first.n_clusters) * first.full,
                least=None if not losses or None in losses else max(loss for loss in losses if loss is not None),
            )
        )
    return found


def _need(p: Mapping[Claim, float]) -> Need:
    shown = {claim for claim, value in p.items() if value < LEVEL}
    if "motion" in shown:
        return "motion"
    if "still" in shown:
        return "video"
    if "video" in shown:
        return "some video"
    return "text" if "text" in shown else "unknown"


def _fell(one: Paired) -> float:
    """Return the one-sided p of a fall: half of the two-sided one where the value fell."""
    return one.change.p / 2 if one.change.difference < 0 else 1 - one.change.p / 2


def _within(one: Paired, margin: float) -> float:
    found = loss_p(one.change, one.columns, margin, of_mean=metric_named(one.change.name).statistic is None)
    # No surer than if no answer had changed, of as many videos as these are worth.
    return float(max(found, (1 - min(1.0, margin / one.change.full)) ** effective_videos(one.columns)))


def _above(one: Paired, chance: float) -> float:
    """Return the p of a value this far above chance: the binomial tail, as if a video's answers were one."""
    change, n = one.change, floor(effective_videos(one.columns) + 1e-9)
    right = floor(change.second / change.full * n + 1e-9)
    return float(bdtrc(right - 1, n, chance / change.full)) if right else 1.0


def effective_videos(columns: Columns) -> float:
    """Return the number of videos of equal weight that are worth as much as these, if a video's answers are alike.

    With weights w of the videos that add up to 1 it is 1 / sum of w^2. In a mean over strata, a sample's weight is 1
    over the number of strata and over the size of its own. Source: Kish, Survey sampling (1965), 8.2.
    """
    return 1 / error_factors(columns.clusters, columns.strata)[1] ** 2


def _least(one: Paired, n_claims: int) -> float | None:
    """Return the smallest loss that would mostly be shown at this size, among so many claims; None above the range."""
    change, level = one.change, LEVEL / n_claims
    # Where only losses count, k videos that all lose have a p of 2^-k.
    least = ceil(-log2(level)) / change.n_clusters * change.full
    if change.stderr and change.df:
        least = max(least, (t_quantile(change.df, 1 - level) + t_quantile(change.df, POWER)) * change.stderr)
    return least if least <= change.full else None
