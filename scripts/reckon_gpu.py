"""Reckons, on paper, what sharing and batching do for Tarsier-7b on one GPU: no GPU was there to measure it on.

    .venv/bin/python scripts/reckon_gpu.py [--flops 989e12 --bandwidth 3.35e12 --memory 80e9]

Arithmetic is 2 FLOP a weight and position, and attention on top; a decoding step reads every weight once, and the keys
and values that its rows look at. Both at a share of the peak that kernels usually reach. The sequential loop decodes,
encodes and generates for each question, and reads the video while the GPU waits; the runner shares the prefix, stops a
choice after its letter, continues questions and clips together, and reads videos meanwhile. Defaults: H100 SXM, fp16.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

LAYERS, WIDTH, WEIGHTS = 32, 4096, 6.74e9
"""Vicuna-7B."""
VISION_WEIGHTS, VISION_POSITIONS = 0.304e9, 577
"""CLIP ViT-L/14-336."""
FRAMES, POSITIONS = 8, 8 * 601
BYTES = 2
KV = 2 * LAYERS * WIDTH * BYTES
"""Bytes of keys and values a position: 524 kB."""
VIDEO_S = 0.15
"""Seconds to read a clip's frames with one process; 720p took 0.4 s (results/bench/decoders.md), most are smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a GPU gives, shares of the peak taken off."""

    flops: float
    bandwidth: float
    memory: float

    def encode(self) -> float:
        """Return the seconds of the vision tower for one clip."""
        return 2 * VISION_WEIGHTS * VISION_POSITIONS * FRAMES / self.flops

    def prefill(self, new: int, before: int = 0) -> float:
        """Return the seconds of a pass over new positions that look back on each other and on those before."""
        attention = 4 * LAYERS * WIDTH * new * (before + new / 2)
        return (2 * WEIGHTS * new + attention) / self.flops

    def step(self, rows: int, prefixes: int, suffix: int) -> float:
        """Return the seconds of one more token for all rows: bound by what has to be read."""
        read = WEIGHTS * BYTES + KV * (prefixes * POSITIONS + rows * suffix)
        return read / self.bandwidth

    def clips(self, rows: int, suffix: int) -> int:
        """Return how many clips fit at once beside the weights, 32 at most."""
        room = 0.8 * (self.memory - BYTES * (WEIGHTS + VISION_WEIGHTS))
        return max(1, min(32, int(room / (KV * (POSITIONS + rows * suffix)))))


def sequential(card: Card, rows: int, suffix: int, new: int) -> float:
    """Return the loop's seconds for all questions about one clip."""
    each = VIDEO_S + card.encode() + card.prefill(POSITIONS + suffix) + (new - 1) * card.step(1, 1, suffix)
    return rows * each


def together(card: Card, rows: int, suffix: int, new: int, *, choice: bool, workers: int) -> float:
    """Return the runner's seconds for one clip of many."""
    clips = card.clips(rows, suffix + new)
    device = clips * (card.encode() + card.prefill(POSITIONS) + card.prefill(rows * suffix, POSITIONS))
    steps = 0 if choice else new - 1
    device += steps * card.step(clips * rows, clips, suffix + new)
    return max(device / clips, VIDEO_S / workers)


WORKS = (
    ("multiple choice, 1 question a clip (MVBench)", 1, 120, 8, True),
    ("multiple choice, 9 questions a clip (NExT-QA)", 9, 80, 8, True),
    ("open QA, 10 questions a clip (ActivityNet-QA)", 10, 40, 6, False),
    ("open QA, 26 questions a clip (MSVD-QA)", 26, 40, 6, False),
    ("captions, 1 a clip, 20 tokens (MSR-VTT)", 1, 20, 20, False),
    ("descriptions, 1 a clip, 120 tokens (DREAM-1K)", 1, 20, 120, False),
)
"""Work, questions a clip, positions of a question, tokens of an answer, and whether a letter settles it."""


def main() -> None:
    """Print the table and write it to results/bench/gpu-on-paper.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flops", type=float, default=989e12, help="peak FLOP a second, dense, half precision")
    parser.add_argument("--bandwidth", type=float, default=3.35e12, help="peak bytes a second")
    parser.add_argument("--memory", type=float, default=80e9, help="bytes")
    parser.add_argument("--reached", type=float, nargs=2, default=(0.5, 0.7), help="share of either peak")
    parser.add_argument("--workers", type=int, default=8, help="processes that read clips")
    parser.add_argument("--out", type=Path, default=PROJECT / "results" / "bench" / "gpu-on-paper.md")
    given = parser.parse_args()
    card = Card(flops=given.flops * given.reached[0], bandwidth=given.bandwidth * given.reached[1], memory=given.memory)
    told = (
        f"`scripts/reckon_gpu.py`; nothing of this was measured. {given.flops / 1e12:.0f} TFLOP/s and "
        f"{given.bandwidth / 1e12:.2f} TB/s at peak, of which {given.reached[0]:.0%} and {given.reached[1]:.0%} are "
        f"reached; {given.memory / 1e9:.0f} GB; {VIDEO_S} s to read a clip, {given.workers} processes that do. 8 "
        f"frames of 601 positions, fp16. Prefix: {card.prefill(POSITIONS):.2f} s; a token alone: "
        f"{1e3 * card.step(1, 1, 60):.1f} ms."
    )
    lines = [
        "# Tarsier-7b on one GPU, on paper",
        "",
        told,
        "",
        "| work | sequential loop, s a clip | runner, s a clip | ratio | clips at once |",
        "|---|---|---|---|---|",
    ]
    for work, rows, suffix, new, choice in WORKS:
        slow = sequential(card, rows, suffix, new)
        fast = together(card, rows, suffix, new, choice=choice, workers=given.workers)
        lines.append(f"| {work} | {slow:.2f} | {fast:.2f} | {slow / fast:.1f} | {card.clips(rows, suffix + new)} |")
    text = "\n".join(lines) + "\n"
    print(text)
    given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
