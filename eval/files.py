"""Crash-safe file writing: a reader finds the old content or the new one, and written data is on disk.

A file is written under a temporary name, synced and renamed over the old one, and its folder is synced, so that a power
cut leaves the old file or the new one. A disk error becomes a RunError with a remedy, and the old file stays.
Permissions are 0644 and 0755 less what the umask takes away, so that nothing is ever writable by everybody.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from eval.errors import ConfigError, RunError

FILE_MODE, FOLDER_MODE = 0o644, 0o755

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}")
"""Temporary name of a file while it is written; earlier versions used letters from Python's tempfile."""

_REMEDIES = {
    errno.ENOSPC: "Make room there and repeat the command; what was finished before is kept.",
    errno.EDQUOT: "Make room in your quota and repeat the command; what was finished before is kept.",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f) and repeat the command; what was finished is kept.",
    errno.EIO: "The disk or its connection failed: copy the folder to another one, and go on there.",
    errno.EROFS: "It is mounted read-only: choose a folder on another disk, or mount it for writing.",
    errno.EACCES: "Choose a folder in which you may write, or change its permissions.",
    errno.EPERM: "Choose a folder in which you may write, or change its permissions.",
    errno.ENOENT: "Its folder is gone: do not move a folder while it is written to; repeat the command.",
    errno.ENOTDIR: "One of its folders is a file: choose another place.",
    errno.EISDIR: "It is a folder: move it away, or choose another place.",
    errno.ENAMETOOLONG: "Choose a shorter path.",
    errno.ELOOP: "A link on its path points at itself: choose another place.",
}
_OTHERWISE = "Choose another place, or mend the disk and repeat the command; what was finished is kept."
_NO_SYNC = {errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES}
"""Errors of file systems that cannot, or need not, sync a folder."""


def refused(path: Path, error: OSError) -> RunError:
    """Return the error where the disk refuses to write a file: its name, the reason, and the remedy."""
    return RunError(f"{path} cannot be written: {_reason(error)}. {_remedy(error)}")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".").lower()


def _remedy(error: OSError) -> str:
    return _REMEDIES.get(error.errno or 0, _OTHERWISE)


def expanded(place: str | Path) -> Path:
    """Return a place that a user names, with the home for `~`. Raises ConfigError where there is no such user."""
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise ConfigError(f"{str(place)!r}: there is no such user; write ./~... for a name that begins so.") from None


