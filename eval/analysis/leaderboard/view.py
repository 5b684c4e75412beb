r"""The leaderboard as Markdown and as LaTeX: for each benchmark, measured and published numbers.

A table holds only comparable numbers: of the same samples, scored in the same way (one `score_id`). Bold is the best of
a column where it is significantly better than every other one, see `eval.analysis.leaderboard.significance`; incomplete
runs are marked and never bold.

Names come from anywhere, so they are escaped: nothing in them acts as Markdown or LaTeX markup.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeAlias, get_args

from eval.analysis.leaderboard.differing import RunKey, run_key, told_apart
from eval.analysis.leaderboard.rows import TableRow
from eval.analysis.leaderboard.significance import Differ, best_of, differ_independently
from eval.core import OVERALL, Accounting
from eval.report.printing import UNBOUNDED, one_line, printed, titled

INCOMPLETE = "†"

EXPLAINED = (
    "Values times 100 (those in points as they are), with their 95% intervals where they are known; headline "
    "metrics only, the CSV file has all. Tables hold what can be compared: never compare numbers of two tables. Bold: "
    "better than every other one of its column by more than chance explains (p < 0.05; sample by sample where both "
    "runs are at hand, else as if of independent samples, which is cautious). "
    f"{INCOMPLETE} incomplete: never bold. Published numbers come without intervals, samples and score_id, so that "
    "nothing can be said of how they differ, and none is bold. What is in brackets tells runs of one model apart; "
    "`row` is the name of the first number for verify-row, which computes it again."
)
_ACCOUNTINGS = get_args(Accounting)
_Column: TypeAlias = tuple[bool, str, int]
"""Whether it is no headline, metric, and number of the accounting."""
BUILTIN_NOTE = "The built-in world: it checks the pipeline, and its numbers are comparable with nothing else."


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell, not yet escaped."""

    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table, not yet escaped."""

    benchmark: str
    notes: tuple[str, ...]
    """Properties that its numbers share."""
    header: tuple[str, ...]
    n_text: int
    """Number of leading columns that hold text; the others hold numbers."""
    body: tuple[tuple[Cell, ...], ...]


def sections(
    rows: Sequence[TableRow], differ: Differ = differ_independently, table: Path | None = None
) -> Iterator[Section]:
    """Yield the tables: by benchmark, measured ones first. As `markdown_tables`."""
    shown = [row for row in rows if row.subset == OVERALL]
    for benchmark in sorted({row.benchmark for row in shown}):
        of = [row for row in shown if row.benchmark == benchmark]
        published = [row for row in of if row.origin == "published"]
        wanted = {row.metric for row in published} | {row.metric for row in of if row.headline}
        measured = [row for row in of if row.origin == "run" and row.metric in wanted]
        told = told_apart(measured, table)
        for _, group in groupby(sorted(measured, key=setting), key=setting):
            yield _measured(list(group), differ, told)
        for _, quoted in groupby(sorted(published, key=setting), key=setting):
            yield _published(list(quoted))


def setting(row: TableRow) -> tuple[str, ...]:
    """Return what the numbers of one table share, of those of one benchmark and origin."""
    return row.split, row.judge, row.protocol, row.score_id, row.data, row.unstated


def told_setting(row: TableRow) -> str:
    """Return the same in words."""
    split = f"split {row.split}" if row.split else "split not stated" if "split" in row.unstated else ""
    if row.origin == "published":
        parts = [split, f"judge {row.judge}" if row.judge else ""]
        return f"Published{''.join(f', {part}' for part in parts if part)}; not measured here."
    judged = f"Judge {row.judge}, protocol {row.protocol}; " if row.judge else ""
    return f"{judged}{split or 'split as given'}, samples {row.data}, score_id {row.score_id}."


def _measured(rows: Sequence[TableRow], differ: Differ, told: Mapping[RunKey, Mapping[str, str]]) -> Section:
    first = rows[0]
    columns = sorted({_column(row) for row in rows})
    best = {column: best_of([row for row in rows if _column(row) == column], differ) for column in columns}
    runs: dict[RunKey, dict[_Column, TableRow]] = {}
    for row in rows:
        runs.setdefault(run_key(row), {})[_column(row)] = row
    names = _names({key: next(iter(found.values())) for key, found in runs.items()}, told)

    def place(item: tuple[RunKey, dict[_Column, TableRow]]) -> tuple[float, RunKey]:
        headline = item[1].get(columns[0])
        value = None if headline is None else headline.value
        return (float("inf") if value is None else -value, item[0])

    counted = _counted(runs.values())
    body = []
    for key, found in sorted(runs.items(), key=place):
        any_row = found[min(found)]
        mark = "" if any_row.complete else f" {INCOMPLETE}"
        values = [_value(found.get(column), best[column]) for column in columns]
        media = "" if any_row.coverage is None else f"{100 * any_row.coverage:.1f}%"
        more = (*(_n(found.get(column)) for column in counted.values()), media, any_row.date[:10], any_row.name)
        body.append((Cell(text=names[key] + mark), *values, *(Cell(text=text) for text in more)))
    notes = [told_setting(first)]
    notes += [BUILTIN_NOTE] if any(row.builtin for row in rows) else []
    header = ("model", *(f"{titled(metric)}, {_ACCOUNTINGS[number]}" for _, metric, number in columns))
    return Section(
        benchmark=first.benchmark,
        notes=tuple(notes),
        header=(*header, *counted, "media", "scored", "row"),
        n_text=1,
        body=tuple(body),
    )


def _counted(runs: Iterable[Mapping[_Column, TableRow]]) -> dict[str, _Column]:
    """Return the headings of the numbers of samples, each with the column that it counts.

    Accountings differ in which samples are in the denominator; where all runs have equally many in each, one is told.
    """
    runs = list(runs)
    headline = sorted({column for found in runs for column in found if not column[0]} or {min(runs[0])})
    counts = [{found[column].n for column in headline if column in found} for found in runs]
    if all(len(each) == 1 for each in counts) and all(headline[0] in found for found in runs):
        return {"n": headline[0]}
    return {f"n, {_ACCOUNTINGS[column[2]]}": column for column in headline}


def _n(row: TableRow | None) -> str:
    return "-" if row is None or row.n is None else str(row.n)


def _names(runs: Mapping[RunKey, TableRow], told: Mapping[RunKey, Mapping[str, str]]) -> dict[RunKey, str]:
    """Return the name of each run in one table: its model's, and in which settings it differs from others there.

    Where nothing that is known tells runs apart, a part of their fingerprints does.
    """
    words: dict[RunKey, list[str]] = {}
    for key, row in runs.items():
        others = [told[other] for other, its in runs.items() if its.model == row.model]
        words[key] = [text for name, text in told[key].items() if any(each.get(name) != text for each in others)]
    alike = Counter((row.model, tuple(words[key])) for key, row in runs.items())
    for key, row in runs.items():
        if alike[row.model, tuple(words[key])] > 1:
            words[key].append(row.fingerprint[:6])
    return {key: f"{row.model} ({', '.join(words[key])})" if words[key] else row.model for key, row in runs.items()}


def _published(rows: Sequence[TableRow]) -> Section:
    first = rows[0]
    metrics = sorted({(not row.headline, row.metric) for row in rows})
    lines: dict[tuple[str, str, str], dict[str, TableRow]] = {}
    for row in rows:
        lines.setdefault((row.model, row.source, row.frames), {})[row.metric] = row
    frames = ("frames",) if any(row.frames for row in rows) else ()
    body = []
    for (model, source, shown), found in sorted(lines.items()):
        values = [printed(name, found[name].value) if name in found else "" for _, name in metrics]
        texts = (model, source, *([shown.removesuffix(" frames")] if frames else []), *values)
        body.append(tuple(Cell(text=text) for text in texts))
    return Section(
        benchmark=first.benchmark,
        notes=(told_setting(first),),
        header=("model", "source", *frames, *(titled(name) for _, name in metrics)),
        n_text=2,
        body=tuple(body),
    )


def _column(row: TableRow) -> _Column:
    return not row.headline, row.metric, _ACCOUNTINGS.index(row.accounting)


def _value(row: TableRow | None, best: TableRow | None) -> Cell:
    if row is None or row.value is None:
        return Cell(text="-")
    text = printed(row.metric, row.value)
    if row.low is not None and row.high is not None:
        text += f" ({printed(row.metric, row.low)} to {printed(row.metric, row.high)})"
    return Cell(text=text, bold=row is best)


def markdown(rows: Sequence[TableRow], differ: Differ = differ_independently, table: Path | None = None) -> str:
    """Return the leaderboard as GitHub's Markdown. As `markdown_tables`."""
    tables = markdown_tables(rows, differ, table=table)
    return "\n".join(["# Leaderboard", "", escape_markdown(EXPLAINED), *tables]) + "\n"


