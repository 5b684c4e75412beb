"""What batching does to outputs, as people look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from eval.report.printing import one_line, results_console, say

FLIPS_SHOWN = 10
"""Samples listed on the terminal; the file has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A sample whose output depends on how it was asked."""

    id: str
    alone: str
    together: str
    moves_score: bool
    """Whether its answer, value or status moved too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """What became of the same samples, asked one by one and together."""

    benchmark: str
    model: Mapping[str, Any]
    """What the model says of itself: checkpoint, device, dtype."""
    samples: int
    """Samples that both ways gave an output for."""
    failed: int
    """Samples that one of them failed on."""
    flips: Sequence[Flip]
    """Samples with two outputs."""
    seconds_alone: float
    """Seconds in the model, one at a time."""
    seconds_together: float
    """Seconds in the model, together."""
    batching: Mapping[str, int] | None
    """How the work was cut."""


def show_equivalence(found: Equivalence, *, console: Console | None = None) -> None:
    """Print how many outputs and scores depend on how they were asked, and the first few of them."""
    console = console or results_console()
    n, moved = len(found.flips), sum(flip.moves_score for flip in found.flips)
    what = f"{found.model['name']} ({found.model.get('dtype')} on {found.model.get('device')})"
    lines = [
        f"{found.samples} samples asked together and one at a time; {found.failed} failed.",
        f"Outputs that differ: {n} ({_percent(n, found.samples)}). Scores that differ: {moved}.",
    ]
    if not n and found.samples:
        # P(no flip in n) = 5% at this rate
        lines[-1] += f" With 95% confidence fewer than {100 * (1 - 0.05 ** (1 / found.samples)):.2f}% do."
    if found.seconds_together:
        ratio = found.seconds_alone / found.seconds_together
        lines.append(
            f"In the model: {found.seconds_alone:.1f} s one at a time, {found.seconds_together:.1f} s together, "
            f"{ratio:.1f} times faster."
        )
    say(console, f"\n{found.benchmark} | {what}", "bold")
    for flip in sorted(found.flips, key=lambda flip: not flip.moves_score)[:FLIPS_SHOWN]:
        mark = "  scored otherwise" if flip.moves_score else ""
        lines.append(f"  {flip.id}: {one_line(flip.alone)!r} | {one_line(flip.together)!r}{mark}")
    if n > FLIPS_SHOWN:
        lines.append(f"  ... and {n - FLIPS_SHOWN} more")
    for line in lines:
        say(console, line)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "-"
