"""Non-inferiority test: whether a run is worse than another by more than a margin, or that cannot be decided.

Two runs never score the same. A test for any difference fails on a harmless one when there are many samples, and passes
a bad one when there are few. So the user names the loss that would matter, the margin, and the interval of the
difference (new less old, paired by sample, over source videos) is compared with it:

    pass           its lower bound is above -margin: a loss as large as that is ruled out
    fail           its upper bound is below -margin: a loss of more than that is shown
    inconclusive   anything else, also where the new run is shown to be worse than 0, but not by how much

Both bounds are one-sided ones of 95%: of runs that lose exactly the margin, 5% pass and 5% fail. These are the cases of
the CONSORT statement for such trials: Piaggio, Elbourne, Pocock, Evans and Altman, Reporting of noninferiority and
equivalence randomized trials, JAMA 308 (2012); fail is what it calls inferior. Failing every run that is worse than 0
would be a gate of margin 0, which fails more often the more samples there are, for losses that the margin declares
irrelevant.

The bounds alone decide. Beside them stands how many samples the margin needs, as advice: with that many an equally good
run passes with a power of 80%. Sample size: Julious, Sample sizes for clinical trials with Normal data, Statistics in
Medicine 23 (2004), of non-inferiority trials, with the standard error as observed. Where few videos differ, their
bounds are exact ones, and the size is at least that at which a run without any difference passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import Literal

from eval.analysis.compare.change import Change
from eval.analysis.compare.systems import Comparison, compare_systems
from eval.core import OVERALL, Accounting
from eval.errors import ConfigError, did_you_mean
from eval.runs.scored import ScoredRun
from eval.scorers.traits import metric_named
from eval.stats.clusters import t_quantile

CONFIDENCE = 0.95
"""Confidence level of each bound."""
POWER = 0.8
"""Probability that an equally good run passes, with the number of samples that is advised."""

PassFail = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The test's result for a difference and a margin, in the metric's own unit."""

    verdict: PassFail
    low: float
    """Lower bound of the difference, one-sided."""
    high: float
    """Upper bound, one-sided."""
    needed: int
    """Number of samples with which an equally good run would mostly pass, if these are typical."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginGate:
    """One metric of a new run compared with that of an old one."""

    comparison: Comparison
    """The comparison of the old run (first) with the new one (second)."""
    change: Change
    """The change of the deciding metric."""
    margin: float
    """The margin in the metric's own unit: 0.01 is a percentage point of accuracy."""
    scale: float
    """Factor by which tables multiply the metric."""
    decision: Decision


def decide(change: Change, bounds: tuple[float, float], margin: float) -> Decision:
    """Return the test's result for a change, its one-sided bounds, and the loss that matters, above 0."""
    low, high = bounds
    verdict: PassFail = "fail" if high < -margin else "pass" if low > -margin else "inconclusive"
    needed = change.n * _unseen(change) / margin
    if change.stderr and change.df:
        spread = (t_quantile(change.df, CONFIDENCE) + t_quantile(change.df, POWER)) * change.stderr
        needed = max(needed, change.n * (spread / margin) ** 2)
    return Decision(verdict=verdict, low=low, high=high, needed=ceil(needed))


def _unseen(change: Change) -> float:
    """Return the lower bound's distance from 0 where no video differs: three videos' worth, at 95%."""
    return -log(1 - CONFIDENCE) * change.full / change.n_clusters


def margin_gate(
    new: ScoredRun,
    old: ScoredRun,
    *,
    margin: float,
    metric: str | None = None,
    accounting: Accounting = "strict",
    accept: Sequence[str] = (),
) -> MarginGate:
    """Return the gate's result: whether a new run stays within a margin of an old one.

    Args:
        new: The run to test.
        old: The run to compare it with.
        margin: Percentage points; of a judge's score from 0 to 5, points.
        metric: The deciding metric; None for the benchmark's primary one.
        accounting: How samples without a value count.
        accept: Fields in which the runs may differ, as `compare` takes them.

    Raises:
        ConfigError: the runs cannot be compared, which the message explains; there is no such metric; the margin is not
            above 0; or all samples are about one video, so that there is no interval.
    """
    if not 0 < margin < 100:
        raise ConfigError(f"--margin {margin:g} is not a loss to rule out; give percentage points, such as 1.0.")
    comparison = compare_systems(old, new, accept)
    changes = [each for each in comparison.changes if (each.subset, each.accounting) == (OVERALL, accounting)]
    if not changes:
        raise ConfigError(f"{new.folder}: under the accounting {accounting} nothing was scored in both runs.")
    named = {change.name: change for change in changes}
    wanted = metric or new.result.primary
    # The headline may be listed under the names of its averages, of which that which is reported comes first.
    averages = (f"{wanted}_macro", f"{wanted}_micro") if wanted == new.result.primary else ()
    change = named.get(wanted) or next((each for each in changes if each.name in averages), None)
    if change is None and wanted == new.result.primary:
        raise ConfigError(f"{wanted} has no value under the accounting {accounting} in both runs; name a --metric.")
    if change is None:
        raise ConfigError(f"--metric {metric}: {new.benchmark} has no such metric. {did_you_mean(str(metric), named)}")
    if change.bounds is None:
        there, more = f"{change.n} samples about {change.n_clusters} videos leave", "videos"
        if metric_named(change.name).grouped:
            there = f"{change.n} groups of questions leave" if change.n > 1 else "1 group of questions leaves"
            more = "groups"
        raise ConfigError(f"{new.folder}: {there} the error of {change.name} unknown. Compare runs on more {more}.")
    scale = metric_named(change.name).scale
    decision = decide(change, change.bounds, margin / scale)
    return MarginGate(comparison=comparison, change=change, margin=margin / scale, scale=scale, decision=decision)