def markdown_tables(
    rows: Sequence[TableRow],
    differ: Differ = differ_independently,
    heading: str = "##",
    table: Path | None = None,
) -> Iterator[str]:
    """Yield the lines of its tables, each benchmark's under a heading.

    Args:
        rows: All rows.
        differ: The test by which a number is the best.
        heading: The mark of a benchmark's heading.
        table: The CSV file, beside which runs lie that tell their settings; None where there is none.
    """
    last = None
    for section in sections(rows, differ, table):
        if section.benchmark != last:
            yield from ("", f"{heading} {escape_markdown(section.benchmark)}")
            last = section.benchmark
        rule = ["---"] * section.n_text + ["---:"] * (len(section.header) - section.n_text)
        yield from ("", *(escape_markdown(note) for note in section.notes), "")
        yield from (_line(map(escape_markdown, section.header)), _line(rule))
        yield from (_line(_bold(cell, escape_markdown, "**{}**") for cell in row) for row in section.body)


def latex(rows: Sequence[TableRow], differ: Differ = differ_independently, table: Path | None = None) -> str:
    """Return the leaderboard as LaTeX: a `tabular` for each table, with the package booktabs. As `markdown_tables`."""
    lines = [
        "% Needs \\usepackage{booktabs}; with pdflatex also \\usepackage[utf8]{inputenc}.",
        escape_latex(EXPLAINED),
    ]
    last = None
    for section in sections(rows, differ, table):
        if section.benchmark != last:
            lines += ["", rf"\subsection*{{{escape_latex(section.benchmark)}}}"]
            last = section.benchmark
        columns = "l" * section.n_text + "r" * (len(section.header) - section.n_text)
        lines += ["", *(escape_latex(note) for note in section.notes), "", rf"\begin{{tabular}}{{{columns}}}"]
        lines += [r"\toprule", " & ".join(map(escape_latex, section.header)) + r" \\", r"\midrule"]
        lines += [
            " & ".join(_bold(cell, escape_latex, r"\textbf{{{}}}") for cell in row) + r" \\" for row in section.body
        ]
        lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _line(cells: Iterator[str] | Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bold(cell: Cell, escape: Callable[[str], str], bold: str) -> str:
    text = escape(cell.text)
    return bold.format(text) if cell.bold else text


_MARKDOWN = re.compile(r"[\\`*_{}\[\]|~^$#!@]|:(?=\S)|(?<=www)\.", re.IGNORECASE)
_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "†": r"\dag{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    # After the end of a line, LaTeX would read these two as its options.
    "[": "{[}", "]": "{]}", "*": "{*}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}  # fmt: skip


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows literally, in one line: no markup, no HTML, no links, no end of a cell."""
    return html.escape(_MARKDOWN.sub(r"\\\g<0>", _flat(text)), quote=False)


def escape_latex(text: str) -> str:
    """Return text that LaTeX sets literally, in one line."""
    return "".join(_LATEX.get(character, character) for character in _flat(text))


def _flat(text: str) -> str:
    return one_line(text, UNBOUNDED)
