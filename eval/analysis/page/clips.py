"""The clips of a run as its page shows them: which frames, when, and where the clip can be played."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eval.core import Prediction, Shown
from eval.readers.predictions import THUMBNAILS

PlaceOf = Callable[[Path], str | None]
"""Returns the URL of a file for a page, and None for one that the page cannot show."""


def beside(page_folder: Path) -> PlaceOf:
    """Return the places of files for a page in a folder: relative paths, for those that are there."""

    def place(path: Path) -> str | None:
        if not path.is_file():
            return None
        return quote(Path(os.path.relpath(path, page_folder)).as_posix(), errors="surrogateescape")

    return place


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
        url = None if strip is None else self._place(self._folder / THUMBNAILS / strip.name)
        return {
            "name": shown[0].file,
            "media": [self._medium(each) for each in shown],
            "strip": {"url": url, "columns": strip.columns, "cell": list(strip.cell)} if strip and url else None,
        }

    def _medium(self, shown: Shown) -> dict[str, Any]:
        path = Path(shown.file) if self._data is None else self._data / shown.file
        return {
            "file": shown.file,
            "url": self._place(path) if path.is_absolute() else None,
            "span": [shown.start, shown.end],
            "frames": list(shown.frames),
            "times": [round(time, 3) for time in shown.times],
        }
