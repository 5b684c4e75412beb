"""Two systems on the same samples, for the terminal: what changed, how sure that is, and which samples turned."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval.comparison.change import Change
from eval.comparison.systems import Comparison, Turned
from eval.core import OVERALL
from eval.report.agreement import one_line, say, say_title, signed, told_differences
from eval.report.terminal import printed, results_console

TURNED_SHOWN = 5
"""Samples listed of each way to turn."""

_EXPLAINED = (
    "Values times 100 (a judge's score from 0 to 5 as it is); differences are second minus first. What has no value "
    "earns nothing in strict; in upstream, what either lacks a value for is left out. Intervals are of 95%, over "
    "source videos. Detectable: the smallest true difference that is found at 5% in 80% of such comparisons."
)
_TESTS = {
    "mcnemar": "p: McNemar's exact test.",
    "exchange": "p: all ways to exchange the two by video.",
    "exchange_drawn": "p: exchanging the two by video, 10,000 times.",
}


def show_comparison(comparison: Comparison, *, console: Console | None = None) -> None:
    """Print how the second system differs from the first, in every metric and subset, and which samples turned."""
    console = console or results_console()
    say_title(console, comparison.benchmark, comparison.first, comparison.second)
    for line in _circumstances(comparison):
        say(console, line)
    console.print(_table(comparison.changes))
    for line in (*_verdict(comparison), _EXPLAINED, *_tests(comparison.changes)):
        say(console, line)
    better = [each for each in comparison.turned if each.second > each.first]
    worse = [each for each in comparison.turned if each.second < each.first]
    for title, turned in (("better in the second", better), ("worse in the second", worse)):
        _show_turned(console, f"{len(turned)} samples {title}", turned)


def told_continued(comparison: Comparison) -> list[str]:
    """Return a line for each run that was continued with another setting, as the user accepted."""
    lines = []
    for run in comparison.continued:
        changes = ", ".join(one_line(f"{each.field} (after {each.predictions} predictions)") for each in run.accepted)
        lines.append(f"NOT ONE SETTING THROUGHOUT: {one_line(run.folder)} was continued with another {changes}.")
    return lines


def _circumstances(comparison: Comparison) -> list[str]:
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
    lines += [f"INCOMPLETE: {one_line(folder)}" for folder in comparison.incomplete]
    only = ((comparison.n_first_only, "first"), (comparison.n_second_only, "second"))
    alone = "".join(f", {n} of the {which} alone left out" for n, which in only if n)
    return [*lines, f"{comparison.n_common} samples of both{alone}."]


def _table(changes: Sequence[Change]) -> Table:
    """Return a row for each overall metric in both accountings, and one for each subset, in strict."""
    has_subsets = any(change.subset != OVERALL for change in changes)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", overflow="ellipsis", no_wrap=True)
    names = ["n", "videos", "first", "second", "difference", "95% interval", "p"]
    for name in [*names, *(["p (Holm)"] if has_subsets else []), "detectable"]:
        table.add_column(name, justify="right", no_wrap=True)
    shown = [change for change in changes if change.subset == OVERALL or change.accounting == "strict"]
    for position, change in enumerate(shown):
        following = shown[position + 1] if position + 1 < len(shown) else None
        table.add_row(
            escape(_label(change)),
            str(change.n),
            str(change.n_clusters),
            printed(change.name, change.first),
            printed(change.name, change.second),
            signed(change.name, change.difference),
            _interval(change),
            _p(change.p),
            *([_p(change.p_adjusted)] if has_subsets else []),
            printed(change.name, change.detectable),
            style="bold" if position == 0 else None,
            end_section=following is not None and _part(following) != _part(change),
        )
    return table


def _part(change: Change) -> tuple[bool, str]:
    return change.subset == OVERALL, change.accounting


def _label(change: Change) -> str:
    return f"{change.name}, {change.accounting}" if change.subset == OVERALL else change.subset


def _interval(change: Change) -> str:
    if change.low is None or change.high is None:
        return "-"
    return f"[{signed(change.name, change.low)}, {signed(change.name, change.high)}]"


def _p(p: float | None) -> str:
    if p is None:
        return ""
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _verdict(comparison: Comparison) -> list[str]:
    """Return what the primary metric says, in a sentence: a difference, or how small a one would have been seen."""
    change = next(
        (
            change
            for change in comparison.changes
            if change.accounting == "strict" and change.name.startswith(comparison.primary)
        ),
        None,
    )
    if change is None:
        return []
    what = f"{change.name}, strict: {signed(change.name, change.difference)} {_interval(change)}, p {_p(change.p)}."
    if change.p < 0.05:
        return [f"The models differ. {what}"]
    seen = printed(change.name, change.detectable)
    return [
        f"No difference is shown. {what}"
        + (f" This size finds one of {seen} or more in 80% of cases." if change.detectable else "")
    ]


def _tests(changes: Sequence[Change]) -> list[str]:
    return [" ".join(dict.fromkeys(_TESTS[change.test] for change in changes))] if changes else []


def _show_turned(console: Console, title: str, turned: Sequence[Turned]) -> None:
    say(console, f"\n{title}{':' if turned else ''}", "bold")
    for each in turned[:TURNED_SHOWN]:
        target = f" (answer {one_line(each.target, 40)})" if each.target else ""
        say(console, f"  {one_line(each.id)}: {each.first:.3g} -> {each.second:.3g}{target}")
        for name, output in (("first", each.first_output), ("second", each.second_output)):
            shown = "(failed)" if output is None else one_line(output, console.width - 14)
            say(console, f"    {name:<6} {shown}")
    if len(turned) > TURNED_SHOWN:
        say(console, f"  ... and {len(turned) - TURNED_SHOWN} more")
