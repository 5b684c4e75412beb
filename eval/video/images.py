"""Clips that are pictures: a gif, a single image, a folder of frames, a list of frame files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from eval.errors import MediaError
from eval.video.limits import MAX_GIF_FRAMES, check_size
from eval.video.sampling import distinct_indices

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Names of frame files in a folder; anything else there is passed over."""

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError)
"""What Pillow raises over a damaged file."""


def read_image(path: Path) -> Image.Image:
    """Return an image file as RGB. Raises MediaError where it cannot be read whole."""
    image = _open(path)
    with image:
        try:
            return image.convert("RGB")
        except _BROKEN as error:
            raise MediaError(path, "truncated", f"is cut off or damaged ({error})") from None


def read_gif(path: Path, n_frames: int) -> list[Image.Image]:
    """Return frames of a gif spread over all of it, each once: a gif of 3 frames gives 3, whatever is asked.

    Raises:
        MediaError: Where the gif is damaged, or has more frames than can sensibly be composed.
    """
    gif = _open(path)
    with gif:
        try:
            total = int(getattr(gif, "n_frames", 1))
            if total > MAX_GIF_FRAMES:
                raise MediaError(path, "too_large", f"has {total} frames; at most {MAX_GIF_FRAMES} are walked through")
            frames = []
            for index in distinct_indices(total, n_frames):
                gif.seek(index)
                frames.append(gif.convert("RGB"))
        except _BROKEN as error:
            raise MediaError(path, "truncated", f"is cut off or damaged ({error})") from None
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
        files = sorted((file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES), key=_by_number)
    except OSError as error:
        raise MediaError(folder, "unreadable", f"cannot be listed: {error.strerror}") from None
    if not files:
        raise MediaError(folder, "empty", f"is a folder without images ({', '.join(sorted(SUFFIXES))})")
    if not fps or (start is None and end is None):
        return files
    first = min(max(1, round((start or 0) * fps)), len(files))
    last = len(files) if end is None or end <= 0 else min(round(end * fps), len(files))
    return files[first - 1 : max(first, last)]


def _by_number(file: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key under which frame10 follows frame9, whether or not the numbers are padded."""
    parts = re.split(r"(\d+)", file.stem)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts if part], file.name


def _open(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
    except FileNotFoundError:
        raise MediaError(path, "missing", "no such frame file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaError(path, "too_large", str(error)) from None
    except UnidentifiedImageError:
        raise MediaError(path, "not_a_video", "is not an image") from None
    except _BROKEN as error:
        raise MediaError(path, "unreadable", f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        check_size(path, *image.size)
    except MediaError:
        image.close()
        raise
    return image
