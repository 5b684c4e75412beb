"""Terminal view of two systems on the same samples: changes, their uncertainty, and the samples that turned."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from eval.analysis.compare.change import Change
from eval.analysis.compare.several import Comparisons
from eval.analysis.compare.systems import Comparison, Turned
from eval.analysis.judges.view import say_title, signed, told_differences
from eval.core import OVERALL
from eval.report.columns import Column, Line, show_table
from eval.report.printing import one_line, printed, quoted_width, results_console, say, titled
from eval.scorers.traits import metric_named

TURNED_SHOWN = 5
"""Number of samples listed for each way to turn."""

_EXPLAINED = (
    "Values times 100 (those in points as they are); differences are second minus first. What has no value "
    "earns nothing in strict; in upstream, what either lacks a value for is left out. Intervals are of 95%, over "
    "source videos."
)
_DETECTABLE = "Detectable: the smallest true difference that is found at 5% in 80% of such comparisons"
HOLM = "p (Holm): p, adjusted for several {}: with no difference at all, the chance that any is below 0.05 is 5%."
_NONE = "none"
"""Shown where no difference could be detected by a comparison of this size."""
LEVEL = 0.05
"""p below which a difference counts as shown."""
_DISAGREE = (
    "p and the interval disagree on whether a difference of 0 is ruled out, as they can where few videos differ: more "
    "videos would settle it."
)
_HOLM = Column(name="p (Holm)", rank=3)
_COLUMNS = (
    Column(name="", is_text=True),
    Column(name="n", rank=4),
    Column(name="videos", rank=6),
    Column(name="first"),
    Column(name="second", rank=1),
    Column(name="difference"),
    Column(name="95% interval"),
    Column(name="p", rank=2),
    _HOLM,
    Column(name="detectable", rank=5),
)
COLUMNS = frozenset(column.name for column in _COLUMNS)
"""The names of all columns."""
_SUMMARY = (
    Column(name="", is_text=True),
    Column(name="metric", is_text=True, rank=1),
    *(column for column in _COLUMNS if column.name in ("n", "first", "second", "difference", "95% interval", "p")),
    _HOLM,
)
_TESTS = {
    "mcnemar": ("McNemar's exact test", "where each sample has a video of its own"),
    "exchange": ("all ways to exchange the two by video", "where few videos differ"),
    "exchange_drawn": ("exchanging the two by video, 10,000 times", "where many do"),
}
"""Each test in words, and where it is used."""


def show_comparison(comparison: Comparison, *, console: Console | None = None) -> None:
    """Print the change in every metric and subset from the first system to the second, and the samples that turned."""
    console = console or results_console()
    say_title(console, comparison.benchmark, comparison.first, comparison.second)
    for line in (*circumstances(comparison), counted(comparison)):
        say(console, line)
    shown = _show_changes(console, comparison.changes)
    for line in (verdict(comparison), explained(comparison.changes, shown)):
        if line:
            say(console, line)
    better = [each for each in comparison.turned if each.second > each.first]
    worse = [each for each in comparison.turned if each.second < each.first]
    for title, turned in (("better in the second", better), ("worse in the second", worse)):
        _show_turned(console, f"{len(turned)} samples {title}{_by(comparison)}", turned)


def _by(comparison: Comparison) -> str:
    return f", by {comparison.turned_by}" if comparison.turned_by else ""


def show_comparisons(compared: Comparisons, *, console: Console | None = None) -> None:
    """Print each benchmark's comparison, and a table with a line a benchmark: the primary metric in strict."""
    console = console or results_console()
    for comparison in compared.comparisons:
        show_comparison(comparison, console=console)
    listed = [
        (each, change, p)
        for each, p in zip(compared.comparisons, compared.p_adjusted, strict=True)
        if (change := each.headline) is not None
    ]
    lines = [
        Line(
            cells=(
                one_line(comparison.benchmark), one_line(f"{titled(change.name)}, strict"), str(change.n),
                printed(change.name, change.first), printed(change.name, change.second),
                signed(change.name, change.difference), _interval(change), _p(change.p), _p(p),
            )
        )
        for comparison, change, p in listed
    ]  # fmt: skip
    say(console, "\nAll benchmarks", "bold")
    show_table(console, _SUMMARY, lines, elsewhere="--to FILE")
    for line in (*left_out(compared), HOLM.format("benchmarks")):
        say(console, line)


def left_out(compared: Comparisons) -> list[str]:
    """Return a line for the benchmarks that only one of the two has."""
    sides = (("first", compared.first_only), ("second", compared.second_only))
    told = ((which, ", ".join(map(one_line, names))) for which, names in sides if names)
    return [f"Of the {which} alone, and left out: {names}." for which, names in told]


def told_continued(comparison: Comparison) -> list[str]:
    """Return a line for each run that was continued with another setting, which its user accepted."""
    lines = []
    for run in comparison.continued:
        changes = ", ".join(one_line(f"{each.field} (after {each.predictions} predictions)") for each in run.accepted)
        lines.append(f"Mixed settings: {one_line(run.folder)} was continued with another {changes}.")
    return lines


def circumstances(comparison: Comparison) -> list[str]:
    """Return a line for everything that the two differ in, and that makes them hard to compare."""
    lines = []
    if comparison.accepted:
        lines.append(
            f"NOT ONLY THE MODELS DIFFER, as accepted: {told_differences(comparison.accepted)}. The numbers below may "
            "be about that."
        )
    lines += told_continued(comparison)
    if comparison.unknown:
        lines.append(f"A folder does not say its {', '.join(comparison.unknown)}: they were not compared.")
    if comparison.differences:
        lines.append(f"The models differ in {told_differences(comparison.differences)}.")
    return [*lines, *(f"INCOMPLETE: {one_line(folder)}" for folder in comparison.incomplete)]


