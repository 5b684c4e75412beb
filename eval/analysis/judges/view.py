"""Terminal view of two judges on the same predictions: offsets, agreement, and samples that flip."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from eval.analysis.judges.comparison import Agreement, JudgeFlip
from eval.analysis.judges.measured import LabelTable, Offset
from eval.core import JudgedTraits
from eval.report.columns import Column, Line, show_table
from eval.report.printing import one_line, printed, quoted_width, results_console, say, titled
from eval.runs.differences import Difference
from eval.scorers.traits import traits_of

FLIPS_SHOWN = 5
"""Number of samples listed for each kind of flip."""
EVENTS_SHOWN = 3
"""Number of events listed for a description that flips."""
DIFFERENCES_SHOWN = 6
"""Number of differing judge settings listed."""

_EXPLAINED = (
    "Values times 100 (those in points as they are), on what both judged; offsets are second minus first. "
    "Intervals are of 95%, over source videos."
)
_NARROW = 40
"""Most characters of a value printed beside others in a line."""


def show_agreement(agreement: Agreement, *, notes: Sequence[str] = (), console: Console | None = None) -> None:
    """Print the agreement of two judges, the offsets of the metrics, and the samples that flip."""
    console = console or results_console()
    judged, table = traits_of({"name": agreement.scorer}).judged, agreement.table
    assert judged is not None, "an agreement is of judges"
    say_title(console, agreement.benchmark, agreement.first, agreement.second)
    say(console, f"They differ in {told_differences(agreement.differences)}.")
    say(console, _counts(agreement))
    say(console, "")
    for offset in agreement.offsets:
        say(console, _offset(offset), "bold" if offset is agreement.offsets[0] else "")
    say(console, _kappa(table, judged.noun))
    if agreement.n_other_events:
        left_out = f"{agreement.n_other_events} descriptions are left out of it: the judges listed other events."
        say(console, left_out)
    if table.n:
        _show_labels(console, table)
    say(console, _EXPLAINED)
    if judged.items:
        _show_flips(console, "descriptions with other values or labels (most moved first)", agreement.flips, judged)
    else:
        grade, (yes, no) = judged.values[0], judged.labels
        right = [flip for flip in agreement.flips if flip.first[grade]]
        wrong = [flip for flip in agreement.flips if not flip.first[grade]]
        _show_flips(console, f"{yes} -> {no}", right, judged)
        _show_flips(console, f"{no} -> {yes}", wrong, judged)
    for note in notes:
        say(console, note)


def say_title(console: Console, benchmark: str, first: str, second: str) -> None:
    """Print the benchmark and the two sides of the comparison."""
    say(console, f"\n{one_line(benchmark)} | {one_line(first)} -> {one_line(second)}", "bold")


def told_differences(differences: Sequence[Difference]) -> str:
    """Return the fields in which two judges differ, with the values where these are short."""

    def told(value: Any) -> str:
        return "none" if value is None else one_line(value if isinstance(value, str) else json.dumps(value))

    parts = []
    for one in differences[:DIFFERENCES_SHOWN]:
        values = (told(one.first), told(one.second))
        is_short = max(map(len, values)) <= _NARROW
        parts.append(one_line(one.field) + (f" ({values[0]} -> {values[1]})" if is_short else ""))
    more = len(differences) - len(parts)
    return f"{', '.join(parts)}{f' and {more} more' if more else ''}"


def _counts(agreement: Agreement) -> str:
    rest = (
        (agreement.n_first_only, "by the first only"),
        (agreement.n_second_only, "by the second only"),
        (agreement.n_neither, "by neither"),
    )
    return ", ".join([f"{agreement.n_both} samples judged by both", *(f"{n} {how}" for n, how in rest if n)]) + "."


def _offset(offset: Offset) -> str:
    values = f"{printed(offset.name, offset.first)} -> {printed(offset.name, offset.second)}"
    interval = "(no interval: too few source videos)"
    if offset.low is not None and offset.high is not None:
        interval = f"[{signed(offset.name, offset.low)}, {signed(offset.name, offset.high)}]"
    return f"{titled(offset.name)} {values}, offset {signed(offset.name, offset.offset)} {interval}"


def signed(name: str, value: float) -> str:
    """Return a difference with its sign, formatted as its metric is; 0 has no sign."""
    shown = printed(name, abs(value))
    return shown if float(shown) == 0 else f"{'-' if value < 0 else '+'}{shown}"


def _kappa(table: LabelTable, of: str) -> str:
    if table.share is None:
        return f"No {of} to compare."
    said = f"agreement {100 * table.share:.1f} on {table.n} {of}, "
    if table.kappa is None:
        return said + "kappa undefined (a judge gave all of them the same one)"
    if table.low is None or table.high is None:
        return said + f"kappa {table.kappa:.2f} (no interval: too few source videos or labels)"
    return said + f"kappa {table.kappa:.2f} [{table.low:.2f}, {table.high:.2f}]"


def _show_labels(console: Console, table: LabelTable) -> None:
    columns = [Column(name="first \\ second", is_text=True), *(Column(name=label) for label in table.labels)]
    pairs = zip(table.labels, table.counts, strict=True)
    lines = [Line(cells=(label, *map(str, counts))) for label, counts in pairs]
    show_table(console, columns, lines, elsewhere="--to FILE")


def _show_flips(console: Console, title: str, flips: Sequence[JudgeFlip], judged: JudgedTraits) -> None:
    say(console, f"\n{len(flips)} {title}{':' if flips else ''}", "bold")
    width = quoted_width(console)
    for flip in flips[:FLIPS_SHOWN]:
        for line in (_described if judged.items else _graded)(flip, width, judged):
            say(console, line)
    if len(flips) > FLIPS_SHOWN:
        say(console, f"  ... and {len(flips) - FLIPS_SHOWN} more")


def told_grade(values: Mapping[str, float], judged: JudgedTraits) -> str:
    """Return a judge's grade of a whole answer, with its score where it gives one, such as `yes (4)`."""
    grade, *others = judged.values
    label, rest = judged.labels[0 if values[grade] else 1], ", ".join(f"{values[name]:g}" for name in others)
    return f"{label} ({rest})" if rest else label


def _graded(flip: JudgeFlip, width: int, judged: JudgedTraits) -> list[str]:
    said = [told_grade(one, judged) for one in (flip.first, flip.second)]
    question = f"{one_line(flip.question, width // 2)} " if flip.question else ""
    compared = f"    answer {one_line(flip.target, width // 4)} | output {one_line(flip.output, width)}"
    return [f"  {one_line(flip.id)}: {said[0]} -> {said[1]}  {question}".rstrip(), _cut(compared, width)]


def _described(flip: JudgeFlip, width: int, judged: JudgedTraits) -> list[str]:
    moves = (
        f"{titled(name)} {printed(name, flip.first[name])} -> {printed(name, flip.second[name])}"
        for name in judged.values
    )
    lines = [f"  {one_line(flip.id)}: {', '.join(moves)}"]
    lines += [
        _cut(f"    {event.first} -> {event.second}: {one_line(event.event, width)}", width)
        for event in flip.relabelled[:EVENTS_SHOWN]
    ]
    if len(flip.relabelled) > EVENTS_SHOWN:
        lines.append(f"    ... and {len(flip.relabelled) - EVENTS_SHOWN} more events")
    return [*lines, _cut(f"    output {one_line(flip.output, width)}", width)]


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"
