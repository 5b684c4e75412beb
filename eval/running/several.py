"""The summary of several benchmarks that were run at once; of a publication's table, beside its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.analysis.leaderboard.gathering import PUBLISHED
from eval.analysis.leaderboard.published import read_published
from eval.analysis.leaderboard.rows import TableRow
from eval.analysis.plan.comparable import other_frames, other_size
from eval.config import Table, cards
from eval.core import OVERALL, Result
from eval.files import write_atomically
from eval.readers.malformed import printable
from eval.report.failures import failure_lines
from eval.report.footers import judge_notes, number_of
from eval.report.printing import one_line, printed, span
from eval.report.terminal import show_summary
from eval.running.benchmark_run import Job
from eval.running.outcome import BUILTIN_NOTE, is_whole
from eval.runs.scored import ScoredRun

TABLE = "table.md"
"""The file's name."""
OPEN = "?"
"""The mark of a published number whose source leaves the split or the judge open."""
Beside = Mapping[str, Mapping[str, str]]
"""Published numbers as they are printed, by model and benchmark."""


def sum_up(jobs: Sequence[Job], results: Sequence[Result], base: Path, table: Table | None) -> None:
    """Show the results of several benchmarks; those of a table beside what was published, which is written, too.

    Args:
        jobs: The benchmarks that were run.
        results: The result of each.
        base: The folder that holds their runs.
        table: The publication's table that was asked for, if any.
    """
    notes = [line for job, result in zip(jobs, results, strict=True) for line in _failures(job, result)]
    beside: Beside = {}
    if table is not None:
        beside = published_beside(table)
        notes = [*_notes(table, beside), *(line for job in jobs for line in _departures(job, table)), *notes]
    if jobs[0].settings.is_builtin:
        notes.append(BUILTIN_NOTE)
    if table is not None:
        write_atomically(base / TABLE, _markdown(table, results, beside, [*notes, *judge_notes(results)]))
        notes.append(f"As Markdown: {base / TABLE}")
    show_summary(results, notes=[*notes, f"Written to {base}"], beside=beside)


def _failures(job: Job, result: Result) -> list[str]:
    """Return why samples of one of several benchmarks have no value."""
    if is_whole(result):
        return []
    run = ScoredRun.read(job.out)
    lines = failure_lines([prediction for _, prediction in run.predictions], list(run.scores.values()))
    return [f"{job.benchmark.name}: {line}" for line in lines]


def _departures(job: Job, table: Table) -> list[str]:
    """Return how the number and the frames of a benchmark's samples depart from those behind published numbers."""
    if job.settings.is_builtin:
        return []
    card = job.benchmark.card
    lines = [*other_size(job.settings, card, job.samples), *other_frames(job.settings, card, *table.beside[:1])]
    return [f"{job.benchmark.name}: {line}" for line in lines]


def published_beside(table: Table) -> Beside:
    """Return the headlines that were published of the table's models, with every value where sources differ."""
    found: dict[tuple[str, str], list[TableRow]] = {}
    for row in read_published(PUBLISHED):
        if _is_headline(row):
            found.setdefault((row.model, row.benchmark), []).append(row)
    return {model: {name: _cell(found.get((model, name), ())) for name in table.benchmarks} for model in table.beside}


def _is_headline(row: TableRow) -> bool:
    card = cards().get(row.benchmark)
    return card is not None and row.metric == card.metric and row.subset == OVERALL


def _cell(rows: Sequence[TableRow]) -> str:
    is_open: dict[str, bool] = {}
    for row in rows:
        usual = cards()[row.benchmark].upstream_split
        other = f" ({row.split})" if row.split and usual not in (None, row.split) else ""
        value = printed(row.metric, row.value) + other
        is_open[value] = is_open.get(value, True) and bool(row.unstated)
    return ", ".join(value + OPEN * left for value, left in is_open.items()) or "-"


def _notes(table: Table, beside: Beside) -> list[str]:
    """Return the notes under a table."""
    is_open = any(OPEN in cell for cells in beside.values() for cell in cells.values())
    return [
        f"{table.title} ({table.source})" + (f", without {table.without}" if table.without else "") + ".",
        "Published numbers are those of results/published.csv, under the settings of their sources"
        + (f" ({OPEN}: the split or the judge is left open)" if is_open else "")
        + "; make why RUN=<run> PUBLISHED=<benchmark>/<model> compares settings.",
    ]


def _markdown(table: Table, results: Sequence[Result], beside: Beside, notes: Sequence[str]) -> str:
    """Return a table as Markdown, with a line for each of its benchmarks, also of those that were not run."""
    of = {result.benchmark: result for result in results}
    header = ["", "metric", "n", "upstream", "strict", "95% interval", "judge", *table.beside]
    lines = [header, ["---", "---", *("---:" for _ in header[2:])]]
    for name in table.benchmarks:
        card = cards()[name]
        published = [cells[name] for cells in beside.values()]
        lines.append([one_line(card.title), *_numbers(of.get(name), card.metric), *published])
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in escaped)
    return "\n\n".join([f"# {one_line(table.title)}", drawn, *map(printable, notes)]) + "\n"


def _numbers(result: Result | None, metric: str) -> list[str]:
    """Return metric, number of samples or groups, value under both accountings, and interval of a result."""
    upstream, strict = (number_of(result, accounting) if result else None for accounting in ("upstream", "strict"))
    if result is None or strict is None:
        return [metric, "-", "-", "-", "-", ""]
    values = [printed(metric, each.value if each else None) for each in (upstream, strict)]
    return [strict.name, f"{strict.n:,}", *values, span(metric, strict.interval), one_line(result.judge or "")]
