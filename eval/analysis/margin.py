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

A run can pass only if there are enough samples for an equally good run to pass mostly: with a power of 80% at a true
difference of 0. With fewer samples the gate is not armed, since a pass would be luck. A fail needs no power: the larger
the loss, the more answers differ and the more samples seem to be needed, so a gate that waited for them would miss the
worst losses. Bounds are Student's with one degree of freedom less than there are videos, in a macro average one less
for each subset. Sample size: Julious, Sample sizes for clinical trials with Normal data, Statistics in Medicine 23
(2004), of non-inferiority trials, with the standard error as observed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from eval.analysis.compare.change import Change
from eval.analysis.compare.systems import Comparison, compare_systems
from eval.core import OVERALL, Accounting
from eval.errors import ConfigError, did_you_mean
from eval.runs.scored import ScoredRun
from eval.stats.clusters import share_interval, t_quantile

CONFIDENCE = 0.95
"""Confidence level of each bound."""
POWER = 0.8
"""Required probability that an equally good run passes; with less, no run passes."""

_NOTHING = 1e-12
"""Standard errors below this mean that all videos differ by the same amount."""

PassFail = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The test's result for a difference and a margin, in the metric's own unit."""

    verdict: PassFail
    low: float
    """Lower bound of the difference, one-sided."""
    high: float
    """Upper bound, one-sided."""
    armed: bool
    """Whether there are enough samples for a run to pass."""
    needed: int
    """Number of samples that the margin needs, if these are typical."""


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


def decide(
    difference: float,
    stderr: float,
    df: float,
    margin: float,
    n: int,
    *,
    alike: float | None = None,
    full: float = 1.0,
) -> Decision:
    """Return the test's result for a difference and a margin.

    Args:
        difference: New less old.
        stderr: Its clustered standard error.
        df: Degrees of freedom of the standard error.
        margin: The loss that matters, above 0.
        n: Paired samples.
        alike: Used where the difference is the same in all videos, mostly 0, so that the standard error is 0: the share
            of videos that may still differ unseen, by up to `full` either way. The bounds then shrink with 1 / n, and
            otherwise with its root.
        full: The metric's maximum.
    """
    if alike is not None:
        low, high = difference - alike * (full + difference), difference + alike * (full - difference)
        needed = ceil(n * alike * full / margin)
    else:
        reach = t_quantile(df, CONFIDENCE) * stderr
        low, high = difference - reach, difference + reach
        needed = ceil(n * ((t_quantile(df, CONFIDENCE) + t_quantile(df, POWER)) * stderr / margin) ** 2)
    armed = n >= needed
    verdict: PassFail = "inconclusive"
    if high < -margin:
        verdict = "fail"
    elif armed and low > -margin:
        verdict = "pass"
    return Decision(verdict=verdict, low=low, high=high, armed=armed, needed=needed)


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
        raise ConfigError(f"--margin {margin:g} is no loss to rule out; give percentage points, such as 1.0.")
    comparison = compare_systems(old, new, accept)
    changes = [each for each in comparison.changes if (each.subset, each.accounting) == (OVERALL, accounting)]
    if not changes:
        raise ConfigError(f"{new.folder}: under the accounting {accounting} nothing was scored in both runs.")
    named = {change.name: change for change in changes}
    # The headline may be listed under the name of its average; it comes first in either case.
    primary = new.result.primary
    change = changes[0] if metric in (None, primary) and metric not in named else named.get(metric or primary)
    if change is None:
        raise ConfigError(f"--metric {metric}: {new.benchmark} has no such metric. {did_you_mean(str(metric), named)}")
    if change.stderr is None:
        raise ConfigError(
            f"{new.folder}: {change.n} samples about {change.n_clusters} videos leave the error of {change.name} "
            "unknown. Compare runs on more videos."
        )
    scale = 1.0 if change.name.startswith("score") else 100.0
    strata = len({score.subset for score in new.scores.values()}) if change.average == "macro" else 1
    df = max(1, change.n_clusters - strata)
    alike = float(share_interval(0.0, 0.0, df, change.n_clusters)[1]) if change.stderr <= _NOTHING else None
    decision = decide(change.difference, change.stderr, df, margin / scale, change.n, alike=alike, full=change.full)
    return MarginGate(comparison=comparison, change=change, margin=margin / scale, scale=scale, decision=decision)
