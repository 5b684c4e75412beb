"""Whether two rows differ, by the paired test on their runs where both are available."""

from __future__ import annotations

from functools import cache
from math import isclose
from pathlib import Path

from eval.analysis.compare.change import Change
from eval.analysis.compare.systems import compare_systems
from eval.analysis.leaderboard.rows import TableRow
from eval.analysis.leaderboard.significance import LEVEL, Differ, differ_independently
from eval.errors import TarsierEvalError
from eval.files import absolute
from eval.runs.scored import ScoredRun


def differ_by_runs(table: Path) -> Differ:
    """Return a test for rows of a table: paired where both run folders exist, otherwise independent."""

    @cache
    def changes(first: str, second: str) -> tuple[Change, ...]:
        try:
            folders = [absolute(table.parent / name) for name in (first, second)]
            if not all(folder.is_dir() for folder in folders):
                return ()
            return compare_systems(ScoredRun.read(folders[0]), ScoredRun.read(folders[1])).changes
        except TarsierEvalError:
            return ()  # gone, changed, or not to be compared pair by pair: the numbers themselves still can be

    @cache
    def differ(first: TableRow, second: TableRow) -> bool | None:
        found = next(
            (each for each in changes(first.provenance, second.provenance) if _is_of(each, first, second)), None
        )
        return differ_independently(first, second) if found is None else found.p < 1 - LEVEL

    return differ


def _is_of(change: Change, first: TableRow, second: TableRow) -> bool:
    """Whether a change is between these two numbers; a headline may also be listed as one of the averages."""
    if (change.accounting, change.subset) != (first.accounting, first.subset) or None in (first.value, second.value):
        return False
    named = change.name == first.metric or change.name in (f"{first.metric}_macro", f"{first.metric}_micro")
    # The samples with a value from both; under the accounting `upstream` these need not be the rows' samples.
    return named and isclose(change.first, first.value or 0) and isclose(change.second, second.value or 0)
