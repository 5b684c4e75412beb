"""The leaderboard as a page, in the form of `web/src/payload.ts`: the headline metric of every benchmark."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eval.analysis.leaderboard.differing import RunKey, run_key, told_apart
from eval.analysis.leaderboard.plots import Plot
from eval.analysis.leaderboard.rows import TableRow
from eval.analysis.leaderboard.significance import Differ, best_of
from eval.analysis.leaderboard.view import BUILTIN_NOTE, told_setting
from eval.config import cards
from eval.core import OVERALL
from eval.provenance import versions
from eval.report.figures import KINDS
from eval.scorers.traits import metric_named


def leaderboard_payload(
    rows: Sequence[TableRow], table: Path, differ: Differ, plots: Sequence[Plot], folder: Path
) -> dict[str, Any]:
    """Return the data of a page that lies beside the table.

    Args:
        rows: All rows of the table.
        table: Its file.
        differ: The test by which a number is the best.
        plots: Figures to show.
        folder: Their folder.
    """
    headline = [row for row in rows if row.headline]
    told = told_apart(headline, table)
    best = _best(headline, differ)
    subsets: dict[tuple[RunKey, str, str], list[TableRow]] = {}
    for row in rows:
        if row.subset != OVERALL:
            subsets.setdefault(_line(row), []).append(row)
    return {
        "kind": "leaderboard",
        "title": "Leaderboard",
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "version": versions()["tarsier-eval"],
        "runs": [],
        "leaderboard": {
            "benchmarks": _benchmarks(headline),
            "rows": [
                _row(row, ", ".join(told[run_key(row)].values()), subsets.get(_line(row), ()), is_best=row.name in best)
                for row in headline
            ],
            "plots": [
                {
                    "benchmark": plot.benchmark,
                    "title": plot.title,
                    **{kind: _url(folder / f"{plot.stem}.{kind}", table) for kind in KINDS},
                }
                for plot in plots
            ],
        },
    }


def _benchmarks(headline: Sequence[TableRow]) -> list[dict[str, Any]]:
    known = cards()
    found: dict[str, dict[str, Any]] = {}
    for row in headline:
        traits = metric_named(row.metric)
        card = known.get(row.benchmark)
        found[row.benchmark] = {
            "name": row.benchmark,
            "title": card.title if card else row.benchmark,
            "metric": traits.title,
            "unit": traits.unit,
            "best": traits.best,
        }
    return list(found.values())


def _best(headline: Sequence[TableRow], differ: Differ) -> set[str]:
    columns: dict[object, list[TableRow]] = {}
    for row in headline:
        columns.setdefault(row.column, []).append(row)
    return {found.name for column in columns.values() if (found := best_of(column, differ)) is not None}


def _line(row: TableRow) -> tuple[RunKey, str, str]:
    """Return what tells a number over all, and those of its subsets."""
    return run_key(row), row.metric, row.accounting


def _row(row: TableRow, differs: str, subsets: Sequence[TableRow], *, is_best: bool) -> Mapping[str, Any]:
    return {
        "id": row.name,
        "benchmark": row.benchmark,
        "model": row.model,
        "frames": row.frames,
        "judge": row.judge,
        "protocol": row.protocol,
        "accounting": row.accounting,
        "value": row.value,
        "interval": _interval(row),
        "chance": row.chance,
        "n": row.n,
        "complete": row.complete is not False,
        "published": row.origin == "published",
        "builtin": row.builtin,
        "source": row.source,
        "date": row.date,
        "differs": differs,
        "caveats": _caveats(row),
        "group": told_setting(row),
        "best": is_best,
        "subsets": [
            {"subset": each.subset, "value": each.value, "interval": _interval(each), "n": each.n} for each in subsets
        ],
    }


def _interval(row: TableRow) -> list[float] | None:
    return None if row.low is None or row.high is None else [row.low, row.high]


def _caveats(row: TableRow) -> list[str]:
    found = []
    if row.complete is False:
        found.append("Incomplete: too many samples ended without an output or a verdict.")
    if row.coverage is not None and row.coverage < 1:
        found.append(f"The media of {100 * row.coverage:.1f}% of the samples were available.")
    if row.builtin:
        found.append(BUILTIN_NOTE)
    if row.origin == "published":
        found.append("Published: without an interval, and of unknown samples and accounting.")
        found += [f"Its {each} is not stated: it may not be comparable." for each in row.unstated.split()]
    return found


def _url(file: Path, table: Path) -> str:
    """Return a file's address relative to the page beside the table; an absolute one from another drive."""
    try:
        return quote(Path(os.path.relpath(file, table.parent)).as_posix())
    except ValueError:
        return file.as_uri()
