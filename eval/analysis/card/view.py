"""A judge card as tables: on the terminal, in card.md, and on its page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from eval.analysis.card.card import Card, Continuity, FalseEntailments, Missing, OnSet
from eval.analysis.card.figures import Figures, Interval, Rate
from eval.analysis.card.floors import Row
from eval.report.columns import Column, Line, show_table
from eval.report.page.page import page
from eval.report.printing import one_line, results_console, say

_EXPLAINED = (
    "Agreement and rates times 100; kappa is Cohen's. Offset: yes of the judge less yes of the people. False yes: of "
    "the items that people labelled no. False no: of those that they labelled yes. Missing: items without a verdict, "
    "in no figure. Intervals are of 95%, over clusters. Two kinds are never one figure, since their labels differ."
)
_FIGURES = (
    Column(name="n", rank=2),
    Column(name="agreement"),
    Column(name="kappa"),
    Column(name="interval", rank=1),
    Column(name="offset"),
    Column(name="offset's interval", rank=3),
    Column(name="false yes", rank=4),
    Column(name="false no", rank=5),
    Column(name="missing", rank=6),
)
_AGAINST = tuple(
    replace(column, name={"false yes": "yes for its no", "false no": "no for its yes"}.get(column.name, column.name))
    for column in _FIGURES
)
"""The same against a judge, whose verdicts need not be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the card, the same wherever it is shown."""

    title: str
    explained: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def tables(card: Card) -> list[Table]:
    """Return the tables of a card that have anything in them."""
    text = Column(name="", is_text=True)
    kind = Column(name="kind", is_text=True)
    found = [
        Table(
            title="By kind",
            explained="All labelled sets of a kind together, each item counting alike.",
            columns=(kind, Column(name="sets", is_text=True), *_FIGURES),
            lines=tuple(
                Line(cells=(one.kind, ", ".join(one.sets), *_cells(one.judge, one.missing))) for one in card.kinds
            ),
        ),
        Table(
            title="By set",
            explained=_EXPLAINED,
            columns=(text, kind, *_FIGURES),
            lines=tuple(line for one in card.sets for line in _of_set(one)),
        ),
        Table(
            title="Recall of a text",
            explained="The share of a text's units that the judge finds less the share that people find, as a mean "
            "over texts: what it adds to the recall of AutoDQ.",
            columns=(text, Column(name="texts"), Column(name="offset"), Column(name="interval")),
            lines=tuple(
                Line(cells=(one.set, str(one.recall.n), _signed(one.recall.value), _signed_span(one.recall.interval)))
                for one in card.sets
                if one.recall is not None
            ),
        ),
        Table(
            title="Agreement with a crowd",
            explained="The share of many people that gave the label of the verdict, as a mean over items.",
            columns=(text, Column(name="n"), Column(name="share"), Column(name="interval")),
            lines=tuple(
                Line(cells=(one.set, str(one.crowd.n), _percent(one.crowd.value), _span(one.crowd.interval)))
                for one in card.sets
                if one.crowd is not None
            ),
        ),
        Table(
            title="False entailments",
            explained="Relations that are known to be no entailment, and the share that the judge calls one.",
            columns=(text, Column(name="n"), Column(name="false"), Column(name="interval"), Column(name="missing")),
            lines=tuple(map(_false_entailments, card.false_entailments)),
        ),
        Table(
            title="Continuity with an earlier judge",
            explained="Against the published verdicts of a judge, and not against people: the offset says how numbers "
            "by the two differ, not which is right.",
            columns=(text, Column(name="earlier judge", is_text=True), kind, *_AGAINST),
            lines=tuple(map(_continuity, card.continuity)),
        ),
    ]
    return [table for table in found if table.lines]


def notes(card: Card) -> list[str]:
    """Return what to know of a card beside its numbers."""
    found = [f"Judge {card.judge['name']}: {card.judge['note']}."] if card.judge.get("note") else []
    found += [f"{one.set}: {one.skipped} malformed rows were left out." for one in card.sets if one.skipped]
    parts: list[OnSet | FalseEntailments | Continuity] = [*card.sets, *card.false_entailments, *card.continuity]
    for part in parts:
        if part.missing.n:
            outcomes = ", ".join(f"{n} {outcome}" for outcome, n in part.missing.by_outcome.items())
            found.append(
                f"{part.set}: {part.missing.n} items without a verdict ({outcomes}): {part.missing.reasons[0]}"
            )
    return list(dict.fromkeys(found))


def title_of(card: Card) -> str:
    """Return the judge and the protocol of a card."""
    return f"Judge card of {card.judge['name']}, protocol {card.protocol['name']}"


def show_card(card: Card, *, written: str, console: Console | None = None) -> None:
    """Print the tables of a card, and where it was written."""
    console = console or results_console()
    say(console, f"\n{one_line(title_of(card))}", "bold")
    for table in tables(card):
        say(console, f"\n{table.title}", "bold")
        show_table(console, table.columns, table.lines, elsewhere="card.md")
        say(console, table.explained)
    for note in notes(card):
        say(console, one_line(note, 300))
    say(console, f"Written to {written}")


def markdown(card: Card) -> str:
    """Return the card as card.md."""
    parts = [f"# {_escaped(title_of(card))}", f"Written {card.date}."]
    for table in tables(card):
        columns = [_escaped(column.name) for column in table.columns]
        rule = ["---" if column.is_text else "---:" for column in table.columns]
        rows = [columns, rule, *([*_indented(line), *[""] * (len(columns) - len(line.cells))] for line in table.lines)]
        parts += [f"## {table.title}", "\n".join(f"| {' | '.join(row)} |" for row in rows), table.explained]
    parts += ["\n".join(f"- {_escaped(one_line(note, 300))}" for note in notes(card))] if notes(card) else []
    return "\n\n".join(parts) + "\n"


def card_page(card: Card) -> dict[str, Any]:
    """Return the card as a page, in the form of `Page` in `web/src/payload.ts`."""
    shown = [
        {
            "title": table.title,
            "explained": table.explained,
            "columns": [{"name": column.name, "text": column.is_text} for column in table.columns],
            "rows": [{"cells": list(line.cells), "indent": line.indent > 0} for line in table.lines],
        }
        for table in tables(card)
    ]
    return page("card", title_of(card), runs=[], card={"tables": shown, "notes": notes(card), "date": card.date})


def _of_set(one: OnSet) -> list[Line]:
    """Return the judge's line of a set, and those of what it is compared with."""
    if one.judge is None:
        first = Line(cells=(f"{one.set}: {one.unfit}", one.kind, str(one.n_items)), style="bold")
    else:
        first = Line(cells=(one.set, one.kind, *_cells(one.judge, one.missing)), style="bold")
    own = [] if one.entailment is None else [("judge", one.entailment)]
    rows = [*own, *(("people", row) for row in one.people), *(("published", row) for row in one.published)]
    rows += [("floor", row) for row in one.floors]
    lines = [first, *(_compared(what, row) for what, row in rows)]
    return [*lines[:-1], replace(lines[-1], ends_section=True)]


