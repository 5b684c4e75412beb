"""Timeline of a run as a picture: an SVG of the time in each stage, which any browser opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from eval.timing import ELSEWHERE, MAIN, MAIN_OF_WORKER, Lap

_SHOWN = {
    "encode": ("vision tower", "#0072b2"),
    "prefill": ("prefill", "#56b4e9"),
    "generate": ("generate", "#009e73"),
    "model": ("model, other", "#a6d8c9"),
    "wait": ("waiting for frames", "#d55e00"),
    "idle": ("waiting for clips", "#f0c0a0"),
    "write": ("writing", "#cc79a7"),
    "score": ("scoring", "#e69f00"),
    "decode": ("decoding", "#555555"),
    "prepare": ("resizing", "#aaaaaa"),
}
"""Label of each stage and its colour, from a colour-blind safe palette (Okabe and Ito)."""

_WIDTH, _LEFT, _RIGHT = 960, 56, 24
_PLOT = _WIDTH - _LEFT - _RIGHT
_LEGEND, _LANE, _GAP, _SMALL = 46, 130, 26, 36


def timeline(lap: Lap, title: str) -> str:
    """Return the picture: above, the main thread's stages; below, the number of processes busy with clips.

    Args:
        lap: the clock's record.
        title: title of the picture.
    """
    bins = max((len(parts) for parts in lap.course.values()), default=0)
    span = max(lap.wall, 1e-9)
    busy = [sum(lap.course[s][i] for s in ELSEWHERE if s in lap.course) / lap.bin_s for i in range(bins)]
    most = max(1, round(max(busy, default=0.0) + 0.49))
    tops = (_LEGEND + _GAP, _LEGEND + 2 * _GAP + _LANE)
    below = [tops[1] + _LANE + _GAP + i * (_GAP + _SMALL) for i in range(len(lap.parts))]
    bottom = below[-1] + _SMALL if below else tops[1] + _LANE
    height = bottom + 40
    first = "main thread" if not lap.parts else f"{lap.workers} workers, all together"
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12">'
    )
    body = [
        opening,
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="18" font-weight="bold">{escape(title)} | {_duration(lap.wall)}</text>',
        *_legend(lap, MAIN, _LEFT, 41),
        *_legend(lap, ELSEWHERE, _LEFT + 170, tops[1] - 6),
        *_lane(lap, MAIN, tops[0], float(lap.workers), span, first, "100%"),
        *_lane(lap, ELSEWHERE, tops[1], float(most), span, "processes that read clips", str(most)),
        *(
            line
            for top, (name, part) in zip(below, lap.parts.items(), strict=True)
            for line in _lane(part, MAIN_OF_WORKER, top, 1.0, span, name, "100%", _SMALL)
        ),
        *_axis(bottom, span),
        "</svg>",
    ]
    return "\n".join(body) + "\n"


def _legend(lap: Lap, stages: Sequence[str], left: float, y: int) -> Iterator[str]:
    x = left
    for stage in stages:
        name, colour = _SHOWN[stage]
        seconds = lap.seconds.get(stage, 0.0)
        if not seconds:
            continue
        label = f"{name} {_duration(seconds)}"
        yield f'<rect x="{x:.0f}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x + 14:.0f}" y="{y}" font-size="11">{label}</text>'
        x += 22 + 5.7 * len(label)


def _lane(
    lap: Lap, stages: Sequence[str], top: int, full: float, span: float, title: str, highest: str, tall: int = _LANE
) -> Iterator[str]:
    """Draw stages as stacked bars, one for each time bin; `full` seconds of work a second fill the lane."""
    yield f'<text x="{_LEFT}" y="{top - 6}" font-size="11" fill="#444">{escape(title)}</text>'
    yield f'<text x="{_LEFT - 6}" y="{top + 9}" font-size="11" fill="#444" text-anchor="end">{highest}</text>'
    yield f'<rect x="{_LEFT}" y="{top}" width="{_PLOT}" height="{tall}" fill="#f4f4f4"/>'
    levels: dict[int, float] = {}
    for stage in stages:
        colour = _SHOWN[stage][1]
        path = "".join(_bars(lap, lap.course.get(stage, ()), levels, top, full, span, tall))
        if path:
            yield f'<path d="{path}" fill="{colour}"/>'


def _bars(
    lap: Lap, parts: Sequence[float], levels: dict[int, float], top: int, full: float, span: float, lane: int
) -> Iterator[str]:
    for i, seconds in enumerate(parts):
        start = i * lap.bin_s
        length = min(lap.bin_s, span - start)
        if seconds <= 0 or length <= 0:
            continue
        below = levels.get(i, 0.0)
        levels[i] = min(1.0, below + seconds / length / full)
        x, width = _LEFT + _PLOT * start / span, _PLOT * length / span
        y, tall = top + lane * (1 - levels[i]), lane * (levels[i] - below)
        yield f"M{x:.2f} {y:.2f}h{width:.2f}v{tall:.2f}h{-width:.2f}z"


def _axis(y: int, span: float) -> Iterator[str]:
    step = _step(span)
    for i in range(int(span / step) + 1):
        x, mark = _LEFT + _PLOT * i * step / span, _duration(i * step)
        yield f'<path d="M{x:.2f} {y}v5" stroke="#444"/>'
        yield f'<text x="{x:.2f}" y="{y + 18}" font-size="11" fill="#444" text-anchor="middle">{mark}</text>'


def _step(span: float) -> float:
    """Return the seconds between axis marks: at most ten marks, at round seconds, minutes or hours."""
    steps: Mapping[float, None] = dict.fromkeys(
        (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)
    )
    return next((step for step in steps if span / step <= 10), 86400.0 * (1 + span // 864000))


def _duration(seconds: float) -> str:
    """Return seconds in a readable unit."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < 3600:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h"
