"""The clips of a run as its page shows them: which frames, when, and where the clip can be played."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eval.archives import Member, media_path
from eval.core import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS, Prediction, Shown
from eval.errors import TarsierEvalError
from eval.files import open_regular
from eval.readers.predictions import THUMBNAILS
from eval.video.strip import MOST_FRAMES

PlaceOf = Callable[[Path], str | None]
"""Returns the URL of a file for a page, and None for one that the page cannot show."""


def beside(page_folder: Path) -> PlaceOf:
    """Return the places of files for a page in a folder: relative paths, for those that are there, not in archives."""

    def place(path: Path) -> str | None:
        if isinstance(path, Member) or not is_media(path):
            return None
        return quote(Path(os.path.relpath(path, page_folder)).as_posix(), errors="surrogateescape")

    return place


_EXTENSIONS = (*VIDEO_EXTENSIONS, *IMAGE_EXTENSIONS, "gif")
_BEGINS = (
    b"\x1aE\xdf\xa3", b"RIFF", b"FLV", b"\x00\x00\x01\xb3", b"\x00\x00\x01\xba", b"G@", b"0&\xb2u", b"GIF8",
    b"\xff\xd8\xff",    b"\x89PNG", b"BM", b"II*\0", b"MM\0*",
)  # fmt: skip
"""First bytes of Matroska, AVI and WebP, Flash, MPEG, transport streams, ASF, and pictures."""


def is_media(path: Path) -> bool:
    """Whether a file is one that a page may show: a run folder may come from somebody else, and name any file."""
    if path.suffix.lower()[1:] not in _EXTENSIONS:
        return False
    try:
        with path.open("rb") if isinstance(path, Member) else open_regular(path) as file:
            head = file.read(12)
    except (OSError, ValueError, TarsierEvalError):
        return False
    # An mp4 has its kind behind four bytes of size.
    return head.startswith(_BEGINS) or head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip")


class Clips:
    """Collects the clips of predictions; samples about one clip share it.

    Args:
        data: The folder of the media, where it is known.
        folder: The run folder of the predictions, which has the pictures of frames.
        place: Gives the URLs of files.
    """

    def __init__(self, data: Path | None, folder: Path, place: PlaceOf) -> None:
        self.rows: list[dict[str, Any]] = []
        """The clips so far, in the form of `Clip` in `web/src/payload.ts`."""
        self._data, self._folder, self._place = data, folder, place
        self._known: dict[tuple[Shown, ...], int] = {}

    def add(self, prediction: Prediction) -> int | None:
        """Return the index of a prediction's clip; None where it is not known."""
        shown = prediction.shown
        if not shown:
            return None
        if shown not in self._known:
            self._known[shown] = len(self.rows)
            self.rows.append(self._row(shown, prediction))
        return self._known[shown]

    def _row(self, shown: Sequence[Shown], prediction: Prediction) -> dict[str, Any]:
        strip = prediction.strip
        picture = None if strip is None else self._folder / THUMBNAILS / strip.name
        url = None if picture is None or picture.is_symlink() else self._place(picture)
        return {
            "name": shown[0].file,
            "media": [self._medium(each) for each in shown],
            "strip": {
                "url": url,
                "columns": strip.columns,
                "cell": list(strip.cell),
                "frames": min(MOST_FRAMES, sum(len(each.frames) for each in shown)),
            }
            if strip and url
            else None,
        }

    def _medium(self, shown: Shown) -> dict[str, Any]:
        return {
            "file": shown.file,
            "url": self._url(shown.file),
            "span": [shown.start, shown.end],
            "frames": list(shown.frames),
            "times": [round(time, 3) for time in shown.times],
        }

    def _url(self, file: str) -> str | None:
        """Return the URL of a medium; None for what is not one within the data folder, as an edited file may claim."""
        if self._data is None:
            return None
        path = media_path(os.path.normpath(self._data / file))
        return self._place(path) if path.is_relative_to(self._data) else None
