"""Folder locks: one process at a time holds a folder, and the kernel releases it when that process ends.

The lock is on a file in the folder, `.lock`, which names the holder and is removed on a normal end. Only the kernel's
lock counts, not the file, so a file left by a killed process blocks nobody.

On a network file system the lock holds between machines only where its server keeps locks: NFS does, unless it is
mounted with `nolock` or `local_lock`; then two machines can write to one folder. A file system without locks is used
without one, and `FolderLock.held` is False.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import socket
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from weakref import WeakSet, finalize

from eval.errors import RunError
from eval.files import FILE_MODE, read_regular_text, refused, write_all

LOCK = ".lock"
"""The file in the folder."""

_SHOWN = 200
"""Most characters of a command that are kept."""
_KERNELS_ENOTSUPP = 524
"""An error of the Linux kernel's own, which some network file systems hand on and no list of errors names."""
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, _KERNELS_ENOTSUPP}
_FAR = 1 << 30
"""Offset of the locked byte on Windows, where a lock also blocks reading the bytes it covers."""


class FolderLock:
    """A lock on a folder, held until `release`, the end of a `with` block, or the end of the process.

    Raises:
        RunError: another process holds it, named in the message; or no file can be created in it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self.held = True
        """Whether the file system really keeps other processes out."""
        self._handle = self._take()
        _open.add(self)
        self._release = finalize(self, _let_go, self._handle, self.path)
        self._sign()

    def __enter__(self) -> FolderLock:  # noqa: PYI034 - typing has Self from Python 3.11 on
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Release the folder."""
        self._release()

    def forget(self) -> None:
        """Close the file in a forked process, which would otherwise hold the folder after its parent has ended."""
        if self._release.detach():
            os.close(self._handle)

    def _take(self) -> int:
        while True:
            try:
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
            except OSError as error:
                raise refused(self.path, error) from error
            try:
                _lock(handle)
                # The previous holder may just have removed the file: then this lock is on a file that nobody finds.
                if _is_there(handle, self.path):
                    return handle
            except (BlockingIOError, PermissionError):
                os.close(handle)
                raise RunError(self._held_by()) from None
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    self.held = False
                    return handle
                os.close(handle)
                raise refused(self.path, error) from error
            os.close(handle)

    def _sign(self) -> None:
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:_SHOWN]
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "command": command}
        try:
            os.ftruncate(self._handle, 0)
            write_all(self._handle, (json.dumps(holder) + "\n").encode("utf-8"))
        except OSError:
            return  # On a full disk the lock holds all the same; only its name is missing.

    def _held_by(self) -> str:
        remedy = "Wait for it or stop it, or choose another OUT."
        try:
            who = json.loads(read_regular_text(self.path))
            named = f"process {who['pid']} on {who['host']} since {who['since']} ({who['command']})"
        except (OSError, ValueError, KeyError, TypeError):
            named = "another process"  # It has not written its name yet, or is just ending.
        return f"{self.path.parent} is being written by {named}. {remedy}"


def seems_held(folder: Path) -> bool:
    """Whether a process says that it holds a folder, and seems to live. Nothing is locked: this is only for people."""
    try:
        who = json.loads(read_regular_text(folder / LOCK))
        if who["host"] == socket.gethostname():
            os.kill(int(who["pid"]), 0)
    except PermissionError:
        return True  # another user's process
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False
    return True


def refuse_busy(folder: Path) -> None:
    """Refuse a folder that another process holds. Raises RunError as FolderLock does."""
    if (folder / LOCK).exists():
        FolderLock(folder).release()


def _is_there(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _let_go(handle: int, path: Path) -> None:
    # Removed while still locked: so a file without a lock always comes from a killed process.
    try:
        if _is_there(handle, path):
            path.unlink()
    except OSError:
        pass  # Also on Windows, which removes no open file.
    os.close(handle)


def lacks_locks(folder: Path) -> str | None:
    """Return the reason why a folder's file system has no locks on parts of files, which SQLite needs; None if it has.

    Raises OSError where no file can be made there.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            _lock_part(file.fileno())
        except OSError as error:
            return f"error {error.errno}" if error.errno in _NO_LOCKS else None
    return None


if sys.platform == "win32":
    import msvcrt

    def _lock_part(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _lock(handle: int) -> None:
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock_part(handle: int) -> None:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


_open: WeakSet[FolderLock] = WeakSet()


def _forget_all() -> None:
    for lock in list(_open):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
