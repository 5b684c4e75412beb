"""Output of the gate on the terminal, and as GitHub annotations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from eval.analysis.compare.change import Change
from eval.analysis.compare.view import told_continued
from eval.analysis.judges.view import signed
from eval.analysis.margin import MarginGate
from eval.readers.malformed import printable
from eval.regression.comparing import GateOutcome, RecordDifference, compare
from eval.regression.records import FIELDS, Observation
from eval.report.columns import Column, Line, show_table
from eval.report.printing import one_line, printed, results_console, say
from eval.scorers.traits import metric_named

EXAMPLES = 3
"""Number of differences shown for each field."""
SHORT, CONTEXT = 100, 30
"""Characters of texts that are shown whole, and of what is shown before the place where longer ones differ."""
ANNOTATIONS = 10
"""Number of annotations printed: GitHub shows no more of one step."""
_COLUMNS = (
    Column(name="field", is_text=True),
    Column(name="records"),
    Column(name="what", is_text=True),
    Column(name="benchmarks", is_text=True),
)


def show_outcome(outcome: GateOutcome, *, console: Console | None = None) -> None:
    """Print whether all is unchanged, the first difference, and the number of differences after it."""
    console = console or results_console()
    n = len(outcome.checked)
    if outcome.first is None:
        say(console, f"PASS: {n} records, all as in the baseline.", "bold")
        return
    say(console, f"FAIL: {_n_records(outcome.differences)} of {n} records differ from the baseline.", "bold")
    say(console, f"First, in the order of the pipeline: {told(outcome.first)}")
    for line in _versions(outcome):
        say(console, line)
    _show_fields(console, outcome.differences)
    say(console, "If this is what the change was to do, make baseline shows it all and renews; commit the file.")


def show_renewal(before: Observation | None, now: Observation, path: Path, *, console: Console | None = None) -> None:
    """Print the changes in a new baseline, field by field."""
    console = console or results_console()
    if before is None:
        say(console, f"{path}: a first baseline of {len(now.records)} records.", "bold")
        return
    for name in ("checkpoint", "world"):
        if getattr(before, name) != getattr(now, name):
            say(console, f"The {name} is another: {getattr(before, name)[:12]} -> {getattr(now, name)[:12]}.")
    outcome = compare(
        Observation(checkpoint=now.checkpoint, world=now.world, libraries=before.libraries, records=before.records),
        now,
    )
    for line in _versions(outcome):
        say(console, line)
    if outcome.passed:
        say(console, f"{path}: {len(now.records)} records, none of which changes.", "bold")
        return
    say(console, f"{path}: {_n_records(outcome.differences)} of {len(outcome.checked)} records change.", "bold")
    _show_fields(console, outcome.differences)
    for name in outcome.by_field():
        for each in [one for one in outcome.differences if one.field == name][:EXAMPLES]:
            say(console, f"  {told(each)}")


def told(difference: RecordDifference) -> str:
    """Return a difference as one line: field, benchmark, sample, both values, and what explains them."""
    expected, found, at = _beside(difference.expected, difference.found)
    note = f" ({difference.note})" if difference.note else ""
    return (
        f"{difference.place} ({FIELDS[difference.field]}) of {one_line(difference.benchmark)}, "
        f"{one_line(difference.id)}: expected {expected}, found {found}{at}{note}"
    )


def _beside(expected: Any, found: Any) -> tuple[str, str, str]:
    """Return two values as shown, and where they differ: long texts from shortly before that place on."""
    if not (isinstance(expected, str) and isinstance(found, str)) or max(len(expected), len(found)) <= SHORT:
        return _shown(expected), _shown(found), ""
    pairs = enumerate(zip(expected, found, strict=False))
    at = next((i for i, (one, other) in pairs if one != other), min(len(expected), len(found)))
    start = max(0, at - CONTEXT)
    sides = [f"{'…' if start else ''}{_shown(text[start : at + SHORT - CONTEXT])}" for text in (expected, found)]
    return sides[0], sides[1], f", from character {at + 1} on ({len(expected)} and {len(found)} characters)"


def _shown(value: Any) -> str:
    """Return a value in which every character can be seen: what has no picture is written out, and a second space."""
    text = json.dumps(value, ensure_ascii=False)
    seen = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return one_line(re.sub("(?<= ) ", r"\\x20", seen), 160)


def _n_records(differences: Sequence[RecordDifference]) -> int:
    return len({(each.benchmark, each.id) for each in differences})


def _versions(outcome: GateOutcome) -> list[str]:
    if not outcome.libraries:
        return []
    listed = ", ".join(f"{name} {was} -> {now}" for name, (was, now) in outcome.libraries.items())
    return [f"Libraries are not those of the baseline: {listed}. Frames and last digits may differ by that alone."]


def _show_fields(console: Console, differences: Sequence[RecordDifference]) -> None:
    lines = []
    for name in FIELDS:
        part = [each for each in differences if each.field == name]
        if part:
            benchmarks = ", ".join(dict.fromkeys(one_line(each.benchmark) for each in part))
            lines.append(Line(cells=(name, str(len(part)), FIELDS[name], benchmarks)))
    show_table(console, _COLUMNS, lines, elsewhere="--junit FILE")


def annotated(outcome: GateOutcome) -> Iterator[str]:
    """Yield GitHub's workflow commands: one for the first difference of each field, in the order of the pipeline."""
    firsts = {each.field: each for each in reversed(outcome.differences)}
    for name in list(outcome.by_field())[:ANNOTATIONS]:
        yield f"::error title={_property(f'regress: {name}')}::{_data(told(firsts[name]))}"


