"""Figures of a leaderboard for papers: bars with intervals, a radar over subsets, and the metric over frames."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from eval.analysis.leaderboard.differing import run_key
from eval.analysis.leaderboard.figure_rows import (
    Group,
    axis_of,
    barred,
    families,
    groups_of,
    lines_of,
    name_of,
    outlined,
    plain,
    shown,
)
from eval.analysis.leaderboard.rows import TableRow
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

MOST_OUTLINES = 5
"""Most models of a radar, the best ones: more cannot be told apart."""
_WIDE = 30
"""Most characters of a line of a name beside a bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A figure that can be drawn."""

    benchmark: str
    title: str
    stem: str
    """Its files' name, without the kind."""
    draw: Callable[[], Figure]


def refuse_without_matplotlib() -> None:
    """Raise ConfigError where no figure can be drawn."""
    if not has_matplotlib():
        raise ConfigError(f"--plots: figures need matplotlib, which is not installed: {INSTALL}")


def plots_of(rows: Sequence[TableRow], table: Path) -> list[Plot]:
    """Return the figures that these rows give, for the benchmarks with a measured number."""
    found = []
    for group in groups_of(rows, table):
        bars = barred(group)
        left_out = _of(len(bars), len(group.rows) + len(group.published), "the lowest published ones left out")
        kinds: list[tuple[str, str, Callable[[], Figure]]] = [
            (left_out or "all models", "bars", partial(_bars, group, bars))
        ]
        for family, subsets in families(group):
            kind = f"radar-{plain(family)}" if family else "radar"
            having = outlined(group, subsets)
            told = [f"by {family or 'subset'}", _of(MOST_OUTLINES, len(having), "the best measured ones first")]
            draw = partial(_radar, group, family, subsets, having[:MOST_OUTLINES])
            kinds.append((", ".join(filter(None, told)), kind, draw))
        if lines := lines_of(group):
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


def _of(n_shown: int, n: int, which: str) -> str:
    """Return how many of several rows a figure shows; "" where it shows all."""
    return f"{n_shown} of {n} rows, {which}" if n_shown < n else ""


def _bars(group: Group, rows: Sequence[TableRow]) -> Figure:
    names = [_wrapped(name_of(row, group.names)) for row in rows]
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
        value = shown(row, row.value)
        axes.barh(place, value, height=0.13, linewidth=0.6, **style)
        if row.low is not None and row.high is not None:
            low, high = shown(row, row.low), shown(row, row.high)
            axes.errorbar(value, place, xerr=[[value - low], [high - value]], color="black", capsize=1.8, linewidth=0.9)
        # In a column of their own: at the end of a whisker a number would pass for that of the end.
        axes.annotate(printed(row.metric, row.value), (1, place), (22, 0), xycoords=("axes fraction", "data"),
                      textcoords="offset points", ha="right", va="center", fontsize=6.5)  # fmt: skip
    axes.set_yticks(places, names, fontsize=6.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(0, sum(heights))
    axes.set_xlim(0, axes.get_xlim()[1])
    quoted = "\nhatched: published, by accounting of their own, without interval"
    told = quoted if any(row.origin == "published" for row in rows) else ""
    figure.supxlabel(f"{axis_of(group)}, with 95% intervals{told}")
    if (chance := group.rows[0].chance) is not None:
        axes.axvline(shown(group.rows[0], chance), color=GREY, linestyle=":", linewidth=1)
        axes.annotate("chance", (shown(group.rows[0], chance), 1), (0, 1), xycoords=("data", "axes fraction"),
                      textcoords="offset points", ha="center", va="bottom", fontsize=6.5, color=GREY)  # fmt: skip
    figure.suptitle(group.title)
    return figure


def _radar(group: Group, family: str, subsets: Sequence[str], rows: Sequence[TableRow]) -> Figure:
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(COLUMN_IN, COLUMN_IN - 0.25 + 0.17 * len(rows))
    axes: Any = figure.add_subplot(projection="polar")
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    angles = [2 * math.pi * place / len(subsets) for place in range(len(subsets))]
    for row, colour, marker in zip(rows, itertools.cycle(COLOURS), itertools.cycle(MARKERS)):
        values = [shown(row, group.subsets[run_key(row)][subset].value) for subset in subsets]
        is_quoted = row.origin == "published"
        look = {"linestyle": "--", "markerfacecolor": "white"} if is_quoted else {}
        label = name_of(row, group.names)
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
    axes.set_title(f"{group.title}{about}, {axis_of(group)}", pad=12)
    figure.legend(loc="outside lower center")
    return figure


def _curves(group: Group, lines: Mapping[str, Sequence[Point]]) -> Figure:
    figure = new_figure(COLUMN_IN, 2.4)
    first = group.rows[0]
    chance = None if first.chance is None else shown(first, first.chance)
    # One line has no legend.
    title = group.title if len(lines) > 1 else fill(f"{group.title}: {next(iter(lines))}", 54)
    draw_curves(figure.add_subplot(), lines, x="frames", y=axis_of(group), title=title, chance=chance)
    return figure


def _wrapped(name: str) -> str:
    """Return a name in lines that are short enough for half a column, its settings in lines of their own."""
    model, parenthesis, settings = name.partition(" (")
    if len(name) <= _WIDE:
        return name
    return "\n".join(fill(part, _WIDE) for part in (model, f"{parenthesis.strip()}{settings}") if part)
