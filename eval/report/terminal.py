"""What a run shows: progress while it works, one table when it is done, and the samples that failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from eval.core import OVERALL, Accounting, Metric, Prediction, Result

if TYPE_CHECKING:
    from typing_extensions import Self

FAILURES_SHOWN = 10
"""Failed samples listed on the terminal; predictions.jsonl has all of them."""

PLAIN_INTERVAL = 15.0
"""Seconds between progress lines where the output is not a terminal."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return samples a second."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "-/s")


class RunProgress:
    """Samples done, rate and time left: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, label: str, total: int, done: int = 0) -> None:
        self._label, self._total, self._done, self._begun_with = label, total, done, done
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
        """Count `n` more samples as done."""
        self._done += n
        if self._bar and self._task is not None:
            self._bar.advance(self._task, n)
            return
        now = time.monotonic()
        if now - self._last >= PLAIN_INTERVAL or self._done == self._total:
            self._last = now
            rate = (self._done - self._begun_with) / max(now - self._start, 1e-9)
            left = (self._total - self._done) / rate if rate else 0.0
            line = f"{self._label}: {self._done}/{self._total} samples, {rate:.1f}/s, {left:.0f} s left"
            print(line, file=sys.stderr, flush=True)


def percent(value: float | None) -> str:
    """Return a share as the field prints it: percent with one digit."""
    return "-" if value is None else f"{100 * value:.1f}"


def show_result(result: Result, *, notes: Sequence[str] = (), console: Console | None = None) -> None:
    """Print the result's table: a row for each overall metric and each subset, both accountings side by side."""
    console = console or Console()
    table = Table(title=f"{escape(result.benchmark)} | {escape(result.model)}", title_justify="left")
    table.add_column("subset")
    table.add_column("metric")
    for name in ("n", "upstream", "strict", "chance", "invalid", "failed", "media"):
        table.add_column(name, justify="right")
    media = {c.subset: f"{c.present}/{c.total}" for c in result.coverage}
    present, total = sum(c.present for c in result.coverage), sum(c.total for c in result.coverage)
    media[OVERALL] = f"{present}/{total}" if total else ""
    rows = list(_rows(result.metrics).items())
    for position, ((subset, name), by_accounting) in enumerate(rows):
        upstream, strict = by_accounting.get("upstream"), by_accounting.get("strict")
        metric = strict or upstream
        if metric is None:
            continue
        is_last_overall = subset == OVERALL and [key[0] for key, _ in rows[position + 1 : position + 2]] != [OVERALL]
        table.add_row(
            escape(subset),
            escape(name),
            str(metric.n + metric.n_failed),
            percent(upstream.value if upstream else None),
            percent(strict.value if strict else None),
            percent(metric.chance),
            str(metric.n_invalid),
            str(metric.n_failed),
            media.get(subset, ""),
            style="bold" if subset == OVERALL else None,
            end_section=is_last_overall,
        )
    console.print(table)
    counts = result.counts
    console.print(
        f"{counts.total} samples: {counts.scored} scored, {counts.invalid} without a valid answer, "
        f"{counts.model_failed} failed. Accuracy in percent; upstream leaves invalid answers out, "
        "strict counts them as wrong.",
        highlight=False,
        soft_wrap=True,
    )
    for note in notes:
        console.print(note, highlight=False, soft_wrap=True, markup=False)


def _rows(metrics: Sequence[Metric]) -> dict[tuple[str, str], dict[Accounting, Metric]]:
    rows: dict[tuple[str, str], dict[Accounting, Metric]] = {}
    for metric in metrics:
        rows.setdefault((metric.subset, metric.name), {})[metric.accounting] = metric
    return rows


def show_failures(predictions: Sequence[Prediction], *, console: Console | None = None) -> None:
    """List the samples that have no output, with the reason; the first few of them in full."""
    console = console or Console()
    failed = [prediction for prediction in predictions if prediction.error is not None]
    if not failed:
        return
    console.print(f"\n{len(failed)} failed:", style="bold red", highlight=False)
    for prediction in failed[:FAILURES_SHOWN]:
        line = f"  {prediction.id}: {prediction.error}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if len(failed) > FAILURES_SHOWN:
        console.print(f"  ... and {len(failed) - FAILURES_SHOWN} more, in predictions.jsonl", highlight=False)
