"""Resize frames to the model's input size in the worker, so that far fewer bytes are sent.

The arithmetic is that of upstream's image processing, step by step, each by Pillow's bicubic filter with its rounding
to eight bits. Every step leaves a frame unchanged that has its size already, so that a processor that repeats them, as
Tarsier's does, changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from eval.core import Area, Clip, Square
from eval.errors import MediaError

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST = 200
"""Longer sides for a shorter one up to which a frame can be resized to an area, as in upstream."""


def sizes_of(size: Square | Area | None, clip: Clip, counts: Sequence[int]) -> list[Square | Area | None]:
    """Return the size for the frames of each medium of a clip, its own first.

    For an area these are the limits that apply: those of the row, and the medium's part of the prompt's pixels.

    Args:
        size: The frame policy's.
        clip: The clip, with its further media.
        counts: The number of frames of each medium.

    Raises:
        MediaError: A limit of the row is beyond the other one.
    """
    media = (clip, *clip.more)
    if not isinstance(size, Area):
        return [size] * len(media)
    shown = 0
    for medium, count in zip(media, counts, strict=True):
        is_image = medium.selection is not None and medium.selection.is_image
        shown += count * (size.image_weight if is_image else 2)
    return [_limited(size, medium, shown) for medium in media]


def _limited(size: Area, clip: Clip, shown: int) -> Area:
    said = clip.selection
    most = size.max_pixels if said is None or said.max_pixels is None else said.max_pixels
    least = size.min_pixels if said is None or said.min_pixels is None else said.min_pixels
    if least > most:
        raise MediaError(clip.name, "unsupported", f"is to have {least:,} pixels at least and {most:,} at most")
    if size.budget is not None and shown:
        most = min(most, size.budget // shown)
    return replace(size, max_pixels=most, min_pixels=min(least, most), budget=None)


def prepare(frames: Sequence[Image], size: Square | Area, name: str = "(frames)") -> list[Image]:
    """Return the frames of one medium as RGB images of the size, bit for bit equal to the model processor's.

    Args:
        frames: Images of any mode and size.
        size: The size, see `sizes_of`. For an area with a factor all frames get the size of the first.
        name: The medium's name, for errors.

    Returns:
        One image a frame. A repeated frame gives the same object each time.

    Raises:
        MediaError: A frame is too small or too narrow for the area.
    """
    last = _last_size(frames[0], size, name) if frames and isinstance(size, Area) and size.factor > 1 else None
    prepared: dict[int, Image] = {}
    for frame in frames:
        if id(frame) not in prepared:
            rgb = frame.convert("RGB")
            prepared[id(frame)] = _square(rgb, size) if isinstance(size, Square) else _fitted(rgb, size, last, name)
    return [prepared[id(frame)] for frame in frames]


def area_size(
    size: tuple[int, int], factor: int, min_pixels: int, max_pixels: int | None, name: str = "(frame)"
) -> tuple[int, int]:
    """Return width and height as multiples of `factor`, of limited area and with about the same aspect.

    Source: `smart_resize` of Qwen2-VL's image processing.

    Raises:
        MediaError: A side is below `factor`, or nothing is left of it, or one side is over 200 times the other.
    """
    width, height = size
    if min(size) < factor:
        said = f"has frames of {width}x{height} pixels, and the model needs {factor} on each side"
        raise MediaError(name, "unsupported", said)
    if max(size) / min(size) > _LONGEST:
        said = f"has frames of {width}x{height} pixels; one side may be {_LONGEST} times the other at most"
        raise MediaError(name, "unsupported", said)
    found = (round(width / factor) * factor, round(height / factor) * factor)
    area = found[0] * found[1]
    if max_pixels is not None and area > max_pixels:
        scale = math.sqrt(width * height / max_pixels)
        found = (math.floor(width / scale / factor) * factor, math.floor(height / scale / factor) * factor)
    elif area < min_pixels:
        scale = math.sqrt(min_pixels / (width * height))
        found = (math.ceil(width * scale / factor) * factor, math.ceil(height * scale / factor) * factor)
    if min(found) < 1:
        said = f"has frames of {width}x{height} pixels, of which {max_pixels} leave less than {factor} on a side"
        raise MediaError(name, "unsupported", said)
    return found


def most_cells(area: Area) -> int:
    """Return the most squares of `factor` pixels a side that a frame of any size has after the two resizes.

    Each side is rounded to the nearest multiple, so that m by n squares may come from a frame of m - 1/2 by n - 1/2,
    in which the longer side is `_LONGEST` times the shorter one at most, and no side below 1.
    """
    one = area.factor**2
    limited = area.max_pixels / one
    most = 1
    for m in range(1, int(math.sqrt(limited) + 0.5) + 1):
        longer = min(limited / max(1, m - 0.5), math.sqrt(_LONGEST * limited), _LONGEST * (m + 0.5))
        most = max(most, m * int(longer + 0.5))
    if area.factor_max is not None:
        most = min(most, area.factor_max // one)
    # A frame below the least is enlarged to it, and then both sides are rounded up.
    least = area.factor_min / one
    longest = math.sqrt(min(_LONGEST, least + 0.5))
    enlarged = math.ceil(least + 1 + math.sqrt(least) * (longest + 1 / longest)) - 1 if least > 1 else 1
    return max(most, enlarged)


def _square(rgb: Image, size: Square) -> Image:
    from PIL.Image import Resampling

    longer, side = max(rgb.size), size.side
    return rgb.resize((longer, longer), Resampling.BICUBIC).resize((side, side), Resampling.BICUBIC)


def _fitted(rgb: Image, area: Area, last: tuple[int, int] | None, name: str) -> Image:
    resized = _resized(rgb, area_size(rgb.size, 1, area.min_pixels, area.max_pixels, name))
    return resized if last is None else _resized(resized, last)


def _last_size(first: Image, area: Area, name: str) -> tuple[int, int]:
    limited = area_size(first.size, 1, area.min_pixels, area.max_pixels, name)
    return area_size(limited, area.factor, area.factor_min, area.factor_max, name)


def _resized(rgb: Image, size: tuple[int, int]) -> Image:
    """Return a frame in another size, in two calls: with which side one call begins depends on Pillow's version."""
    from PIL.Image import Resampling

    return rgb.resize((size[0], rgb.height), Resampling.BICUBIC).resize(size, Resampling.BICUBIC)
