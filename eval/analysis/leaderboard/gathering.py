"""The leaderboard brought up to date: runs and published numbers, in one table and its renderings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.analysis.leaderboard.cells import read_csv
from eval.analysis.leaderboard.finding import Found, find_rows
from eval.analysis.leaderboard.page import leaderboard_payload
from eval.analysis.leaderboard.paired import differ_by_runs
from eval.analysis.leaderboard.plots import draw_plots, plots_of, refuse_without_matplotlib
from eval.analysis.leaderboard.published import read_published
from eval.analysis.leaderboard.rows import TableRow, superseded
from eval.analysis.leaderboard.table import update
from eval.analysis.leaderboard.view import latex, markdown
from eval.config import PROJECT, RESULTS, RUNS
from eval.errors import ConfigError
from eval.files import absolute, expanded
from eval.report.page.page import page_html

TABLE = RESULTS / "leaderboard.csv"
PUBLISHED = PROJECT / "results" / "published.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The table after an update."""

    table: Path
    """The CSV file."""
    beside: tuple[Path, ...]
    """Its renderings."""
    rows: Sequence[TableRow]
    """All rows of the table."""
    found: Found
    """The rows and problems found among the runs."""
    drawn: tuple[Path, ...]
    """Files of the figures drawn."""
    superseded: Mapping[str, bool]
    """Runs that another with the same settings takes the place of, relative to the table, each with whether it is an
    incomplete one beside a complete one, and not just older."""


def gather(
    places: Sequence[str | Path] = (), to: str | Path | None = None, plots: str | Path | None = None
) -> Gathered:
    """Add runs, and all published numbers, to the table.

    Args:
        places: Run folders, folders that hold some at any depth, and bundles; none: results/runs/.
        to: The CSV file; None: results/leaderboard.csv.
        plots: The folder to draw figures into; None: none are drawn.

    Raises:
        ConfigError: one of the places does not exist, the file is no CSV file, or figures can't be drawn here.
        DataError, RunError: the table, or the list of published numbers, is damaged, or cannot be written.
    """
    table = absolute(to) if to else TABLE
    if table.suffix != ".csv":
        raise ConfigError(f"--to {to}: the table is a CSV file; end its name in .csv.")
    figures = absolute(plots) if plots else None
    if figures:
        refuse_without_matplotlib()
        if figures.exists() and not figures.is_dir():
            raise ConfigError(f"--plots {plots}: it is a file; give a folder.")
    runs = [expanded(name) for name in places] or ([RUNS] if RUNS.is_dir() else [])
    published = read_published(PUBLISHED) if PUBLISHED.is_file() else []
    found = find_rows(runs, table)
    differ = differ_by_runs(table)

    def page(rows: Sequence[TableRow]) -> str:
        plots = plots_of(rows, table) if figures else []
        return page_html(leaderboard_payload(rows, table, differ, plots, figures or table.parent))

    beside = {
        table.with_suffix(".md"): lambda rows: markdown(rows, differ, table),
        table.with_suffix(".tex"): lambda rows: latex(rows, differ, table),
        table.with_suffix(".html"): page,
    }
    before = [row for row in (read_csv(table) if table.exists() else []) if row.origin == "run"]
    rows = update(table, found.rows, published, beside)
    drawn = draw_plots(plots_of(rows, table), figures) if figures else []
    return Gathered(
        table=table, beside=tuple(beside), rows=rows, found=found, drawn=tuple(drawn),
        superseded=superseded([*before, *found.rows], rows),
    )  # fmt: skip