def counted(comparison: Comparison) -> str:
    """Return the number of samples compared, and of those left out."""
    only = ((comparison.n_first_only, "first"), (comparison.n_second_only, "second"))
    alone = "".join(f", {n} of the {which} alone left out" for n, which in only if n)
    return f"{comparison.n_common} samples of both{alone}."


def _show_changes(console: Console, changes: Sequence[Change]) -> frozenset[str]:
    """Print a row for each overall metric in both accountings, and one for each subset, in strict."""
    has_subsets = any(change.subset != OVERALL for change in changes)
    columns = [column for column in _COLUMNS if has_subsets or column is not _HOLM]
    listed = _listed(changes)
    lines = []
    for position, change in enumerate(listed):
        following = listed[position + 1] if position + 1 < len(listed) else None
        cells = (
            one_line(_label(change)),
            str(change.n),
            str(change.n_clusters),
            printed(change.name, change.first),
            printed(change.name, change.second),
            signed(change.name, change.difference),
            _interval(change),
            _p(change.p),
            *([_p(change.p_adjusted)] if has_subsets else []),
            _detectable(change),
        )
        ends_section = following is not None and _part(following) != _part(change)
        lines.append(Line(cells=cells, style="" if position else "bold", ends_section=ends_section))
    return show_table(console, columns, lines, elsewhere="--to FILE")


def _listed(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change.subset == OVERALL or change.accounting == "strict"]


def is_blind(change: Change) -> bool:
    """Whether most comparisons of this size would miss even the largest possible difference."""
    return change.detectable is None and bool(change.stderr)


def _detectable(change: Change) -> str:
    return _NONE if is_blind(change) else printed(change.name, change.detectable)


def explained(changes: Sequence[Change], shown: frozenset[str]) -> str:
    """Return an explanation of the columns shown, by their names."""
    parts = [_EXPLAINED]
    if "detectable" in shown:
        none = f"; {_NONE}: no difference could be seen with so few videos"
        parts.append(f"{_DETECTABLE}{none if any(map(is_blind, _listed(changes))) else ''}.")
    # Told even where no column has p: the verdict does.
    tests = [told for name, told in _TESTS.items() if any(change.test == name for change in changes)]
    parts.append(f"p: {'; '.join(f'{test} {where}' if len(tests) > 1 else test for test, where in tests)}.")
    if _HOLM.name in shown and any(change.p_adjusted is not None for change in changes):
        parts.append(HOLM.format("subsets"))
    return " ".join(parts)


def _part(change: Change) -> tuple[bool, str]:
    return change.subset == OVERALL, change.accounting


def _label(change: Change) -> str:
    return f"{titled(change.name)}, {change.accounting}" if change.subset == OVERALL else change.subset


def _interval(change: Change) -> str:
    if change.low is None or change.high is None:
        return "-"
    return f"[{signed(change.name, change.low)}, {signed(change.name, change.high)}]"


def _p(p: float | None) -> str:
    if p is None:
        return ""
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def verdict(comparison: Comparison) -> str:
    """Return what is shown of the primary metric: its difference, or the smallest one that would have been detected."""
    change = comparison.headline
    if change is None:
        grouped = metric_named(comparison.primary).grouped
        none = "no group of questions is whole in both" if grouped else "no sample has a value in both"
        return f"{titled(comparison.primary)}: nothing to compare, since {none}."
    two = "runs" if comparison.same_model else "models"
    name = titled(change.name)
    what = f"{name}, strict: {signed(change.name, change.difference)} {_interval(change)}, p {_p(change.p)}."
    found = change.p < LEVEL
    if change.low is not None and change.high is not None and found == (change.low <= 0 <= change.high):
        said, more = f"It is not settled whether the {two} differ.", f" {_DISAGREE}"
    elif found:
        said, more = f"The {two} differ.", ""
    else:
        said, more = "No difference is shown.", ""
        if is_blind(change):
            more = " With so few videos none could be seen."
        elif change.detectable:
            more = f" This size finds one of {printed(change.name, change.detectable)} or more in 80% of cases."
    return f"{said} {what}{more}{_same_model(comparison)}"


def _same_model(comparison: Comparison) -> str:
    """Return what differs between two runs of one model: how many samples failed; "" where that does not."""
    first, second = comparison.n_failed
    if not comparison.same_model or first == second:
        return ""
    counts = f"{first} of {comparison.n_common} samples failed in the first, {second} in the second"
    return f" The model is the same in both; {counts}."


def _show_turned(console: Console, title: str, turned: Sequence[Turned]) -> None:
    say(console, f"\n{title}{':' if turned else ''}", "bold")
    for each in turned[:TURNED_SHOWN]:
        target = f" (answer {one_line(each.target, 40)})" if each.target else ""
        say(console, f"  {one_line(each.id)}: {each.first:.3g} -> {each.second:.3g}{target}")
        for name, output in (("first", each.first_output), ("second", each.second_output)):
            shown = "(failed)" if output is None else one_line(output, quoted_width(console) - 14)
            say(console, f"    {name:<6} {shown}")
    if len(turned) > TURNED_SHOWN:
        say(console, f"  ... and {len(turned) - TURNED_SHOWN} more")
