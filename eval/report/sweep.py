"""The table of a sweep, and the curve of the metric over a swept number."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.core import Metric, Result
from eval.report.columns import Column, Line, show_table
from eval.report.figures import COLUMN_IN, INSTALL, Point, draw_curves, has_matplotlib, new_figure, save, styled
from eval.report.footers import headline
from eval.report.printing import one_line, printed, results_console, say, span
from eval.runs.folder import write_atomically

TABLE, CURVE = "table.csv", "curve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A benchmark's result of one job."""

    name: str
    values: Mapping[str, str]
    benchmark: str
    result: Result | None
    failure: str
    """The reason why there is no result."""

    @property
    def metric(self) -> Metric | None:
        """The benchmark's first metric, strict."""
        return None if self.result is None else headline(self.result, "strict")


def write_table(rows: Sequence[Row], folder: Path) -> None:
    """Write the table as CSV; `low` and `high` are the ends of the 95% interval."""
    keys = _keys(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *keys, "benchmark", "metric", "strict", "low", "high", "n", "failed", "failure"])
    for row in rows:
        told = [row.name, *(row.values.get(key, "") for key in keys), row.benchmark]
        if row.result is None or row.metric is None:
            writer.writerow([*told, "", "", "", "", "", "", row.failure])
            continue
        one = row.metric
        numbers = [one.name, one.value, *(one.interval or (None, None)), one.n, row.result.counts.model_failed]
        writer.writerow([*told, *("" if each is None else each for each in numbers), row.failure])
    write_atomically(folder / TABLE, text.getvalue())


def show(rows: Sequence[Row], folder: Path, *, note: str = "") -> None:
    """Print the table, what did not end, and a note; draw the curve."""
    console = results_console()
    keys = _keys(rows)
    columns = (
        *(Column(name=key, is_text=True) for key in keys),
        Column(name="benchmark", is_text=True),
        Column(name="metric", is_text=True, rank=2),
        Column(name="strict"),
        Column(name="95% interval"),
        Column(name="n", rank=1),
        Column(name="failed", rank=3),
    )
    lines = []
    for row in rows:
        cells = [one_line(row.values.get(key, "")) for key in keys]
        one, result = row.metric, row.result
        if one is None or result is None:
            lines.append(Line(cells=(*cells, row.benchmark, "", "-", "-", "-", "-")))
            continue
        measured = (one.name, printed(one.name, one.value), span(one.name, one.interval))
        counts = (str(one.n), str(result.counts.model_failed))
        lines.append(Line(cells=(*cells, row.benchmark, *measured, *counts)))
    show_table(console, columns, lines, elsewhere=f"All columns are in {TABLE}")
    for name, failure in dict.fromkeys((row.name, row.failure) for row in rows if row.result is None):
        say(console, f"{name} has no result: {failure}")
    if note:
        say(console, note)
    say(console, f"Written to {folder / TABLE}")
    if told := draw(rows, folder):
        say(console, told)


def draw(rows: Sequence[Row], folder: Path) -> str:
    """Draw the metric over the swept number, a line for each combination of the others; return where it is."""
    key = next((key for key in _keys(rows) if _is_number(rows, key)), None)
    if key is None or not any(row.metric is not None and row.metric.value is not None for row in rows):
        return ""
    if not has_matplotlib():
        return f"For a curve of these values: {INSTALL}, and the same command again."
    benchmarks = list(dict.fromkeys(row.benchmark for row in rows))
    wide = min(3, len(benchmarks))
    high = -(-len(benchmarks) // wide)
    with styled():
        figure = new_figure(COLUMN_IN * wide, 2.6 * high)
        for place, benchmark in enumerate(benchmarks, 1):
            of = [row for row in rows if row.benchmark == benchmark]
            first = next((row.metric for row in of if row.metric is not None), None)
            if first is None:
                continue
            draw_curves(
                figure.add_subplot(high, wide, place),
                _lines(of, key),
                x=key,
                y=f"{first.name}, strict",
                title=benchmark,
                chance=None if first.chance is None else float(printed(first.name, first.chance)),
            )
        save(figure, folder, CURVE)
    return f"Curve over {key}, with 95% intervals: {folder / CURVE}.svg, {CURVE}.png"


def _lines(rows: Sequence[Row], key: str) -> dict[str, list[Point]]:
    """Return number, value and both bounds of each run, by the name of its line."""
    others = [each for each in _keys(rows) if each != key]
    lines: dict[str, list[Point]] = {}
    for row in rows:
        if (one := row.metric) is None or one.value is None:
            continue
        low, high = one.interval or (one.value, one.value)
        values = (one.value, one.value if low is None else low, one.value if high is None else high)
        shown = [float(printed(one.name, value)) for value in values]
        name = ", ".join(row.values[each] for each in others if each in row.values)
        lines.setdefault(name, []).append((float(row.values[key]), shown[0], shown[1], shown[2]))
    return lines


def _keys(rows: Sequence[Row]) -> list[str]:
    """Return the settings that were swept, but the benchmark, which has a column of its own."""
    return [key for key in dict.fromkeys(key for row in rows for key in row.values) if key != "benchmark"]


def _is_number(rows: Sequence[Row], key: str) -> bool:
    try:
        return len({float(row.values[key]) for row in rows}) > 1
    except (KeyError, ValueError):
        return False
