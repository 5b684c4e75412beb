"""Compares two systems benchmark by benchmark: the runs of several benchmarks in one folder with those in another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.analysis.compare.systems import Comparison, compare_systems
from eval.errors import ConfigError
from eval.runs.scored import ScoredRun, by_benchmark
from eval.stats.paired import holm


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparisons:
    """Two systems on several benchmarks."""

    comparisons: tuple[Comparison, ...]
    """One for each benchmark of both, in the first's order."""
    first_only: tuple[str, ...]
    """Benchmarks that only the first has."""
    second_only: tuple[str, ...]
    """Benchmarks that only the second has."""
    p_adjusted: tuple[float | None, ...]
    """p of each benchmark's primary metric in strict, adjusted for several benchmarks (Holm)."""


def compare_several(first: Sequence[ScoredRun], second: Sequence[ScoredRun], accept: Sequence[str] = ()) -> Comparisons:
    """Return the differences between two systems on each benchmark of both.

    Raises ConfigError where no benchmark is of both, a system has two runs of one, or two runs can't be compared.
    """
    for runs in (first, second):
        by_benchmark((run.benchmark, run.folder) for run in runs)
    one, other = ({run.benchmark: run for run in runs} for runs in (first, second))
    both = [name for name in one if name in other]
    if not both:
        raise ConfigError(
            f"benchmark: the first has runs of {', '.join(one)}, the second of {', '.join(other)}, and none of both. "
            "Give runs of the same benchmarks."
        )
    comparisons = tuple(compare_systems(one[name], other[name], accept) for name in both)
    adjusted = iter(holm([each.headline.p for each in comparisons if each.headline]))
    return Comparisons(
        comparisons=comparisons,
        p_adjusted=tuple(next(adjusted) if each.headline else None for each in comparisons),
        first_only=tuple(name for name in one if name not in other),
        second_only=tuple(name for name in other if name not in one),
    )
