"""Pictures of the frames of clips in a run folder. Nothing depends on them: a full disk only costs the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from eval.core import Strip
from eval.errors import RunError, TarsierEvalError
from eval.files import make_folder, read_regular, write_bytes_atomically
from eval.readers.predictions import THUMBNAILS
from eval.video.strip import MOST_BYTES


def keep_strips(folder: Path, strips: Iterable[Strip]) -> None:
    """Write the pictures that a run folder does not have yet."""
    with suppress(OSError, RunError):
        for strip in strips:
            path = folder / THUMBNAILS / strip.name
            if strip.content and not path.exists():
                make_folder(path.parent)
                write_bytes_atomically(path, strip.content, synced=False)


def with_content(strip: Strip, folders: Sequence[Path]) -> Strip:
    """Return a picture with its content from the first of some run folders that has it."""
    for folder in folders:
        path = folder / THUMBNAILS / strip.name
        with suppress(OSError, TarsierEvalError):
            if not path.is_symlink() and path.stat().st_size <= MOST_BYTES:
                return replace(strip, content=read_regular(path))
    return strip