def annotated_margin(gate: MarginGate) -> str | None:
    """Return GitHub's workflow command for a run; None for one that passed without accepted differences."""
    if gate.decision.verdict == "pass" and not gate.comparison.accepted:
        return None
    kind = {"pass": "notice", "fail": "error", "inconclusive": "warning"}[gate.decision.verdict]
    return f"::{kind} title={_property(f'regress: {gate.change.name}')}::{_data(' '.join(margin_lines(gate)))}"


def _data(text: str) -> str:
    """Return text for a workflow command: on one line, with nothing in it that looks like another command."""
    encoded = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return printable(encoded).replace("::", "%3A%3A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def show_margin(gate: MarginGate, *, console: Console | None = None) -> None:
    """Print a new run's difference and the decision on the margin."""
    console = console or results_console()
    for place, line in enumerate(margin_lines(gate)):
        say(console, line, "bold" if place == 0 else "")


def margin_lines(gate: MarginGate) -> list[str]:
    """Return the verdict, its basis, and further information, a line each."""
    change, decision, comparison = gate.change, gate.decision, gate.comparison
    margin = f"{gate.margin * gate.scale:g}"
    low, high = (signed(change.name, end) for end in (decision.low, decision.high))
    title = (
        f"{decision.verdict.upper()}: {one_line(comparison.benchmark)}, {change.name} ({change.accounting}), "
        f"{one_line(comparison.second)} against {one_line(comparison.first)}: {_says(gate, margin)}"
    )
    numbers = (
        f"{printed(change.name, change.first)} -> {printed(change.name, change.second)}, difference "
        f"{signed(change.name, change.difference)}, one-sided 95% bounds {low} and {high}, "
        f"{_counted(change)}; the margin of {margin} needs {decision.needed}."
    )
    lines = [title, numbers]
    if comparison.accepted:
        fields = ", ".join(each.field for each in comparison.accepted)
        lines.append(f"NOT ONLY THE MODELS DIFFER, as accepted: {fields}.")
    lines += told_continued(comparison)
    if comparison.unknown:
        lines.append(f"A folder does not say its {', '.join(comparison.unknown)}: they were not compared.")
    return [*lines, *(f"INCOMPLETE: {one_line(folder)}" for folder in comparison.incomplete)]


def _counted(change: Change) -> str:
    if metric_named(change.name).grouped:
        return f"{change.n} groups of questions"
    return f"{change.n} samples of {change.n_clusters} videos"


def _says(gate: MarginGate, margin: str) -> str:
    decision = gate.decision
    of = "groups" if metric_named(gate.change.name).grouped else "samples"
    if decision.verdict == "inconclusive" and gate.change.n < decision.needed:
        return (
            f"not enough {of} to decide: a margin of {margin} needs about {decision.needed} {of} like these, and "
            f"there are {gate.change.n}. Take more {of}, or a wider margin."
        )
    if decision.verdict == "pass":
        return f"a loss of {margin} is ruled out."
    if decision.verdict == "fail":
        return f"a loss of more than {margin} is shown."
    worse = " The new run is shown to be worse, but not by how much." if decision.high < 0 else ""
    return f"a loss of {margin} is neither shown nor ruled out.{worse}"
