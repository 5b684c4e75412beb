"""The media that upstream's rows name: files, spans, and what branch `tarsier2` says about their frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.core import Selection

if TYPE_CHECKING:
    from eval.readers.rows import Row

PLACEHOLDER = "<placeholder>"
"""Upstream's placeholder for a video path that its user is to fill in."""
_NOT_DONE = ("do_crop", "do_padding", "do_resize")
"""Ways of image processing that none of upstream's rows asks for."""
_VIDEO = (
    "video_file", "image_file", "start_time", "end_time", "start_frame", "end_frame", "frame_indices", "time_indices",
    "fps", "min_n_frames", "n_frames",
)  # fmt: skip
"""Keys of a video that upstream reads; `n_frames` it replaces by the model's."""
_IMAGE = ("image_file", "video_file", "frame_indices")
"""Keys of an image that upstream reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """One video or picture of a row."""

    files: str | tuple[str, ...]
    """Path of the video, or of its frames in order; "" where it was not filled in."""
    start: float | None
    """First second of the span; None for the beginning."""
    end: float | None
    """Last second of the span; None for the end."""
    selection: Selection | None = None
    """What else the row says about its frames."""


def plain_medium(row: Row) -> Medium:
    """Return the video of a row of branch `tarsier`, in which a bound of zero or below is none.

    The span of a list of frames is dropped: upstream shows the whole list.
    """
    files = _files(row)
    if isinstance(files, tuple):
        return Medium(files=files, start=None, end=None)
    start, end = row.number("start_time"), row.number("end_time")
    end = end if end is not None and end > 0 else None
    if start is not None and start <= 0:
        start = None if end is None else 0.0
    return Medium(files=files, start=start, end=end)


def video_medium(video: Row, limits: Selection) -> Medium:
    """Return the video of an item of a conversation. Raises DataError where it does not fit the format."""
    if video.has("mask_boxes"):
        raise video.error("mask_boxes", "is set, which is not supported; leave it out")
    video.refuse_others(_VIDEO, "a video")
    first, last, least = (video.number(name) for name in ("start_frame", "end_frame", "min_n_frames"))
    fps = video.number("fps")
    if fps is not None and fps <= 0:
        raise video.error("fps", f"is {fps:g}, expected a number above 0; correct it in the file")
    said = Selection(
        first_frame=None if first is None else round(first),
        last_frame=None if last is None else round(last),
        indices=tuple(map(int, video.numbers("frame_indices", whole=True))) if video.has("frame_indices") else None,
        times=video.numbers("time_indices") if video.has("time_indices") else None,
        fps=fps,
        min_frames=None if least is None else int(least),
        max_pixels=limits.max_pixels,
        min_pixels=limits.min_pixels,
    )
    start, end = video.number("start_time"), video.number("end_time")
    if said.indices is None and said.times is None:
        # Seconds come before frames. Upstream's rows have -1 for no end.
        kind, begun, ended = ("frame", first, last) if start is None or end is None else ("time", start, end)
        if begun is not None and ended is not None and 0 <= ended < begun:
            raise video.error(f"end_{kind}", f"is {ended:g}, before start_{kind} {begun:g}; correct them in the file")
    return Medium(files=_files(video), start=start, end=end, selection=None if said == Selection() else said)


def image_medium(image: Row, limits: Selection) -> Medium:
    """Return the picture of an item of a conversation: a file, or one frame of a video.

    Raises DataError where it does not fit the format.
    """
    if not image.has("image_file") and not image.has("video_file"):
        raise image.error("image_file", "is missing; name the picture, or a video_file with one frame_indices")
    image.refuse_others(_IMAGE, "an image")
    files = _files(image)
    if not isinstance(files, str):
        raise image.error("image_file", "is a list; an image is one file, and several of them are a video")
    indices: tuple[int, ...] | None = None
    if not image.has("image_file"):
        number = image.number("frame_indices")
        if number is None or not number.is_integer():
            raise image.error("frame_indices", "must be the number of one frame, since the image is one of a video")
        indices = (int(number),)
    said = Selection(is_image=True, indices=indices, max_pixels=limits.max_pixels, min_pixels=limits.min_pixels)
    return Medium(files=files, start=None, end=None, selection=said)


def pixel_limits(row: Row) -> Selection:
    """Return the limits of pixels that a row sets for all of its media. Raises DataError where they are none."""
    if not row.has("image_processing_config"):
        return Selection()
    config = row.row("image_processing_config")
    for name in _NOT_DONE:
        if config.fields.get(name):
            raise config.error(name, "is set, which is not supported; leave it out")
    most, least = config.number("max_pixels"), config.number("min_pixels")
    for name, value, fewest in (("max_pixels", most, 1), ("min_pixels", least, 0)):
        if value is not None and value < fewest:
            raise config.error(name, f"is {value:g}, expected a number from {fewest}; correct it in the file")
    if most is not None and least is not None and least > most:
        raise config.error("min_pixels", f"is {least:g}, more than max_pixels {most:g}; correct them in the file")
    return Selection(max_pixels=None if most is None else int(most), min_pixels=None if least is None else int(least))


def _files(video: Row) -> str | tuple[str, ...]:
    """Return path or frame paths; "" for a placeholder, also where it stands inside a list or a path."""
    field = "image_file" if video.has("image_file") else "video_file"
    if not video.has(field):
        return ""
    listed = isinstance(video.fields[field], list)
    names = video.texts(field) if listed else (video.text(field),)
    if not names:
        raise video.error(field, "lists no frames; list them, or write the path of the video")
    if any(PLACEHOLDER in name or not name for name in names):
        return ""
    return names if listed else names[0]
