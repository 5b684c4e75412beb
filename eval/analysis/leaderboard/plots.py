"""Figures of a leaderboard for papers: bars with intervals, a radar over subsets, and the metric over frames."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from eval.analysis.leaderboard.differing import FRAMES, RunKey, run_key, told_apart
from eval.analysis.leaderboard.rows import TableRow
from eval.analysis.leaderboard.view import setting
from eval.config import cards
from eval.core import OVERALL
from eval.errors import ConfigError
from eval.files import make_folder
from eval.report.figures import (
    COLOURS,
    COLUMN_IN,
    GREY,
    INSTALL,
    MARKERS,
    Point,
    draw_curves,
    has_matplotlib,
    new_figure,
    save,
    styled,
)
from eval.report.printing import one_line, printed
from eval.scorers.traits import metric_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BARS = 20
"""Most rows of a figure; published ones beyond it are left out, the lowest first."""
MOST_OUTLINES = 5
"""Most models of a radar, the best ones: more cannot be told apart."""
_SHARED = ("split", "judge", "protocol", "samples")
"""Settings that the measured rows of a figure share."""
_WIDE = 30
"""Most characters of a line of a name beside a bar."""
Names = Mapping[RunKey, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A figure that can be drawn."""

    benchmark: str
    title: str
    stem: str
    """Its files' name, without the kind."""
    draw: Callable[[], Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Numbers that can be compared, and published ones of the same benchmark."""

    stem: str
    title: str
    rows: Sequence[TableRow]
    """Measured ones, in strict, of the headline metric and over all."""
    published: Sequence[TableRow]
    subsets: Mapping[RunKey, Mapping[str, TableRow]]
    names: Names


def refuse_without_matplotlib() -> None:
    """Raise ConfigError where no figure can be drawn."""
    if not has_matplotlib():
        raise ConfigError(f"--plots: figures need matplotlib, which is not installed: {INSTALL}")


def plots_of(rows: Sequence[TableRow], table: Path) -> list[Plot]:
    """Return the figures that these rows give, for the benchmarks with a measured number."""
    found = []
    for group in _groups(rows, table):
        kinds: list[tuple[str, str, Callable[[], Figure]]] = [("all models", "bars", partial(_bars, group))]
        for family, subsets in _families(group):
            kind = f"radar-{_plain(family)}" if family else "radar"
            kinds.append((f"by {family or 'subset'}", kind, partial(_radar, group, family, subsets)))
        if lines := _lines(group):
            kinds.append(("over frames", "frames", partial(_curves, group, lines)))
        benchmark = group.rows[0].benchmark
        found += [
            Plot(benchmark=benchmark, title=f"{group.title}: {about}", stem=f"{group.stem}-{kind}", draw=draw)
            for about, kind, draw in kinds
        ]
    return found


def draw_plots(plots: Sequence[Plot], folder: Path) -> list[Path]:
    """Draw figures into a folder, and return the files. Raises RunError where the disk cannot be written."""
    make_folder(folder)
    files = []
    with styled():
        for plot in plots:
            files += save(plot.draw(), folder, plot.stem)
    return files


def _groups(rows: Sequence[TableRow], table: Path) -> Iterator[_Group]:
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
            yield _Group(
                stem=_plain(benchmark) + (f"-{number}" if len(groups) > 1 else ""),
                title=one_line(f"{title} ({told})" if len(groups) > 1 or first.builtin else title, 60),
                rows=sorted(group, key=_value, reverse=True),
                # Beside the built-in world's, which are of other clips and questions, they would mislead.
                published=[
                    row for row in of if row.origin == "published" and row.metric == first.metric and not first.builtin
                ],
                subsets=subsets,
                names=names,
            )


def _bars(group: _Group) -> Figure:
    left = max(0, MOST_BARS - len(group.rows))
    published = sorted(group.published, key=_value, reverse=True)[:left]
    rows = sorted([*group.rows, *published], key=_value)
    names = [_wrapped(_name(row, group.names)) for row in rows]
    # A row is as high as its name has lines.
    heights = [0.09 + 0.1 * (1 + name.count("\n")) for name in names]
    places = [0.5 * height + sum(heights[:at]) for at, height in enumerate(heights)]
    figure = new_figure(COLUMN_IN, 0.75 + sum(heights))
    axes = figure.add_subplot()
    for place, row in zip(places, rows, strict=True):
        is_quoted = row.origin == "published"
        style: dict[str, Any] = (
            {"facecolor": "white", "edgecolor": GREY, "hatch": "////"} if is_quoted else {"color": COLOURS[0]}
        )
        value = _shown(row, row.value)
        axes.barh(place, value, height=0.13, linewidth=0.6, **style)
        end = value
        if row.low is not None and row.high is not None:
            low, end = _shown(row, row.low), _shown(row, row.high)
            axes.errorbar(value, place, xerr=[[value - low], [end - value]], color="black", capsize=1.8, linewidth=0.9)
        axes.annotate(printed(row.metric, row.value), (end, place), (2, 0), textcoords="offset points", va="center",
                      fontsize=6.5)  # fmt: skip
    axes.set_yticks(places, names, fontsize=6.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(0, sum(heights))
    axes.set_xlim(0, 1.05 * axes.get_xlim()[1])
    figure.supxlabel(f"{_axis(group)}, with 95% intervals")
    if (chance := group.rows[0].chance) is not None:
        axes.axvline(_shown(group.rows[0], chance), color=GREY, linestyle=":", linewidth=1)
        axes.annotate("chance", (_shown(group.rows[0], chance), 1), (0, 1), xycoords=("data", "axes fraction"),
                      textcoords="offset points", ha="center", va="bottom", fontsize=6.5, color=GREY)  # fmt: skip
    figure.suptitle(group.title)
    return figure


def _radar(group: _Group, family: str, subsets: Sequence[str]) -> Figure:
    from matplotlib.ticker import MaxNLocator

    rows = [*_outlined(group, subsets)]
    figure = new_figure(COLUMN_IN, COLUMN_IN - 0.25 + 0.17 * len(rows))
    axes: Any = figure.add_subplot(projection="polar")
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    angles = [2 * math.pi * place / len(subsets) for place in range(len(subsets))]
    for row, colour, marker in zip(rows, itertools.cycle(COLOURS), itertools.cycle(MARKERS)):
        values = [_shown(row, group.subsets[run_key(row)][subset].value) for subset in subsets]
        is_quoted = row.origin == "published"
        look = {"linestyle": "--", "markerfacecolor": "white"} if is_quoted else {}
        label = _name(row, group.names)
        axes.plot([*angles, 0], [*values, values[0]], color=colour, marker=marker, label=label, linewidth=1, **look)
    metric = metric_named(group.rows[0].metric)
    top = metric.scale if metric.best == 1 else axes.get_ylim()[1]
    axes.set_yticks([tick for tick in MaxNLocator(4).tick_values(0, top)[1:] if tick <= top or metric.best != 1])
    axes.set_ylim(0, top if metric.best == 1 else None)
    names = [one_line(subset.removeprefix(f"{family}: ").replace("_", " ")) for subset in subsets]
    axes.set_xticks(angles, [fill(name, 13, break_long_words=False) for name in names])
    axes.tick_params(axis="x", labelsize=6 if len(subsets) < 13 else 5.5, pad=-2)
    for angle, label in zip(angles, axes.get_xticklabels(), strict=True):
        side = round(math.sin(angle), 6)
        label.set_horizontalalignment("center" if side == 0 else "left" if side > 0 else "right")
    axes.tick_params(axis="y", labelsize=6, labelcolor=GREY)
    axes.set_rlabel_position(180 / len(subsets))
    axes.spines["polar"].set_visible(False)
    axes.grid(visible=True)
    about = f" by {family}" if family else ""
    axes.set_title(f"{group.title}{about}, {_axis(group)}", pad=12)
    figure.legend(loc="outside lower center")
    return figure


def _curves(group: _Group, lines: Mapping[str, Sequence[Point]]) -> Figure:
    figure = new_figure(COLUMN_IN, 2.4)
    first = group.rows[0]
    chance = None if first.chance is None else _shown(first, first.chance)
    draw_curves(figure.add_subplot(), lines, x="frames", y=_axis(group), title=group.title, chance=chance)
    return figure


def _families(group: _Group) -> Iterator[tuple[str, list[str]]]:
    """Yield the subsets of a radar by what they have in common, such as `domain` of `domain: Knowledge`."""
    families: dict[str, dict[str, None]] = {}
    for row in group.rows:
        for subset in group.subsets.get(run_key(row), {}):
            family = subset.partition(": ")[0] if ": " in subset else ""
            families.setdefault(family, {})[subset] = None
    yield from ((family, list(subsets)) for family, subsets in families.items() if len(subsets) > 2)


def _outlined(group: _Group, subsets: Sequence[str]) -> Iterator[TableRow]:
    """Yield the rows that have a value in each of these subsets: the best measured ones, then published ones."""
    has = [
        row
        for row in (*group.rows, *sorted(group.published, key=_value, reverse=True))
        if all(subset in group.subsets.get(run_key(row), {}) for subset in subsets)
    ]
    yield from has[:MOST_OUTLINES]


def _lines(group: _Group) -> dict[str, list[Point]]:
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
        name: [(at, *(_shown(row, end) for end in _ends(row))) for at, row in by_number.items()]  # type: ignore[misc]
        for name, by_number in lines.items()
        if len(by_number) > 1
    }


def _ends(row: TableRow) -> tuple[float | None, float | None, float | None]:
    return row.value, row.value if row.low is None else row.low, row.value if row.high is None else row.high


def _value(row: TableRow) -> float:
    return row.value or 0.0


def _shown(row: TableRow, value: float | None) -> float:
    return (value or 0.0) * metric_named(row.metric).scale


def _axis(group: _Group) -> str:
    metric = metric_named(group.rows[0].metric)
    return f"{metric.title}, strict{' (%)' if metric.unit == 'percent' else ''}"


def _name(row: TableRow, names: Names) -> str:
    """Return a row's name in a figure."""
    is_quoted = row.origin == "published"
    told = [text for name, text in names[run_key(row)].items() if name not in (("source",) if is_quoted else _SHARED)]
    told = ["published", *told] if is_quoted else told
    return one_line(f"{row.model} ({', '.join(told)})" if told else row.model, 90)


def _wrapped(name: str) -> str:
    """Return a name in lines that are short enough for half a column, its settings in lines of their own."""
    model, parenthesis, settings = name.partition(" (")
    if len(name) <= _WIDE:
        return name
    return "\n".join(fill(part, _WIDE) for part in (model, f"{parenthesis.strip()}{settings}") if part)


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.").lower() or "other"
