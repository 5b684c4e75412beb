"""The path of a file or folder inside an archive."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PosixPath
from typing import Any

from eval.archives.content import open_member
from eval.archives.listing import ARCHIVES, listing_of
from eval.errors import MediaError

_MARKS = tuple(f"{suffix}!" for suffix in ARCHIVES)


class Member(PosixPath):
    """A file or folder inside an archive, `star.zip!/Charades_v1_480/a.mp4`, for whoever reads files and folders.

    Only reading is possible. Raises MediaError where its archive, or it in it, cannot be read.
    """

    __slots__ = ()

    @property
    def archive(self) -> Path:
        """The archive."""
        return Path(str(self)[: self._mark])

    @property
    def inner(self) -> str:
        """Its path in the archive; "" for the archive itself."""
        return str(self)[self._mark + 1 :].strip("/")

    @property
    def place(self) -> Path:
        """Where it would lie had its archive been unpacked into a folder of its own name."""
        return self.archive.with_suffix("") / self.inner

    @property
    def _mark(self) -> int:
        """The place of the exclamation mark."""
        mark = _mark_in(str(self))
        if mark is None:
            raise ValueError(f"{self} names nothing in an archive")
        return mark

    def stat(self, **_: Any) -> os.stat_result:
        """Return size, kind, and the time of the archive."""
        listing, inner = listing_of(self.archive), self.inner
        entry = listing.files.get(inner)
        if entry is None and inner not in listing.folders:
            raise FileNotFoundError(2, "No such file in the archive", str(self))
        kind, size = (stat.S_IFDIR, 0) if entry is None else (stat.S_IFREG, entry.size)
        of = listing.status
        fields = (kind | 0o444, of.st_ino, of.st_dev, 1, of.st_uid, of.st_gid, size)
        times: tuple[Any, ...] = tuple(int(of.st_mtime) for _ in range(3))
        floats: tuple[Any, ...] = tuple(of.st_mtime for _ in range(3))
        return os.stat_result((*fields, *times, *floats, *(of.st_mtime_ns for _ in range(3))))

    def exists(self, **_: Any) -> bool:
        """Whether it is there."""
        return self._is(lambda _: True)

    def is_file(self, **_: Any) -> bool:
        """Whether it is a file."""
        return self._is(stat.S_ISREG)

    def is_dir(self, **_: Any) -> bool:
        """Whether it is a folder."""
        return self._is(stat.S_ISDIR)

    def is_symlink(self) -> bool:
        """Whether it is a link; members are not."""
        return False

    def _is(self, kind: Any) -> bool:
        try:
            return bool(kind(self.stat().st_mode))
        except (MediaError, OSError, ValueError):
            return False

    def iterdir(self) -> Iterator[Member]:  # type: ignore[override]  # mypy sees Self
        """Yield what is in a folder."""
        names = listing_of(self.archive).folders.get(self.inner)
        if names is None:
            raise NotADirectoryError(20, "Not a folder", str(self))
        return (self / name for name in names)

    def open(self, mode: str = "r", buffering: int = -1, *_: Any, **__: Any) -> Any:
        """Open it for reading bytes."""
        if mode != "rb":
            raise ValueError(f"a file in an archive is opened with mode 'rb', not {mode!r}")
        part = open_member(self)
        return part if buffering == 0 else io.BufferedReader(part)


def media_path(text: str | Path) -> Path:
    """Return the path of a text: a Member where it names something in an archive, and no file of that name."""
    path = Path(text)
    return Member(path) if _mark_in(str(path)) is not None and not os.path.lexists(path) else path


def _mark_in(text: str) -> int | None:
    at = text.find("!")
    while at >= 0:
        if text[at + 1 : at + 2] in ("", "/") and text[: at + 1].lower().endswith(_MARKS):
            return at
        at = text.find("!", at + 1)
    return None
