"""Computes a row of the leaderboard again from its run or bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isclose
from pathlib import Path
from typing import Any

from eval import config as configuration
from eval.analysis.leaderboard.cells import read_csv
from eval.analysis.leaderboard.finding import opened, sha256_of
from eval.analysis.leaderboard.gathering import TABLE
from eval.analysis.leaderboard.reading import rows_of
from eval.analysis.leaderboard.rows import ADDED, COLUMNS, TableRow
from eval.analysis.leaderboard.table import find_row
from eval.core import Score
from eval.errors import ConfigError, TarsierEvalError
from eval.files import absolute
from eval.readers.rows import read_jsonl
from eval.running.request import Place
from eval.running.rescore import rescore
from eval.runs.folder import SCORES

_ADDRESS = ("provenance", "bundle_sha256", "date")
"""Fields of a row that depend on where and when it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A row that was computed again."""

    row: TableRow
    """The row."""
    place: Path
    """The run folder or bundle that it was computed from."""
    difference: str | None
    """The first difference; None where it is equal."""
    served: bool
    """Whether its verdicts are recorded replies of a server, and not computed again."""


def verify_row(
    which: str,
    *,
    table: Place | None = None,
    run: Place | None = None,
    data: str | None = None,
    overrides: Sequence[str] = (),
) -> Verified:
    """Compute a row again, and return it with the first difference.

    Args:
        which: Its number, its name, or the beginning of its name.
        table: The CSV file; None: results/leaderboard.csv.
        run: A run folder or bundle; None: the one that the row names.
        data: Root of the annotations, for metrics that need all samples of the split; None: the run's own.
        overrides: Further settings, such as `protocol.pack=<folder>`.

    Raises:
        ConfigError: there is no such table or row, it is a published one, or something that it takes is not available.
    """
    configuration.refuse_unused("verify-row", overrides, ["data"] if data else [])
    path = absolute(table) if table else TABLE
    if not path.exists():
        raise ConfigError(f"The table {str(path)!r} does not exist; make it: tarsier-eval leaderboard.")
    row = find_row(read_csv(path), which)
    if row.origin != "run":
        raise ConfigError(
            f"--row {which}: {called(row)} is published ({row.source}); there is no run to compute it from."
        )
    place = absolute(run) if run else absolute(path.parent / row.provenance)
    if not place.exists():
        raise ConfigError(f"{place}, which the row comes from, is gone; give the run's folder or bundle as --run.")
    sha256 = None if run else row.bundle_sha256
    difference = next(_differences(row, place, sha256, data, overrides), None)
    return Verified(row=row, place=place, difference=difference, served=difference is None and _is_served(row, place))


def called(row: TableRow) -> str:
    """Return the number that a row is about, in words."""
    return f"{row.benchmark} {row.subset} {row.metric} {f'({row.accounting}) ' if row.accounting else ''}of {row.model}"


def _differences(
    row: TableRow, place: Path, sha256: str | None, data: str | None, overrides: Sequence[str]
) -> Iterator[str]:
    """Yield the differences between a row and its run, the cheapest checks first."""
    if place.is_file() and sha256 is not None and sha256_of(place) != sha256:
        yield f"bundle_sha256 differs: {place} is not the bundle that the row was made from."
    try:
        with opened(place) as scored:
            stored = _same(row, rows_of(scored, row.provenance, row.bundle_sha256))
            if stored is None:
                yield f"{place} has no such number: it is another run."
                return
            yield from _unequal(row, stored, "the result there says")
            scores, result = rescore(scored, data, overrides)
            again = _same(row, rows_of(replace(scored, result=result), row.provenance, row.bundle_sha256))
            if again is None:
                yield "value differs: no such metric comes of the predictions."
                return
            yield from _unequal(row, again, "computed again it is")
            yield from _unlike(scores, scored.folder / SCORES)
    except ConfigError:
        raise  # the user can supply the missing input
    except TarsierEvalError as error:
        yield str(error)


def _is_served(row: TableRow, place: Path) -> bool:
    """Whether a server judged a run."""
    if not row.judge:
        return False
    with opened(place) as scored:
        judge = scored.scorer.get("judge")
        return isinstance(judge, Mapping) and bool(judge.get("provider"))


def _same(row: TableRow, rows: Sequence[TableRow]) -> TableRow | None:
    def which(one: TableRow) -> tuple[str, ...]:
        return one.benchmark, one.subset, one.metric, one.accounting

    return next((other for other in rows if which(other) == which(row)), None)


def _unequal(row: TableRow, other: TableRow, how: str) -> Iterator[str]:
    for name in COLUMNS:
        was, now = getattr(row, name), getattr(other, name)
        is_older = name in ADDED and was in ("", None)
        if name not in _ADDRESS and not is_older and not _equal(was, now):
            yield f"{name} differs: the row has {was!r}, and {how} {now!r}."


def _equal(was: Any, now: Any) -> bool:
    """Whether two values are equal; numbers except for the last digits, which depend on the linear algebra library."""
    if isinstance(was, float) and isinstance(now, float):
        return isclose(was, now, rel_tol=1e-9, abs_tol=1e-12)
    return bool(was == now)


def _unlike(scores: Sequence[Score], path: Path) -> Iterator[str]:
    """Yield the first sample whose score differs from scores.jsonl."""
    rows = list(read_jsonl(path))
    if len(rows) != len(scores):
        yield f"scores differ: {path.name} has {len(rows)} of {len(scores)}."
    for row, score in zip(rows, scores, strict=False):
        stored, now = row.fields, asdict(score)
        for name in ("id", "status", "answer"):
            if stored[name] != now[name]:
                yield f"scores differ: the {name} of {score.id!r} was {stored[name]!r}, and is {now[name]!r}."
        values: Mapping[str, float] = stored["values"]
        if values.keys() != now["values"].keys() or not all(_equal(now["values"][key], values[key]) for key in values):
            yield f"scores differ: the values of {score.id!r} were {values}, and are {now['values']}."
