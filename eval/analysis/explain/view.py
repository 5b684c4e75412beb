"""Terminal view of an explanation: exact reasons from scoring again, bounded reasons, known differences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rich.console import Console

from eval.analysis.explain.explanation import Explanation
from eval.analysis.explain.parts import Part
from eval.analysis.explain.ways import ScoringVariant
from eval.analysis.judges.view import signed
from eval.report.columns import Column, Line, show_table
from eval.report.printing import one_line, printed, results_console, say
from eval.scorers.traits import metric_named

SUBSETS_SHOWN = 6
"""Number of subsets listed, half of them the lowest and half the highest."""

_TITLES = {
    "rescored": "scored again",
    "bounded": "bounded",
    "unknown": "only recorded",
}
_EXPLAINED = (
    "Values times 100 (a judge's score from 0 to 5 as it is); the run's number is that of strict, where what has no "
    "valid answer, or failed, earns nothing."
)
_EXPLAINS = Column(name="could explain")
_EXPLAINS_MEANS = (
    "`could explain` is the most of the gap that one row alone could account for. Rows overlap, and never add up; that "
    "one could explain a gap does not say that it does."
)
_COLUMNS = (
    Column(name="", is_text=True),
    Column(name="in the run", is_text=True),
    Column(name="instead", is_text=True),
    Column(name="then", rank=2),  # the run's number, and its change
)
_MOVES = Column(name="moves it by")
_BUILTIN = (
    "THE BUILT-IN WORLD: rendered clips that check the pipeline. Its numbers are not comparable with published ones; "
    "what follows shows the reckoning and nothing else."
)


def show_explanation(found: Explanation, *, console: Console | None = None) -> None:
    """Print a number, the gap to another one, and the possible reasons with the share that each could explain."""
    console = console or results_console()
    judge = f" | judge {one_line(found.judge)}" if found.judge else ""
    subset = "" if found.subset == "overall" else f", {one_line(found.subset)}"
    say(console, f"\n{one_line(found.benchmark)} | {one_line(found.model)} | {found.metric}{subset}{judge}", "bold")
    if found.is_builtin:
        say(console, _BUILTIN, "bold")
    for line in _numbers(found):
        say(console, line)
    shown = _show_parts(console, found)
    explained = f"{_EXPLAINED} {_EXPLAINS_MEANS}" if _EXPLAINS.name in shown else _EXPLAINED
    for line in (*_accounts(found), *_subsets(found), *_notes(found), explained):
        say(console, line)


def _numbers(found: Explanation) -> Iterator[str]:
    number, name, target = found.number, found.metric, found.target
    chosen = f" ({_choices(number)})" if number.choices else ""
    units = "groups of questions" if metric_named(name).grouped else "samples"
    yield f"the run      {_value(name, number)} of {number.n} {units}{chosen}"
    if target is None or found.account is None:
        yield "No other number was given: --published <row or benchmark/model>, or --value <number>."
        return
    where = f"row {target.number}, {one_line(target.model)}" if target.number else "given by hand"
    more = "; ".join(one_line(text) for text in (target.judge, target.source) if text)
    yield f"the other    {printed(name, target.value)} {where}{f' ({more})' if more else ''}"
    yield f"the gap      {signed(name, found.account.gap)} (the other minus the run)"


def _show_parts(console: Console, found: Explanation) -> frozenset[str]:
    columns = (*_COLUMNS, replace(_MOVES, rank=1), _EXPLAINS) if found.target else (*_COLUMNS, _MOVES)
    rows: list[tuple[Part, ScoringVariant | None]] = [*found.rescored, *((part, None) for part in found.others)]
    lines = []
    for kind, title in _TITLES.items():
        of = [row for row in rows if row[0].kind == kind]
        if of:
            lines.append(Line(cells=(title,), style="bold"))
        for position, (part, way) in enumerate(of):
            cells = (
                one_line(part.name),
                one_line(part.here, 80),
                one_line(part.there, 80),
                "" if way is None else printed(found.metric, way.value),
                _moves(found.metric, part),
                _explains(found, part),
            )
            lines.append(Line(cells=cells[: len(columns)], indent=2, ends_section=position + 1 == len(of)))
    return show_table(console, columns, lines, elsewhere="--to FILE")


def _moves(name: str, part: Part) -> str:
    if part.low is None or part.high is None:
        return ""
    if part.low == part.high:
        return _move(name, part.low)
    return f"{_move(name, part.low)} to {_move(name, part.high)}"


def _move(name: str, value: float) -> str:
    """Return a difference, with a second digit where one digit would round a value as small as rounding itself."""
    if 0.00005 <= abs(value) < 0.001 and metric_named(name).unit == "percent":
        return f"{100 * value:+.2f}"
    return signed(name, value)


def _explains(found: Explanation, part: Part) -> str:
    if found.account is None:
        return ""
    if part.explains is None:
        return "unknown size"
    if not part.explains and part.kind == "unknown":
        return "nothing: same"
    if not part.explains:
        moves = part.low or part.high
        return "no: the other way" if moves else "nothing"
    return f"up to {_move(found.metric, part.explains)}"


def _accounts(found: Explanation) -> Iterator[str]:
    name, account = found.metric, found.account
    for each in found.named:
        apart = "" if account is None else f", {signed(name, account.gap - each.way.value + found.number.value)} left"
        yield f"As {each.name}: {_value(name, each.way)} of {each.way.n} ({_choices(each.way)}){apart}."
    if account is None:
        return
    n = len(found.ways)
    if account.steps:
        path = ", ".join(
            f"{step.convention} {one_line(step.before)} -> {one_line(step.after)} {signed(name, step.move)}"
            for step in account.steps
        )
        yield (
            f"Closest of {n} ways to score: {_value(name, account.best)}: {path}; together "
            f"{signed(name, account.explained)}. It was picked for being closest: {account.tried} combinations of "
            f"conventions were tried, with {account.distinct} different numbers, and {_chance(account.by_chance)} of "
            "all numbers no farther away are met as closely by one of them."
        )
    else:
        yield f"Closest of {n} ways to score: the run's own." if n > 1 else "There is one way to score this number."
    yield (
        f"Of the gap of {signed(name, account.gap)}, {signed(name, account.explained)} by scoring otherwise, and "
        f"{signed(name, account.unexplained)} left unexplained{_beyond(found)}."
    )


def _chance(share: float | None) -> str:
    return "none" if not share else "less than 1%" if share < 0.01 else f"{share:.0%}"


def _beyond(found: Explanation) -> str:
    account = found.account
    assert account is not None, "there is a gap"
    if not account.beyond_rounding:
        return ", which the other number's rounding covers"
    if account.beyond_interval is None:
        return "; there is no interval to hold it against"
    if not account.beyond_interval:
        return ", which lies within the 95% interval: no more than other videos could do"
    return f", of which {signed(found.metric, account.beyond_interval)} lie outside the 95% interval"


def _subsets(found: Explanation) -> Iterator[str]:
    ranked = sorted(found.subsets, key=lambda each: each.value)
    if len(ranked) < 2:
        return
    shown = ranked if len(ranked) <= SUBSETS_SHOWN else [*ranked[: SUBSETS_SHOWN // 2], *ranked[-SUBSETS_SHOWN // 2 :]]
    values = ", ".join(f"{one_line(each.subset, 30)} {printed(found.metric, each.value)} ({each.n})" for each in shown)
    left = f"; {len(ranked) - len(shown)} between them" if len(ranked) > len(shown) else ""
    yield f"Subsets (samples): {values}{left}."


def _notes(found: Explanation) -> Iterator[str]:
    for part in found.others:
        if part.note:
            yield f"{one_line(part.name)}: {one_line(part.note, 300)}"
    yield from (one_line(note, 300) for note in found.notes)


def _choices(way: ScoringVariant) -> str:
    return ", ".join(f"{name} {one_line(value)}" for name, value in way.choices.items())


def _value(name: str, way: ScoringVariant) -> str:
    if way.low is None or way.high is None:
        return printed(name, way.value)
    return f"{printed(name, way.value)} [{printed(name, way.low)}, {printed(name, way.high)}]"
