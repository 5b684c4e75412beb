"""Terminal view of the effect of batching on outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from eval.report.printing import one_line, results_console, say

FLIPS_SHOWN = 10
"""Number of samples listed on the terminal; the file has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A sample whose output depends on batching."""

    id: str
    alone: str
    together: str
    moves_score: bool
    """Whether its answer, value or status changed too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Results of the same samples, asked one by one and together."""

    benchmark: str
    model: Mapping[str, Any]
    """The model's description: checkpoint, device, dtype."""
    samples: int
    """Number of samples with an output from both ways."""
    failed: int
    """Number of samples that failed in one of them."""
    flips: Sequence[Flip]
    """Samples with two different outputs."""
    seconds_alone: float
    """Seconds in the model, one sample at a time."""
    seconds_together: float
    """Seconds in the model, batched."""
    batching: Mapping[str, int] | None
    """Statistics of the batches."""


def show_equivalence(found: Equivalence, *, console: Console | None = None) -> None:
    """Print the number of outputs and scores that depend on batching, and the first few of them."""
    console = console or results_console()
    n, moved = len(found.flips), sum(flip.moves_score for flip in found.flips)
    what = one_line(f"{found.model['name']} ({found.model.get('dtype')} on {found.model.get('device')})")
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
        lines.append(f"  {one_line(flip.id)}: {one_line(flip.alone)!r} | {one_line(flip.together)!r}{mark}")
    if n > FLIPS_SHOWN:
        lines.append(f"  ... and {n - FLIPS_SHOWN} more")
    for line in lines:
        say(console, line)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "-"
