"""Frames as the data URLs by which servers take pictures and videos."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL.Image import Image

PictureForm = Literal["jpeg", "png"]
"""`jpeg`: lossy, a tenth of the size. `png`: exactly the frame."""
Show = Callable[[slice], list[dict[str, Any]]]
"""Returns the parts of a message that show some of a clip's frames."""
VIDEO = "data:video/jpeg;base64,"
"""Beginning of a video given as its frames, which vLLM takes as they are; commas stand between them."""


def encoded(frame: Image, form: PictureForm, quality: int) -> str:
    """Return a frame as a picture in base64."""
    file = io.BytesIO()
    if form == "png":
        frame.convert("RGB").save(file, "PNG")
    else:
        frame.convert("RGB").save(file, "JPEG", quality=quality)
    return base64.b64encode(file.getvalue()).decode("ascii")


def as_images(pictures: Sequence[str], form: PictureForm) -> list[dict[str, Any]]:
    """Return encoded frames as the parts of a message, one for each."""
    return [_part("image_url", f"data:image/{form};base64,{one}") for one in pictures]


def as_video(pictures: Sequence[str]) -> list[dict[str, Any]]:
    """Return encoded JPEG frames as one part of a message."""
    return [_part("video_url", VIDEO + ",".join(pictures))]


def _part(kind: str, url: str) -> dict[str, Any]:
    """Return a part of a message, with the hash by which the store knows it (`request_of` takes it out)."""
    return {"type": kind, kind: {"url": url}, "sha256": hashlib.sha256(url.encode("ascii")).hexdigest()}


def showing(pictures: Sequence[str], form: PictureForm, media: Literal["images", "video"]) -> Show:
    """Return what shows encoded frames, as pictures or as one video of each medium; all prompts share the parts."""

    @cache
    def shown(start: int, stop: int) -> list[dict[str, Any]]:
        # A single frame is a picture: some models take no video of one.
        if media == "video" and stop - start > 1:
            return as_video(pictures[start:stop])
        return [part for i in range(start, stop) for part in picture(i)]

    @cache
    def picture(i: int) -> list[dict[str, Any]]:
        return as_images(pictures[i : i + 1], form)

    return lambda some: shown(*some.indices(len(pictures))[:2])