def absolute(place: str | Path) -> Path:
    """Return a place that a user names as an absolute path. Raises ConfigError where there can be none."""
    try:
        return expanded(place).resolve()
    except (RuntimeError, OSError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or "a link on it points at itself"
        raise ConfigError(f"{str(place)!r} is not a path: {said}; choose another place.") from None
    except ValueError as error:
        raise ConfigError(f"{str(place)!r} is not a path: {error}.") from None


def open_regular(path: Path) -> BinaryIO:
    """Open a file of others for reading.

    Raises OSError where it cannot be read or is no regular file: a pipe could be waited for, and a device read, for
    ever.
    """
    try:
        _refuse_irregular(path.stat().st_mode, path)
        # Something else may have taken its place since.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        handle = os.open(path, flags)
    except ValueError as error:  # a null character in the path
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    try:
        _refuse_irregular(os.fstat(handle).st_mode, path)
    except OSError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def read_regular(path: Path) -> bytes:
    """Return the content of a file of others. Raises OSError as `open_regular`."""
    with open_regular(path) as file:
        return file.read()


def read_regular_text(path: Path) -> str:
    """Return the text of a file of others in UTF-8. Raises OSError as `open_regular`, UnicodeDecodeError."""
    return read_regular(path).decode("utf-8")


def refuse_other_file(path: Path, flag: str, what: str, is_ours: Callable[[BinaryIO], bool]) -> None:
    """Refuse to replace a file that is there and is no earlier output of the same kind.

    Args:
        path: Where the output goes.
        flag: What the user wrote, for the message.
        what: The kind of output, with its article.
        is_ours: Whether an open file is one; ValueError counts as no.

    Raises:
        ConfigError: it is another file, or cannot be read.
    """
    try:
        with open_regular(path) as file:
            ours = is_ours(file)
    except FileNotFoundError:
        ours = not path.is_symlink()  # a link to nowhere is somebody's too
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise ConfigError(f"{flag}: {path} is there already and is not {what}; choose another name, or move it away.")


def is_object(file: BinaryIO, keys: Iterable[str] = ()) -> bool:
    """Whether a file holds a JSON object that has some keys. Raises ValueError where it is no JSON."""
    if not file.read(1 << 10).lstrip().startswith(b"{"):
        return False
    file.seek(0)
    found = json.load(file)
    return isinstance(found, dict) and set(keys) <= set(found)


def _refuse_irregular(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "no regular file, but a pipe, socket or device", str(path))


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, synced to disk and writable by nobody else.

    Raises:
        RunError: it cannot be made.
    """
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            # pathlib gives parents default permissions, which a lax umask leaves writable by everybody.
            each.mkdir(mode=FOLDER_MODE, exist_ok=True)
            sync_folder(each.parent)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise RunError(f"Cannot create the folder {folder}: {_reason(error)}. {_remedy(error)}") from error


def refuse_unwritable(folder: Path) -> None:
    """Refuse a folder, which need not exist yet, in which nothing can be written. Leaves nothing there.

    Raises:
        RunError: its place is a file, or takes no folders.
    """
    try:
        nearest = next(each for each in (folder, *folder.parents) if each.exists())
        Path(tempfile.mkdtemp(prefix=".writable-", dir=nearest)).rmdir()
    except OSError as error:
        raise RunError(f"Cannot write to {folder}: {_reason(error)}. {_remedy(error)}") from error


def sync_folder(folder: Path) -> None:
    """Sync a folder's list of files to disk. Raises OSError where the disk fails."""
    if os.name == "nt":
        return  # Windows opens no folders, and NTFS keeps its own journal of them.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


def write_all(handle: int, content: bytes) -> None:
    """Write all bytes, even if the system accepts only parts at a time. Raises OSError."""
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def write_bytes_atomically(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Write a file so that a reader finds the old content or the new one, never a part; the data are on disk on return.

    Without `synced` they may be lost with the power: for what can be had again.

    Raises:
        RunError: the disk is full, failed or may not be written, or something else than a file has the name; what was
            there is unchanged.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise RunError(f"{path} is a device, pipe or socket, which no file may take the place of; choose another name.")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        # O_EXCL follows no planted link, and the system subtracts the umask from the mode.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), FILE_MODE)
        try:
            try:
                write_all(handle, content)
                if synced:
                    os.fsync(handle)
            finally:
                os.close(handle)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if synced:
            sync_folder(path.parent)
    except OSError as error:
        raise refused(path, error) from error


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader finds the old content or the new one, never a part. Raises RunError."""
    write_bytes_atomically(path, text.encode("utf-8"))


def to_json(value: Any) -> str:
    """Return one line of JSON: keys in the given order, text unescaped, no NaN.

    Unpaired surrogates become question marks, as in reading: UTF-8 cannot hold them, many readers refuse their escapes,
    and a run must not fail because of one.
    """
    return _storable(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _storable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def to_jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the content of a file with one JSON object a line."""
    return "".join(to_json(row) + "\n" for row in rows).encode("utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file for people and programs, atomically. Raises RunError."""
    write_atomically(path, _storable(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2)) + "\n")


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, atomically. Raises RunError."""
    write_bytes_atomically(path, to_jsonl(rows))


def leftover_of(path: Path) -> str | None:
    """Return the final name of a temporary file, or None where the name is not of that form."""
    found = _TEMPORARY.fullmatch(path.name)
    return found["name"] if found else None
