"""Images and videos as transformers' processors take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.core import SECONDS, PartKind
from eval.errors import ModelError

if TYPE_CHECKING:
    from PIL.Image import Image

_UNITS = 1000
"""Times go to processors as numbers of frames at so many frames a second: in milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Medium:
    """An image or a video of a prompt."""

    kind: PartKind
    frames: Sequence[Image]
    """One for an image."""

    @cached_property
    def image(self) -> Image:
        """An image's picture."""
        (frame,) = self.frames
        return frame if frame.mode == "RGB" else frame.convert("RGB")

    @cached_property
    def pixels(self) -> np.ndarray[Any, Any]:
        """A video's frames as (n, height, width, 3), uint8. Raises ModelError where their sizes differ."""
        sizes = sorted({frame.size for frame in self.frames})
        if len(sizes) > 1:
            said = " and ".join(f"{width}x{height}" for width, height in sizes[:3])
            raise ModelError(f"frames of {said} pixels are no video; give model.media=images")
        return np.stack([np.asarray(frame.convert("RGB")) for frame in self.frames])

    def metadata(self) -> dict[str, Any]:
        """Return when a video's frames are shown; without times the processor assumes its own rate.

        As in a file that begins with the first of them and ends as long after the last as they are apart.
        """
        n, times = len(self.frames), [frame.info[SECONDS] for frame in self.frames if SECONDS in frame.info]
        width, height = self.frames[0].size
        known: dict[str, Any] = {"width": width, "height": height, "video_backend": "pyav"}
        if n < 2 or len(times) != n or times[-1] <= times[0]:
            return {**known, "total_num_frames": n, "fps": None, "duration": None, "frames_indices": list(range(n))}
        apart = (times[-1] - times[0]) / (n - 1)
        return {
            **known,
            "total_num_frames": max(1, round(apart * n * _UNITS)),
            "fps": _UNITS,
            "duration": apart * n,
            "frames_indices": [round((time - times[0]) * _UNITS) for time in times],
        }


class Once:
    """A processor of images or videos that takes the same ones in a row once: those of all prompts about a clip."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._kept: Any = None
        self._key: Any = None
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, media: Any, **settings: Any) -> Any:
        """Return the processor's result, a copy that may be changed."""
        if (key := _identity(media)) != self._key:
            self._made = self._inner(media, **settings)
            self._key, self._kept = key, list(_leaves(media))  # kept, so that no other object gets their identity
        return copy(self._made)


def _identity(media: Any) -> Any:
    """Return the same value for the same objects in the same order and nesting."""
    return tuple(map(_identity, media)) if isinstance(media, list | tuple) else id(media)


def _leaves(media: Any) -> Iterator[Any]:
    if isinstance(media, list | tuple):
        for one in media:
            yield from _leaves(one)
    else:
        yield media
