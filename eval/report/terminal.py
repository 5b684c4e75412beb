"""Terminal output of a run: one result table, the summary of several, and log.txt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from types import MappingProxyType
from typing import Any, get_args

from rich.console import Console

from eval.core import OVERALL, Accounting, Metric, Prediction, Result, Score
from eval.readers.malformed import printable
from eval.report.columns import Column, Line, show_table
from eval.report.failures import show_failures
from eval.report.footers import (
    FEW_VIDEOS,
    IF_FAILED,
    clip_notes,
    corrected,
    depends_on,
    drawn,
    explained,
    few_videos,
    headline,
    incomplete,
    judge_notes,
    number_of,
    partial,
    repeated,
)
from eval.report.judging import dollars
from eval.report.printing import UNBOUNDED, counted, one_line, printed, results_console, say, span
from eval.scorers.traits import metric_named
from eval.stats.clusters import projected_reach

NEARLY_ALL = 0.95
"""Share of the scale from which on an interval tells nothing."""

_COLUMNS = (
    Column(name="", is_text=True),
    Column(name="n", rank=3),
    Column(name="upstream", rank=1),
    Column(name="strict"),
    Column(name="95% interval"),
)
_TOLERANT = Column(name="tolerant", rank=8)
_IF_FAILED = Column(name=IF_FAILED, rank=4)
_CHANCE = Column(name="chance", rank=7)
_ENDED = (Column(name="invalid", rank=5), Column(name="failed", rank=2))
_MEDIA = Column(name="media", rank=6)
_SUMMARY = (
    Column(name="", is_text=True),
    Column(name="metric", is_text=True),
    Column(name="n", rank=3),
    Column(name="upstream", rank=1),
    Column(name="strict"),
    Column(name="95% interval"),
    Column(name="failed", rank=2),
    Column(name="judge, protocol", is_text=True, rank=4),
)


def show_result(result: Result, *, notes: Sequence[str] = (), console: Console | None = None) -> None:
    """Print the result's table: a row for each metric and subset, both accountings side by side."""
    console = console or results_console()
    judge = f" | judge {one_line(f'{result.judge}, protocol {result.protocol}')}" if result.judge else ""
    say(console, f"\n{one_line(result.benchmark)} | {one_line(result.model)}{judge}", "bold")
    media = {c.subset: f"{c.present}/{c.total}" for c in result.coverage}
    present, total = sum(c.present for c in result.coverage), sum(c.total for c in result.coverage)
    media[OVERALL] = f"{present}/{total}"
    failed = result.counts.model_failed + result.counts.judge_failed
    optional = (
        *((_TOLERANT,) if any(metric.accounting == "tolerant" for metric in result.metrics) else ()),
        *((_IF_FAILED,) if failed else ()),
        *((_CHANCE,) if any(metric.chance is not None for metric in result.metrics) else ()),
    )
    columns = (*_COLUMNS, *optional, *_ENDED, *((_MEDIA,) if present < total else ()))
    lines: list[Line] = []
    rows = [row for row in _rows(result.metrics).items() if _is_shown(*row[0], result)]
    rows.sort(key=lambda row: row[0][0] != OVERALL)
    for position, ((subset, name), by_accounting) in enumerate(rows):
        metric = by_accounting.get("strict") or by_accounting["upstream"]
        values = {a: by_accounting[a].value if a in by_accounting else None for a in get_args(Accounting)}
        cells = {
            "": one_line(_label(subset, name, result.primary)),
            "n": str(metric.n),
            **{accounting: printed(name, value) for accounting, value in values.items()},
            "95% interval": span(name, metric.interval),
            "invalid": str(metric.n_invalid),
            "failed": str(metric.n_failed),
            _IF_FAILED.name: _bounds(name, metric),
            _CHANCE.name: printed(name, metric.chance),
            _MEDIA.name: media.get(subset, ""),
        }
        following = [key[0] for key, _ in rows[position + 1 : position + 2]]
        lines.append(
            Line(
                cells=tuple(cells[column.name] for column in columns),
                style="bold" if subset == OVERALL else "",
                ends_section=subset == OVERALL and following not in ([], [OVERALL]),
            )
        )
    shown = show_table(console, columns, lines, elsewhere="result.json") if rows else frozenset()
    counts = result.counts
    ended = f"{counts.scored:,} scored, {counts.invalid:,} without a valid answer, {failed:,} failed"
    for line in (
        *partial(result),
        *drawn(result),
        f"{counted(counts.total, 'sample')}: {ended}.",
        *incomplete(result),
        explained(shown, (metric_name for (_, metric_name), _ in rows)),
        *map(printable, corrected(result)),
        *repeated(result),
        *([f"What the score depends on: {'; '.join(about)}."] if (about := depends_on(result)) else []),
        *few_videos(result),
        *clip_notes(result),
        *map(printable, notes),
    ):
        say(console, line)


