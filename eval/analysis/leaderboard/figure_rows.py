"""The rows that each figure of the leaderboard shows, and their names in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.analysis.leaderboard.differing import FRAMES, RunKey, run_key, told_apart
from eval.analysis.leaderboard.rows import TableRow
from eval.analysis.leaderboard.view import setting
from eval.config import cards
from eval.core import OVERALL
from eval.report.figures import Point
from eval.report.printing import one_line
from eval.scorers.traits import metric_named

MOST_BARS = 20
"""Most rows of a figure; published ones beyond it are left out, the lowest first."""
_SHARED = ("split", "judge", "protocol", "samples")
"""Settings that the measured rows of a figure share."""
_INCOMPLETE = "incomplete"
"""The mark of a run of which too many samples failed."""
Names = Mapping[RunKey, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Numbers that can be compared, and published ones of the same benchmark."""

    stem: str
    title: str
    rows: Sequence[TableRow]
    """Measured ones, in strict, of the headline metric and over all."""
    published: Sequence[TableRow]
    subsets: Mapping[RunKey, Mapping[str, TableRow]]
    names: Names


def groups_of(rows: Sequence[TableRow], table: Path) -> Iterator[Group]:
    """Yield the groups of measured numbers, each with the published ones of its benchmark."""
    headline = [row for row in rows if row.headline and row.value is not None and row.accounting in ("strict", "")]
    metrics = {(row.benchmark, row.metric) for row in headline}
    subsets: dict[RunKey, dict[str, TableRow]] = {}
    for row in rows:
        of_headline = (row.benchmark, row.metric) in metrics and row.accounting in ("strict", "")
        if row.subset != OVERALL and of_headline and row.value is not None:
            subsets.setdefault(run_key(row), {})[row.subset] = row
    names, known = told_apart(headline, table), cards()
    for benchmark in dict.fromkeys(row.benchmark for row in headline if row.origin == "run"):
        of = [row for row in headline if row.benchmark == benchmark]
        title = known[benchmark].title if benchmark in known else benchmark
        groups: dict[tuple[str, ...], list[TableRow]] = {}
        measured = [row for row in of if row.origin == "run"]
        for row in measured:
            groups.setdefault((row.metric, *setting(row)), []).append(row)
        for number, group in enumerate(groups.values(), 1):
            first = group[0]
            columns = ("split", "judge", "protocol")
            about = [getattr(first, name) for name in columns if len({getattr(row, name) for row in measured}) > 1]
            told = ", ".join([*(["built-in world"] if first.builtin else []), *filter(None, about)]) or str(number)
            yield Group(
                stem=plain(benchmark) + (f"-{number}" if len(groups) > 1 else ""),
                title=one_line(f"{title} ({told})" if len(groups) > 1 or first.builtin else title, 60),
                rows=sorted(group, key=value_of, reverse=True),
                # Beside the built-in world's, which are of other clips and questions, they would mislead.
                published=[
                    row
                    for row in of
                    if row.origin == "published" and row.metric == first.metric and not first.builtin
                    if not row.split or row.split == first.split
                ],
                subsets=subsets,
                names=names,
            )


def barred(group: Group) -> list[TableRow]:
    """Return the rows of the bars, the lowest first: all measured ones, and the best published ones."""
    left = max(0, MOST_BARS - len(group.rows))
    published = sorted(group.published, key=value_of, reverse=True)[:left]
    return sorted([*group.rows, *published], key=value_of)


def families(group: Group) -> Iterator[tuple[str, list[str]]]:
    """Yield the subsets of a radar by what they have in common, such as `domain` of `domain: Knowledge`."""
    found: dict[str, dict[str, None]] = {}
    for row in group.rows:
        for subset in group.subsets.get(run_key(row), {}):
            family = subset.partition(": ")[0] if ": " in subset else ""
            found.setdefault(family, {})[subset] = None
    yield from ((family, list(subsets)) for family, subsets in found.items() if len(subsets) > 2)


def outlined(group: Group, subsets: Sequence[str]) -> list[TableRow]:
    """Return the rows that have a value in each of these subsets: the best measured ones, then published ones."""
    return [
        row
        for row in (*group.rows, *sorted(group.published, key=value_of, reverse=True))
        if all(subset in group.subsets.get(run_key(row), {}) for subset in subsets)
    ]


def lines_of(group: Group) -> dict[str, list[Point]]:
    """Return the points of each model that was shown different numbers of frames; of two with one number the newest."""
    lines: dict[str, dict[float, TableRow]] = {}
    for row in sorted(group.rows, key=lambda row: row.date):
        if (found := FRAMES.fullmatch(row.frames)) is None:
            continue
        told_elsewhere = (*_SHARED, "frames", "date")
        others = [text for name, text in group.names[run_key(row)].items() if name not in told_elsewhere]
        sampled = [f"{found['fps']} fps"] if found["fps"] else []
        told = ", ".join([*sampled, *others])
        name = one_line(f"{row.model} ({told})" if told else row.model, 60)
        lines.setdefault(name, {})[float(found["n"])] = row
    return {
        f"{name}{_incomplete_at(by_number)}": [
            (at, *(shown(row, end) for end in _ends(row)))  # type: ignore[misc]
            for at, row in by_number.items()
        ]
        for name, by_number in lines.items()
        if len(by_number) > 1
    }


def _incomplete_at(by_number: Mapping[float, TableRow]) -> str:
    numbers = [f"{at:g}" for at, row in sorted(by_number.items()) if row.complete is False]
    return f" ({_INCOMPLETE} at {', '.join(numbers)} frames)" if numbers else ""


def _ends(row: TableRow) -> tuple[float | None, float | None, float | None]:
    return row.value, row.value if row.low is None else row.low, row.value if row.high is None else row.high


def value_of(row: TableRow) -> float:
    """Return the value by which rows are ordered."""
    return row.value or 0.0


def shown(row: TableRow, value: float | None) -> float:
    """Return a value, or an end of an interval, on the scale of the axis."""
    return (value or 0.0) * metric_named(row.metric).scale


def axis_of(group: Group) -> str:
    """Return the label of the axis."""
    metric = metric_named(group.rows[0].metric)
    scale = "" if metric.unit == "points" else " (%)" if metric.best == 1 else " (times 100)"
    return f"{metric.title}, strict{scale}"


def name_of(row: TableRow, names: Names) -> str:
    """Return a row's name in a figure."""
    is_quoted = row.origin == "published"
    told = [text for name, text in names[run_key(row)].items() if name not in (("source",) if is_quoted else _SHARED)]
    told += [f"{each} not stated" for each in row.unstated.split()]
    told = ["published", *told] if is_quoted else told if row.complete is not False else [*told, _INCOMPLETE]
    return one_line(f"{row.model} ({', '.join(told)})" if told else row.model, 90)


def plain(name: str) -> str:
    """Return a name as part of a file's name."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.").lower() or "other"
