"""Frames as the data URLs by which servers take pictures and videos."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
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
    return [{"type": "image_url", "image_url": {"url": f"data:image/{form};base64,{one}"}} for one in pictures]


def as_video(pictures: Sequence[str]) -> list[dict[str, Any]]:
    """Return encoded JPEG frames as one part of a message."""
    return [{"type": "video_url", "video_url": {"url": VIDEO + ",".join(pictures)}}]


def showing(pictures: Sequence[str], form: PictureForm, media: Literal["images", "video"]) -> Show:
    """Return what shows encoded frames, as pictures or as one video of each medium."""

    def show(some: slice) -> list[dict[str, Any]]:
        shown = pictures[some]
        # A single frame is a picture: some models take no video of one.
        return as_video(shown) if media == "video" and len(shown) > 1 else as_images(shown, form)

    return show