def timing_line(timing: Mapping[str, Any]) -> str:
    """Return the time of each stage, in one line."""
    stages = timing["stages_s"]
    share = "" if timing["in_model"] is None else f", {100 * timing['in_model']:.0f}% of it in the model"
    parts = [f"{name} {stages[name]:.1f}" for name in ("encode", "prefill", "generate") if stages[name]]
    model = f" ({', '.join(parts)} s)" if parts else ""
    tokens = f"; {timing['tokens']} tokens, {timing['tokens_per_s']:.0f}/s" if timing["tokens_per_s"] else ""
    shared = ""
    if timing.get("shared_by_samples_with"):
        shared = " What was done for several benchmarks at once is divided by their samples."
    return (
        f"{timing['samples']} predicted in {timing['wall_s']:.1f} s{share}{model}{tokens}; waited for frames "
        f"{stages['wait']:.1f} s, scored {stages['score']:.1f} s. Decoding took {stages['decode']:.1f} s elsewhere."
        f"{shared}"
    )


def projection(result: Result, n_full: int) -> str | None:
    """Return the expected interval of a full run of `n_full` samples, from this part's error.

    None where the error is unknown, or so large that it tells nothing: the interval is nearly the whole scale; and for
    a metric over groups, of which a part does not say how many there are.
    """
    metric = headline(result, "strict")
    if (
        metric is None
        or metric_named(result.primary).grouped
        or not metric.stderr
        or not metric.n_clusters
        or metric.n >= n_full
    ):
        return None
    if metric.interval is None:
        return None
    here = (metric.interval[1] - metric.interval[0]) / 2
    if 2 * here >= NEARLY_ALL * metric_named(result.primary).best:
        return None
    full, part = (projected_reach(metric.stderr, metric.n, metric.n_clusters, n) for n in (n_full, metric.n))
    full *= here / part
    return (
        f"{result.primary} is known to ±{printed(result.primary, here)} from {metric.n:,} samples; all {n_full:,} "
        f"would say it to ±{printed(result.primary, full)}, as far as these tell."
    )


def _bounds(name: str, metric: Metric) -> str:
    """Return the range of a value given the failed samples: all of them wrong, or all right."""
    return span(name, (metric.lower, metric.upper)) if metric.n_failed else ""


def _label(subset: str, name: str, primary: str) -> str:
    """Return a row's label: subsets need no metric beside them, since they are shown in the headline metric only."""
    if subset != OVERALL:
        return subset
    if name.startswith(f"{primary}_m"):
        return f"{primary}, {name.removeprefix(f'{primary}_')} average"
    return name


def _is_shown(subset: str, name: str, result: Result) -> bool:
    """Whether a metric has a row: subsets and both averages for the headline metric only. result.json has them all."""
    if name == result.primary:
        averaged = any((m.subset, m.name) == (subset, f"{name}_macro") for m in result.metrics)
        return subset != OVERALL or not averaged
    if subset != OVERALL:
        return False
    return name.startswith(f"{result.primary}_m") or not name.endswith(("_macro", "_micro"))


def log_of(result: Result, notes: Sequence[str], predictions: Sequence[Prediction], scores: Sequence[Score]) -> str:
    """Return what the terminal shows of a result at its full width, with every failure and every doubt."""
    text = StringIO()
    console = Console(file=text, width=UNBOUNDED, color_system=None)
    show_result(result, notes=notes, console=console)
    show_failures(predictions, scores, console=console, most=(len(scores), len(scores)))
    return text.getvalue()


