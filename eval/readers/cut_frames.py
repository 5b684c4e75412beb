"""A file with the last frames to be shown of some videos, beside the file of their questions."""

from __future__ import annotations

import logging
from pathlib import Path

from eval.core import VIDEO_EXTENSIONS
from eval.errors import DataError
from eval.readers.rows import Row, read_object, short, some_of

_log = logging.getLogger(__name__)


def read_cuts(path: Path, videos: Row) -> Row:
    """Return the frames by video; of a file that is not there, none, with a warning.

    Args:
        path: The file, which may have further videos.
        videos: The questions by video.

    Raises:
        DataError: the file has none of the videos, or names files.
    """
    if not path.is_file():
        _log.warning("%s is missing: no video is cut where its end gives the answer away", path)
        return Row({}, str(path))
    cuts, wanted = read_object(path), next(iter(videos.fields), None)
    for name in cuts.fields:
        if name not in videos.fields and name.lower().endswith(tuple(f".{each}" for each in VIDEO_EXTENSIONS)):
            raise cuts.error(name, f"is a file's name; write videos as in {videos.place}, such as {wanted!r}")
    if wanted is not None and not any(name in videos.fields for name in cuts.fields):
        raise DataError(
            f"{path}: none of its names ({some_of(cuts.fields)}) is a video in {videos.place}, such as {wanted!r}; "
            "fetch both files again"
        )
    return cuts


def end_of(video: str, cuts: Row, metadata: Row) -> float | None:
    """Return the time of the last frame of a video that is shown, in seconds; None where the video is not cut.

    Raises RowError where the frame, or `frame_rate` in the metadata, is no such number.
    """
    if video not in cuts.fields:
        return None
    frame, rate = cuts.number(video), metadata.number("frame_rate")
    if frame is None or frame <= 0:
        raise cuts.error(video, f"is {short(cuts.fields[video])}, expected the number of a frame; correct the file")
    if rate is None:
        raise metadata.error("frame_rate", "is missing, and the video has to be cut; add it")
    if rate <= 0:
        raise metadata.error("frame_rate", f"is {rate:g}, expected frames per second above 0; correct it in the file")
    return frame / rate
