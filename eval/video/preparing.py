"""Bringing frames to the size that a model reads, where they are decoded: far fewer bytes have to travel.

The arithmetic is that of upstream's processing of images, step by step: a square of the longer side first, then the
model's side, each by Pillow's bicubic filter with its rounding to eight bits. Both steps leave a frame as it is that
has this size already, so that a processor that takes them again, as Tarsier's does, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def prepare(frames: Sequence[Image], side: int) -> list[Image]:
    """Return the frames as RGB images of `side` x `side` pixels, bit for bit as the model's processor makes them.

    Args:
        frames: images of any mode and size.
        side: pixels, as the processor's `shortest_edge`.

    Returns:
        One image a frame. A frame that is there several times gives the same object as often.
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
