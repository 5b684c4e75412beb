"""Views of a clip: its frames in another order, or one of them, made from the frames that were loaded for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from eval.core import SECONDS, Clip, LoadedClip, View

if TYPE_CHECKING:
    from PIL.Image import Image


def seen(loaded: LoadedClip, clip: Clip) -> LoadedClip:
    """Return a loaded clip as another one shows it, whose `loaded` it is; of several media, each is changed."""
    if clip.view is None or loaded.frames is None:
        return replace(loaded, clip=clip)
    rest = iter(loaded.frames)
    parts = [_changed(list(islice(rest, count)), clip.view) for count in loaded.counts or (len(loaded.frames),)]
    return replace(
        loaded,
        clip=clip,
        frames=[frame for part in parts for frame in part],
        counts=tuple(map(len, parts)) if clip.more else (),
        strip=None,  # it shows the frames as they were
    )


def _changed(frames: Sequence[Image], view: View) -> list[Image]:
    if view.order == "middle":
        return [frames[len(frames) // 2]]
    order = list(reversed(range(len(frames)))) if view.order == "reversed" else _drawn(frames, view.seed)
    return [_at_time_of(frames[source], frames[place]) for place, source in enumerate(order)]


def _drawn(frames: Sequence[Image], seed: str) -> list[int]:
    """Return an order drawn by the seed, which is another one wherever frames differ."""
    order, random = list(range(len(frames))), Random(seed)  # noqa: S311 - an order to repeat, no secret
    while len(set(map(id, frames))) > 1:
        random.shuffle(order)
        if any(frames[source] is not frame for source, frame in zip(order, frames, strict=True)):
            break
    return order


def _at_time_of(frame: Image, other: Image) -> Image:
    """Return a frame with the time of the place where it is shown: models that are told times must not learn more."""
    if SECONDS not in other.info or frame.info.get(SECONDS) == other.info[SECONDS]:
        return frame
    moved = frame.copy()
    moved.info[SECONDS] = other.info[SECONDS]
    return moved