def headline_line(result: Result) -> str:
    """Return a benchmark's headline in one line."""
    metric = number_of(result, "strict")
    name = _label(OVERALL, metric.name, result.primary) if metric else result.primary
    value = printed(result.primary, metric.value if metric else None)
    interval = f" {span(result.primary, metric.interval)}" if metric and metric.interval else ""
    failed = result.counts.model_failed + result.counts.judge_failed
    return f"{one_line(result.benchmark)}: {name} {value}{interval}, {counted(result.counts.total, 'sample')}" + (
        f", {failed:,} of them failed" if failed else ""
    )


def show_summary(
    results: Sequence[Result],
    *,
    notes: Sequence[str] = (),
    beside: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    console: Console | None = None,
) -> None:
    """Print one line a benchmark, the headline in both accountings, and each note once.

    Args:
        results: A result of each benchmark that was run.
        notes: Further notes.
        beside: Published numbers as they are printed, by model and benchmark, for columns of their own; they also give
            the order of the lines, and a line for each benchmark that was not run.
        console: Where to print.
    """
    console = console or results_console()
    cells: dict[str, tuple[str, ...]] = {}
    for result in results:
        values = [number_of(result, accounting) for accounting in ("upstream", "strict")]
        cells[result.benchmark] = (
            one_line(result.benchmark),
            one_line(_label(OVERALL, values[1].name, result.primary) if values[1] else result.primary),
            str(values[1].n if values[1] else result.counts.total),
            *(printed(result.primary, metric.value if metric else None) for metric in values),
            span(result.primary, values[1].interval if values[1] else None),
            str(result.counts.model_failed + result.counts.judge_failed),
            one_line(f"{result.judge}, {result.protocol}" if result.judge else ""),
        )
    columns = list(_SUMMARY)
    if beside:
        columns += [Column(name=one_line(model)) for model in beside]
        not_run = ("", *("-" for _ in _SUMMARY[2:-1]), "")
        cells = {
            name: (*cells.get(name, (name, *not_run)), *(published[name] for published in beside.values()))
            for name in next(iter(beside.values()))
        }
    lines = [Line(cells=each) for each in cells.values()]
    shown = show_table(console, columns, lines, elsewhere="Each benchmark's result.json")
    by_note: dict[str, list[str]] = {}
    for result in results:
        judged = (*corrected(result), *repeated(result))
        for note in (*partial(result), *drawn(result), *incomplete(result), *judged, *clip_notes(result)):
            by_note.setdefault(note, []).append(one_line(result.benchmark))
    notes = [*judge_notes(results), *_bills(results), *notes]
    for note, of in by_note.items():
        say(console, note if len(of) == len(results) else f"{', '.join(of)}: {note}")
    say(console, explained(shown, (result.primary for result in results)))
    if few := [one_line(result.benchmark) for result in results if few_videos(result)]:
        which = (
            "All of them have" if len(few) == len(results) else f"{', '.join(few)} {'has' if len(few) == 1 else 'have'}"
        )
        rough = "intervals are rough, and may be too narrow near 0 and 100."
        say(console, f"{which} fewer than {FEW_VIDEOS} source videos: {rough}")
    for note in dict.fromkeys(notes):
        say(console, printable(note))


def _bills(results: Sequence[Result]) -> list[str]:
    """Return what judge and served model cost in all, where that is known."""
    accounts = {"Judge's": [result.judging for result in results], "Model's": [result.serving for result in results]}
    costs = {who: [one["cost"] for one in of if one and one.get("cost")] for who, of in accounts.items()}
    return [f"{who} bill over all: {dollars(sum(given))}." for who, given in costs.items() if given]


def _rows(metrics: Sequence[Metric]) -> dict[tuple[str, str], dict[Accounting, Metric]]:
    rows: dict[tuple[str, str], dict[Accounting, Metric]] = {}
    for metric in metrics:
        rows.setdefault((metric.subset, metric.name), {})[metric.accounting] = metric
    return rows
