"""Read clips made of pictures: a gif, a single image, a folder of frames, a list of frame files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from eval.core import IMAGE_EXTENSIONS
from eval.errors import MediaError
from eval.video.files import check_regular
from eval.video.limits import MAX_GIF_FRAMES, check_size
from eval.video.sampling import distinct_indices

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError)
"""Exceptions that Pillow raises for a damaged file."""


def read_image(path: Path) -> Image.Image:
    """Return an image file as RGB. Raises MediaError where it cannot be read completely."""
    image = _open(path)
    with image:
        try:
            return image.convert("RGB")
        except _BROKEN as error:
            raise _damaged(path, error) from None


def refuse_too_large(path: Path) -> None:
    """Raise MediaError (`too_large`) for an image whose header states too large a size; nothing else is checked."""
    try:
        _open(path).close()
    except MediaError as error:
        if error.reason == "too_large":
            raise


def read_gif(path: Path, n_frames: int) -> list[Image.Image]:
    """Return frames spread over a whole gif, each once: a gif of 3 frames gives at most 3.

    Raises:
        MediaError: Where the gif is damaged, or has more frames than can sensibly be composed.
    """
    gif = _open(path)
    with gif:
        _check_count(path)
        try:
            total = int(getattr(gif, "n_frames", 1))
            frames = []
            for index in distinct_indices(total, n_frames):
                gif.seek(index)
                frames.append(gif.convert("RGB"))
        except _BROKEN as error:
            raise _damaged(path, error) from None
    return frames


def read_frame_files(files: Sequence[Path], n_frames: int) -> list[Image.Image]:
    """Return at most `n_frames` of the listed image files, spread evenly, each once. Raises MediaError."""
    if not files:
        raise MediaError("(no frames)", "empty", "the list of frame files is empty")
    return [read_image(files[i]) for i in distinct_indices(len(files), min(len(files), n_frames))]


def list_folder(folder: Path, *, fps: float | None, start: float | None, end: float | None) -> list[Path]:
    """Return the frame files of a folder in order of their numbers.

    With `fps`, a span in seconds selects files by their place, counted from 1, both ends included:
    max(1, round(start * fps)) to min(round(end * fps), count).

    Raises:
        MediaError: Where the folder cannot be read or holds no images.
    """
    try:
        files = sorted(
            (file for file in folder.iterdir() if file.suffix.lower()[1:] in IMAGE_EXTENSIONS), key=_by_number
        )
    except OSError as error:
        raise MediaError(folder, "unreadable", f"cannot be listed: {error.strerror}") from None
    if not files:
        raise MediaError(folder, "empty", f"is a folder without images ({', '.join(IMAGE_EXTENSIONS)})")
    if not fps or (start is None and end is None):
        return files
    # A value beyond the last file is clipped before it is rounded: an infinite time has no whole number.
    first = max(1, round(max(0, min((start or 0) * fps, len(files)))))
    last = len(files) if end is None or end <= 0 else round(min(end * fps, len(files)))
    return files[first - 1 : max(first, last)]


def _by_number(file: Path) -> tuple[list[tuple[int, str]], str]:
    """Return a sort key under which frame10 follows frame9, whether or not the numbers are padded."""
    parts = re.split(r"(\d+)", file.stem)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts if part], file.name


def _damaged(path: Path, error: Exception) -> Exception:
    """Return the error to raise when Pillow fails in the middle of a file."""
    if "out of memory" in str(error):
        return MemoryError(str(error))
    return MediaError(path, "truncated", f"is cut off or damaged ({error})")


def _check_count(path: Path) -> None:
    """Raise MediaError where a gif has too many frames, since Pillow would read all of them to count them.

    Blocks are parsed as in GIF89a, sections 18 to 27; Pillow decides about files that break these rules.
    """
    with path.open("rb") as file:
        head = file.read(13)
        _skip_colours(file, head[10:11])
        count = 0
        while (kind := file.read(1)) not in {b"", b";"} and count <= MAX_GIF_FRAMES:
            if kind == b"!":
                file.read(1)
            elif kind == b",":
                _skip_colours(file, file.read(9)[8:9])
                file.read(1)
                count += 1
            else:
                continue
            while size := int.from_bytes(file.read(1), "big"):
                file.seek(size, os.SEEK_CUR)
    if count > MAX_GIF_FRAMES:
        raise MediaError(path, "too_large", f"has more than {MAX_GIF_FRAMES} frames, each composed on the one before")


def _skip_colours(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 << (flags[0] & 7) + 1, os.SEEK_CUR)


def _open(path: Path) -> Image.Image:
    check_regular(path)
    try:
        image = Image.open(path)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaError(path, "too_large", str(error)) from None
    except UnidentifiedImageError:
        raise MediaError(path, "not_a_video", "is not an image") from None
    except _BROKEN as error:
        if isinstance(error, OSError) and error.strerror:  # the operating system reports the error, not Pillow
            raise MediaError(path, "unreadable", f"cannot be read: {error.strerror}") from None
        raise _damaged(path, error) from None
    try:
        check_size(path, *image.size)
    except MediaError:
        image.close()
        raise
    return image
