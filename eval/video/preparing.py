"""Resize frames to the model's input size in the worker, so that far fewer bytes are sent.

The arithmetic is that of upstream's image processing, step by step: a square of the longer side first, then the model's
side, each by Pillow's bicubic filter with its rounding to eight bits. Both steps leave a frame unchanged that has this
size already, so that a processor that repeats them, as Tarsier's does, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def prepare(frames: Sequence[Image], side: int) -> list[Image]:
    """Return the frames as RGB images of `side` x `side` pixels, bit for bit equal to the model processor's.

    Args:
        frames: images of any mode and size.
        side: pixels, as the processor's `shortest_edge`.

    Returns:
        One image a frame. A repeated frame gives the same object each time.
    """
    prepared: dict[int, Image] = {}
    for frame in frames:
        if id(frame) not in prepared:
            prepared[id(frame)] = _prepare(frame, side)
    return [prepared[id(frame)] for frame in frames]


def _prepare(frame: Image, side: int) -> Image:
    from PIL.Image import Resampling

    rgb = frame.convert("RGB")
    longer = max(rgb.size)
    return rgb.resize((longer, longer), Resampling.BICUBIC).resize((side, side), Resampling.BICUBIC)