def _compared(what: str, row: Row) -> Line:
    name = f"{what}: {row.name}" + (f" ({row.note})" if row.note else "")
    offset = "-" if row.offset is None else _signed(row.offset)
    cells = (name, "", str(row.n), _percent(row.agreement), _kappa(row.kappa), _kappas(row.kappa_interval), offset)
    return Line(cells=cells, indent=2)


def _false_entailments(one: FalseEntailments) -> Line:
    if one.rate is None:
        return Line(cells=(f"{one.set}: {one.unfit}" if one.unfit else one.set, str(one.n_items), "-", "-", _gone(one)))
    return Line(cells=(one.set, str(one.rate.n), _percent(one.rate.value), _span(one.rate.interval), _gone(one)))


def _continuity(one: Continuity) -> Line:
    if one.figures is None:
        return Line(cells=(f"{one.set}: {one.unfit}", one.earlier, one.kind, str(one.n_items)))
    return Line(cells=(one.set, one.earlier, one.kind, *_cells(one.figures, one.missing)))


def _gone(one: FalseEntailments) -> str:
    return str(one.missing.n)


def _cells(found: Figures, missing: Missing) -> tuple[str, ...]:
    offset = found.offset
    return (
        str(found.n),
        _percent(found.agreement),
        _kappa(found.kappa),
        _kappas(found.kappa_interval),
        "-" if offset is None else _signed(offset.value),
        "-" if offset is None else _signed_span(offset.interval),
        _rate(found.false_yes),
        _rate(found.false_no),
        str(missing.n),
    )


def _rate(rate: Rate | None) -> str:
    return "-" if rate is None else _percent(rate.value)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _span(ends: Interval) -> str:
    return "-" if ends is None else f"{100 * ends[0]:.1f}-{100 * ends[1]:.1f}"


def _signed(value: float) -> str:
    shown = f"{100 * value:+.1f}"
    return "0.0" if float(shown) == 0 else shown


def _signed_span(ends: Interval) -> str:
    return "-" if ends is None else f"{_signed(ends[0])} to {_signed(ends[1])}"


def _kappa(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _kappas(ends: Interval) -> str:
    return "-" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _indented(line: Line) -> Sequence[str]:
    head, *rest = line.cells
    return [f"&nbsp;&nbsp;{_escaped(head)}" if line.indent else _escaped(head), *_all_escaped(rest)]


def _all_escaped(cells: Iterable[str]) -> list[str]:
    return [_escaped(cell) for cell in cells]


def _escaped(text: str) -> str:
    """Return a text from outside as one cell of a table in Markdown."""
    return one_line(text, 300).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
