"""Check that a path is a readable file: opening anything else may wait or read for ever."""

from __future__ import annotations

import stat
from pathlib import Path

from eval.errors import MediaError


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; False where it is a file.

    Raises:
        MediaError: where there is nothing, or something else: a pipe, a device, a link to itself.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        dangling = path.is_symlink()
        raise MediaError(path, "missing", "is a link to nothing" if dangling else "no such file or folder") from None
    except OSError as error:
        raise MediaError(path, "unreadable", f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise MediaError(path, "unreadable", f"is not a file name: {error}") from None
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise MediaError(path, "unreadable", "is neither a file nor a folder")
    return stat.S_ISDIR(mode)


def check_regular(path: Path) -> None:
    """Raise MediaError where a path is not a file with content."""
    if is_folder(path):
        raise MediaError(path, "unreadable", "is a folder, not a file")
    if not path.stat().st_size:
        raise MediaError(path, "empty", "is an empty file (0 bytes)")
