"""What a run shows: progress while it works, one table when it is done, and the samples that failed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from eval.core import COMPLETE_FROM, OVERALL, Accounting, Metric, Prediction, Result, Score
from eval.stats.clusters import projected_reach
from eval.store import PREDICTIONS, SCORES

if TYPE_CHECKING:
    from typing_extensions import Self

FAILURES_SHOWN = 10
"""Failed samples listed on the terminal; predictions.jsonl has all of them."""

PLAIN_INTERVAL = 15.0
"""Seconds between progress lines where the output is not a terminal."""


FEW_VIDEOS = 30
"""Source videos below which an interval may cover as little as 93%: results/bench/statistics.md."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return samples a second."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "-/s")


class RunProgress:
    """What is done of a work, rate and time left: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, label: str, total: int, done: int = 0, unit: str = "samples", *, ends: bool = True) -> None:
        self._label, self._total, self._done, self._begun_with = label, total, done, done
        self._unit, self._ends = unit, ends  # whether a line says that all is done
        self._start = self._last = time.monotonic()
        console = Console(stderr=True)
        self._bar = (
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                _Rate(),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            if console.is_terminal
            else None
        )
        self._task = self._bar.add_task(escape(label), total=total, completed=done) if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self, n: int) -> None:
        """Count `n` more as done."""
        self._done += n
        if self._bar and self._task is not None:
            self._bar.advance(self._task, n)
            return
        now = time.monotonic()
        if now - self._last >= PLAIN_INTERVAL or (self._ends and self._done == self._total):
            self._last = now
            rate = (self._done - self._begun_with) / max(now - self._start, 1e-9)
            left = (self._total - self._done) / rate if rate else 0.0
            line = f"{self._label}: {self._done}/{self._total} {self._unit}, {rate:.1f}/s, {left:.0f} s left"
            print(line, file=sys.stderr, flush=True)


def printed(name: str, value: float | None) -> str:
    """Return a value as the field prints it: times 100 with one digit, but a judge's score from 0 to 5 as it is."""
    if value is None:
        return "-"
    return f"{value:.2f}" if name == "score" or name.startswith("score_") else f"{100 * value:.1f}"


class _Console(Console):
    """A console that lets a closed pipe pass: `| head` is no failure of the run."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def results_console() -> Console:
    """Return the console for results, with room for every column where no terminal sets the width."""
    return _Console() if sys.stdout.isatty() else _Console(width=120)


def show_result(result: Result, *, notes: Sequence[str] = (), console: Console | None = None) -> None:
    """Print the result's table: a row for each metric and subset, both accountings side by side."""
    console = console or results_console()
    judge = f" | judge {result.judge}, protocol {result.protocol}" if result.judge else ""
    console.print(f"\n{result.benchmark} | {result.model}{judge}", style="bold", highlight=False, markup=False)
    media = {c.subset: f"{c.present}/{c.total}" for c in result.coverage}
    present, total = sum(c.present for c in result.coverage), sum(c.total for c in result.coverage)
    media[OVERALL] = f"{present}/{total}"
    failed = result.counts.model_failed + result.counts.judge_failed
    columns = ["n", "upstream", "strict", "95% interval", *(["if failed"] if failed else [])]
    columns += ["chance", "invalid", "failed"]
    columns += ["media"] if present < total else []
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", overflow="ellipsis", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True, min_width=max(len(name), 7 if name == "media" else 5))
    rows = [row for row in _rows(result.metrics).items() if _is_shown(*row[0], result)]
    rows.sort(key=lambda row: row[0][0] != OVERALL)
    for position, ((subset, name), by_accounting) in enumerate(rows):
        metric = by_accounting.get("strict") or by_accounting["upstream"]
        values = [by_accounting[a].value if a in by_accounting else None for a in ("upstream", "strict")]
        ends_overall = subset == OVERALL and [key[0] for key, _ in rows[position + 1 : position + 2]] != [OVERALL]
        table.add_row(
            escape(_label(subset, name, result.primary)),
            str(metric.n),
            *(printed(name, value) for value in values),
            _span(name, metric.interval),
            *([_bounds(name, metric)] if failed else []),
            printed(name, metric.chance),
            str(metric.n_invalid),
            str(metric.n_failed),
            *([media.get(subset, "")] if "media" in columns else []),
            style="bold" if subset == OVERALL else None,
            end_section=ends_overall,
        )
    if rows:
        console.print(table)
    counts = result.counts
    explained = (
        "Values times 100 (a judge's score from 0 to 5 as it is). What has no valid answer, or failed, is left out by "
        "upstream, and earns nothing in strict. The interval is that of strict, over source videos."
    )
    if failed:
        explained += " If failed: the value had all that failed been wrong, and had all been right."
    for line in (
        f"{counts.total} samples: {counts.scored} scored, {counts.invalid} without a valid answer, {failed} failed.",
        *_incomplete(result),
        explained,
        *_few_videos(result),
        *notes,
    ):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def timing_line(timing: Mapping[str, Any]) -> str:
    """Return where the time went, in one line."""
    stages = timing["stages_s"]
    share = "" if timing["in_model"] is None else f", {100 * timing['in_model']:.0f}% of it in the model"
    parts = [f"{name} {stages[name]:.1f}" for name in ("encode", "prefill", "generate") if stages[name]]
    model = f" ({', '.join(parts)} s)" if parts else ""
    tokens = f"; {timing['tokens']} tokens, {timing['tokens_per_s']:.0f}/s" if timing["tokens_per_s"] else ""
    return (
        f"{timing['samples']} predicted in {timing['wall_s']:.1f} s{share}{model}{tokens}; waited for frames "
        f"{stages['wait']:.1f} s, scored {stages['score']:.1f} s. Decoding took {stages['decode']:.1f} s elsewhere."
    )


