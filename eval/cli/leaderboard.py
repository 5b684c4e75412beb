"""`tarsier-eval leaderboard` and `verify-row`: one table of all runs, and a check that recomputes a row."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import isclose
from pathlib import Path
from typing import Any

from eval.analysis.leaderboard.cells import read_csv
from eval.analysis.leaderboard.finding import find_rows, opened, sha256_of
from eval.analysis.leaderboard.paired import differ_by_runs
from eval.analysis.leaderboard.published import read_published
from eval.analysis.leaderboard.reading import rows_of
from eval.analysis.leaderboard.rows import COLUMNS, TableRow
from eval.analysis.leaderboard.table import find_row, update
from eval.analysis.leaderboard.view import latex, markdown
from eval.config import PROJECT, RUNS
from eval.core import Score
from eval.errors import ConfigError, TarsierEvalError
from eval.readers.rows import read_jsonl
from eval.report.printing import one_line
from eval.running.outcome import say
from eval.running.rescore import rescore
from eval.runs.folder import SCORES

TABLE = PROJECT / "results" / "leaderboard.csv"
PUBLISHED = PROJECT / "results" / "published.csv"

_ADDRESS = ("provenance", "bundle_sha256", "date")
"""Fields of a row that depend on where and when it was read."""


def leaderboard(given: argparse.Namespace) -> bool:
    """Add the runs to the table; return whether all found runs could be read."""
    table = Path(given.to).expanduser().resolve() if given.to else TABLE
    if table.suffix != ".csv":
        raise ConfigError(f"--to {given.to}: the table is a CSV file; end its name in .csv.")
    places = [Path(name).expanduser() for name in given.runs or ()]
    if not places and RUNS.is_dir():
        places = [RUNS]
    published = read_published(PUBLISHED) if PUBLISHED.is_file() else []
    found = find_rows(places, table)
    differ = differ_by_runs(table)
    beside = {
        table.with_suffix(".md"): lambda rows: markdown(rows, differ),
        table.with_suffix(".tex"): lambda rows: latex(rows, differ),
    }
    rows = update(table, found.rows, published, beside)
    for line in (*found.unfinished, *found.skipped):
        say(f"Skipped {one_line(line)}")
    n_published = sum(row.origin == "published" for row in rows)
    print(
        f"{found.n_results} results with {len(found.rows)} rows read, {len(found.unfinished)} not finished, "
        f"{len(found.skipped)} damaged or foreign. {table} has {len(rows)} rows, {n_published} of them published; "
        f"beside it {', '.join(path.name for path in beside)}."
    )
    return not found.skipped


def verify_row(given: argparse.Namespace) -> bool:
    """Compute a row again from its run or bundle; return whether it is equal."""
    table = Path(given.table).expanduser().resolve() if given.table else TABLE
    if not table.is_file():
        raise ConfigError(f"The table {str(table)!r} does not exist; make it: tarsier-eval leaderboard.")
    row = find_row(read_csv(table), given.row)
    what = f"{row.benchmark} {row.subset} {row.metric} ({row.accounting}) of {row.model}"
    if row.origin != "run":
        raise ConfigError(f"--row {given.row}: {what} is published ({row.source}); there is no run to compute it from.")
    place = Path(given.run).expanduser().resolve() if given.run else (table.parent / row.provenance).resolve()
    if not place.exists():
        raise ConfigError(f"{place}, which the row comes from, is gone; give the run's folder or bundle as --run.")
    difference = next(_differences(row, place, given), None)
    if difference is not None:
        say(f"{one_line(f'{row.name}, {what}')}: {difference}")
        return False
    judged = "; the verdicts are the recorded ones" if row.judge else ""
    print(f"{one_line(f'{row.name}, {what}')}: equal, {row.value!r} of {row.n} samples, computed from {place}{judged}.")
    return True


def _differences(row: TableRow, place: Path, given: argparse.Namespace) -> Iterator[str]:
    """Yield the differences between a row and its run, the cheapest checks first."""
    if place.is_file() and not given.run and sha256_of(place) != row.bundle_sha256:
        yield f"bundle_sha256 differs: {place} is not the bundle that the row was made from."
    try:
        with opened(place) as scored:
            stored = _same(row, rows_of(scored, row.provenance, row.bundle_sha256))
            if stored is None:
                yield f"{place} has no such number: it is another run."
                return
            yield from _unequal(row, stored, "the result there says")
            scores, result = rescore(scored, given.data, given.overrides)
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


def _same(row: TableRow, rows: Sequence[TableRow]) -> TableRow | None:
    def which(one: TableRow) -> tuple[str, ...]:
        return one.benchmark, one.subset, one.metric, one.accounting

    return next((other for other in rows if which(other) == which(row)), None)


def _unequal(row: TableRow, other: TableRow, how: str) -> Iterator[str]:
    for name in COLUMNS:
        was, now = getattr(row, name), getattr(other, name)
        if name not in _ADDRESS and not _equal(was, now):
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
