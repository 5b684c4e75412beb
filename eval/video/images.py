"""Read clips made of pictures: a gif, a single image, a folder of frames, a list of frame files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from eval.archives import Member
from eval.core import IMAGE_EXTENSIONS, PictureRules
from eval.errors import MediaError
from eval.video.choosing import Choice
from eval.video.files import check_regular
from eval.video.limits import MAX_GIF_FRAMES, check_size

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError)
"""Exceptions that Pillow raises for a damaged file."""


_SAME_SCENE = 1 | 4
"""Bits of a TIFF page's NewSubfileType: a smaller copy of another page, a mask for it."""


def read_image(path: Path, rules: PictureRules) -> Image.Image:
    """Return an image file as RGB. Raises MediaError where it cannot be read completely, or not as it is meant."""
    with _open(path) as image:
        try:
            return _as_rgb(image, path, rules)
        except _BROKEN as error:
            raise _damaged(path, error) from None


def is_animation(path: Path) -> bool:
    """Whether an image holds several frames; False for one that can't be read.

    Raises:
        MediaError (`too_large`): Its header states too large a size.
    """
    try:
        with _open(path) as image:
            return len(_frame_numbers(image, path)) > 1
    except MediaError as error:
        if error.reason == "too_large":
            raise
    except _BROKEN:
        pass
    return False


def read_picture(path: Path, choose: Choice, rules: PictureRules) -> list[Image.Image]:
    """Return the chosen frames of an image file: a gif of 3 frames gives at most 3.

    The frames of a gif, a WebP and an APNG are composed as they are shown; a TIFF's are its pages. Their rate is that
    of the first frame, as in upstream.

    Args:
        path: The file.
        choose: Gives the places of frames, each once and in their order.
        rules: How image files are read.

    Raises:
        MediaError: Where it is damaged, has more frames than can sensibly be composed, or none can be chosen.
    """
    with _open(path) as image:
        if image.format == "GIF":
            _check_count(path)
        try:
            shown_ms = image.info.get("duration", 0)
            numbers = _frame_numbers(image, path)
            frames = []
            for place in choose(len(numbers), 1 / (shown_ms / 1000) if shown_ms else None):
                image.seek(numbers[place])
                check_size(path, *image.size)
                frames.append(_as_rgb(image, path, rules))
        except _BROKEN as error:
            raise _damaged(path, error) from None
    return frames


def read_frame_files(
    files: Sequence[Path], choose: Choice, rules: PictureRules, fps: float | None = None
) -> list[Image.Image]:
    """Return the chosen ones of the listed image files, which may have a rate. Raises MediaError."""
    if not files:
        raise MediaError("(no frames)", "empty", "the list of frame files is empty")
    chosen = choose(len(files), fps)
    read = {i: read_image(files[i], rules) for i in dict.fromkeys(chosen)}
    return [read[i] for i in chosen]


def _frame_numbers(image: Any, path: Path) -> Sequence[int]:
    """Return the numbers of an image's frames. A JPEG's further pictures (MPO) are other views of the first."""
    numbers: Sequence[int] = range(1)
    if image.format == "TIFF":
        numbers = _pages(image)
    elif image.format in {"GIF", "PNG", "WEBP"}:
        # An APNG may begin with a picture for viewers that show no animation.
        numbers = range(int(bool(image.info.get("default_image"))), int(getattr(image, "n_frames", 1)))
    if len(numbers) > MAX_GIF_FRAMES:
        raise _too_many(path)
    return numbers or range(1)


def _pages(image: Any) -> list[int]:
    pages = []
    with suppress(EOFError):
        for number in range(MAX_GIF_FRAMES + 1):
            image.seek(number)
            if not image.tag_v2.get(254, 0) & _SAME_SCENE:
                pages.append(number)
    image.seek(0)
    return pages


def _as_rgb(image: Image.Image, path: Path, rules: PictureRules) -> Image.Image:
    """Return the frame that an image is at as RGB, and upright where the rules say so."""
    if rules.exif_orientation:
        image = ImageOps.exif_transpose(image)
    if image.mode != "F" and not image.mode.startswith("I"):
        return image.convert("RGB")
    if rules.deep == "refuse":
        bits = 16 if image.mode.startswith("I;16") else 32
        raise MediaError(
            path,
            "unsupported",
            f"is a grey image of {bits} bits, which would come out white or black: convert it to 8 bits, or set "
            "video.deep_images=scale",
        )
    return _scaled(image, path).convert("RGB")


def _scaled(image: Image.Image, path: Path) -> Image.Image:
    """Return a deep grey image in 8 bits: whole numbers count from 0 to 65535, others from 0 to 1 or from 0 to 255."""
    values = np.asarray(image, dtype=np.float64)
    full = 65535.0 if image.mode != "F" else 1.0 if values.max() <= 1 else 255.0
    if not (values.min() >= 0 and values.max() <= full):  # values that are no numbers are not either
        raise MediaError(
            path,
            "unsupported",
            f"has grey values from {values.min():g} to {values.max():g}, so white is not known; convert it to 8 bits",
        )
    return Image.fromarray(np.rint(values * (255 / full)).astype(np.uint8))


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
        raise _too_many(path)


def _too_many(path: Path) -> MediaError:
    return MediaError(path, "too_large", f"has more than {MAX_GIF_FRAMES} frames, each composed on the one before")


def _skip_colours(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & 0x80:
        file.seek(3 << (flags[0] & 7) + 1, os.SEEK_CUR)


def _open(path: Path) -> Image.Image:
    check_regular(path)
    try:
        image = Image.open(path.open("rb") if isinstance(path, Member) else path)
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