def projection(result: Result, n_full: int) -> str | None:
    """Return what a full run of `n_full` samples would say, as far as the error of this part tells; None where none."""
    metric = headline(result, "strict")
    if metric is None or not metric.stderr or not metric.n_clusters or metric.n >= n_full:
        return None
    here = projected_reach(metric.stderr, metric.n, metric.n_clusters, metric.n)
    full = projected_reach(metric.stderr, metric.n, metric.n_clusters, n_full)
    return (
        f"{result.primary} is known to ±{printed(result.primary, here)} from {metric.n} samples; all {n_full} would "
        f"say it to ±{printed(result.primary, full)}, as far as these tell."
    )


def _bounds(name: str, metric: Metric) -> str:
    """Return what the samples that failed could make of a value: all of them wrong, or all right."""
    return _span(name, (metric.lower, metric.upper)) if metric.n_failed else ""


def _span(name: str, ends: tuple[float | None, float | None] | None) -> str:
    return "-" if ends is None else f"{printed(name, ends[0])}-{printed(name, ends[1])}"


def _few_videos(result: Result) -> list[str]:
    """Return a warning where intervals rest on so few videos that they may be too narrow."""
    metric = headline(result, "strict")
    if metric is None or metric.interval is None or metric.n_clusters is None or metric.n_clusters >= FEW_VIDEOS:
        return []
    return [f"Only {metric.n_clusters} source videos: intervals are rough, and may be too narrow near 0 and 100."]


def _incomplete(result: Result) -> list[str]:
    """Return what a result lacks, where that is too much for it to be called complete."""
    if result.complete:
        return []
    counts = result.counts
    ended = counts.total - counts.model_failed - counts.judge_failed
    share = f"{100 * ended / counts.total:.1f}%" if counts.total else "none"
    failed = f"the model failed {counts.model_failed}, the judge {counts.judge_failed}"
    return [f"INCOMPLETE: {share} of the samples have a result, and {100 * COMPLETE_FROM:g}% are needed; {failed}."]


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


def headline(result: Result, accounting: Accounting) -> Metric | None:
    """Return the metric that the benchmark is known by, or None where nothing was scored."""
    key = (result.primary, accounting, OVERALL)
    return next((m for m in result.metrics if (m.name, m.accounting, m.subset) == key), None)


def show_summary(results: Sequence[Result], *, console: Console | None = None) -> None:
    """Print one line a benchmark: the headline in both accountings."""
    console = console or results_console()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    for name in ("n", "upstream", "strict", "95% interval", "failed"):
        table.add_column(name, justify="right", no_wrap=True, min_width=max(5, len(name)))
    table.add_column("judge, protocol", no_wrap=True)
    for result in results:
        values = [headline(result, accounting) for accounting in ("upstream", "strict")]
        table.add_row(
            escape(result.benchmark),
            escape(result.primary),
            str(result.counts.total),
            *(printed(result.primary, metric.value if metric else None) for metric in values),
            _span(result.primary, values[1].interval if values[1] else None),
            str(result.counts.model_failed + result.counts.judge_failed),
            escape(f"{result.judge}, {result.protocol}" if result.judge else ""),
        )
    console.print(table)


def _rows(metrics: Sequence[Metric]) -> dict[tuple[str, str], dict[Accounting, Metric]]:
    rows: dict[tuple[str, str], dict[Accounting, Metric]] = {}
    for metric in metrics:
        rows.setdefault((metric.subset, metric.name), {})[metric.accounting] = metric
    return rows


def show_failures(
    predictions: Sequence[Prediction], scores: Sequence[Score] = (), *, console: Console | None = None
) -> None:
    """List the samples that have no output or no verdict, with the reason; the first few of them in full."""
    console = console or results_console()
    failed = [(p.id, p.error) for p in predictions if p.error is not None]
    unjudged = [(score.id, score.reason or "") for score in scores if score.status == "judge_failed"]
    for what, found, where in (("failed", failed, PREDICTIONS), ("without a verdict", unjudged, SCORES)):
        if not found:
            continue
        console.print(f"\n{len(found)} {what}:", style="bold red", highlight=False)
        for name, reason in found[:FAILURES_SHOWN]:
            console.print(f"  {name}: {one_line(reason)}", highlight=False, markup=False, soft_wrap=True)
        if len(found) > FAILURES_SHOWN:
            console.print(f"  ... and {len(found) - FAILURES_SHOWN} more, in {where}", highlight=False)


def one_line(text: str) -> str:
    """Return text from outside as one printable line of bounded length: it may hold what a terminal obeys."""
    shown = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return shown if len(shown) <= 300 else f"{shown[:300]}..."
