"""The style of all figures, and their files: SVG whose words are text, and PNG."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.files import write_bytes_atomically
from eval.installed import install

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN_IN = 3.3
"""Width of a figure in a column of a paper, in inches."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""A colour-blind safe palette (Okabe and Ito)."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""The marker of each colour, so that lines are told apart in grey too."""
GREY = "#767676"
INSTALL = install("plots")
KINDS = ("svg", "png")

_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "figure.titlesize": 8,
    "figure.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "grid.linewidth": 0.5,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",  # text, which can be searched and edited
    "svg.hashsalt": "tarsier-eval",
    "text.parse_math": False,  # a name may have dollar signs
}

Point = tuple[float, float, float, float]
"""Number, value, and both ends of its interval."""


def has_matplotlib() -> bool:
    """Whether figures can be drawn here."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def styled() -> Iterator[None]:
    """Give figures that are made, drawn and saved in this block the style."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write a figure as SVG and as PNG, and return the files. Raises RunError where the disk cannot be written."""
    files = []
    for kind in KINDS:
        made = io.BytesIO()
        figure.savefig(made, format=kind, dpi=300, metadata={"Date": None} if kind == "svg" else None)
        files.append(folder / f"{stem}.{kind}")
        write_bytes_atomically(files[-1], made.getvalue())
    return files


def draw_curves(
    axes: Any, lines: Mapping[str, Sequence[Point]], *, x: str, y: str, title: str, chance: float | None = None
) -> None:
    """Draw a line with its intervals for each name, over a number."""
    numbers = sorted({point[0] for points in lines.values() for point in points})
    for (name, points), colour, marker in zip(lines.items(), itertools.cycle(COLOURS), itertools.cycle(MARKERS)):
        at, values, low, high = zip(*sorted(points), strict=True)
        axes.plot(at, values, marker=marker, color=colour, label=name or None)
        axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
    if len(numbers) > 2 and numbers[0] > 0 and numbers[-1] >= 8 * numbers[0]:
        axes.set_xscale("log", base=2)
    axes.set_xticks(numbers, [f"{at:g}" for at in numbers])
    axes.minorticks_off()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)
    axes.grid(visible=True)
    if chance is not None:
        axes.axhline(chance, color=GREY, linestyle=":", linewidth=1)
        axes.annotate("chance", (1, chance), (0, 1), xycoords=("axes fraction", "data"), ha="right", va="bottom",
                      textcoords="offset points", fontsize=6.5, color=GREY)  # fmt: skip
    if len(lines) > 1:
        columns = 2 if max(map(len, lines)) < 24 else 1
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=columns)
