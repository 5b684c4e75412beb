"""The path of a file or folder inside an archive."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PosixPath
from typing import Any

from eval.archives.content import open_member
from eval.archives.hub import ROOT
from eval.archives.listing import ARCHIVES, Entry, listing_of
from eval.errors import MediaError

_MARKS = tuple(f"{suffix}!" for suffix in ARCHIVES)


class Member(PosixPath):
    """A file or folder inside an archive, `star.zip!/Charades_v1_480/a.mp4`, for whoever reads files and folders.

    Only reading is possible. Raises MediaError where its archive, or it in it, cannot be read.
    """

    __slots__ = ()

    @property
    def archive(self) -> Path:
        """The archive, which may be a member of a data set on the hub, or this."""
        return media_path(str(self)[: self._mark])

    @property
    def inner(self) -> str:
        """Its path in the archive; "" for the archive itself."""
        return str(self)[self._mark + 1 :].strip("/")

    @property
    def streams(self) -> bool:
        """Whether it lies on the hub."""
        return str(self).startswith("hub:")

    @property
    def place(self) -> Path:
        """Where it would lie had its archive been unpacked into a folder of its own name."""
        archive = self.archive
        outer = archive.place if isinstance(archive, Member) else archive
        ending = next((each for each in ARCHIVES if archive.name.lower().endswith(each)), "")
        return outer.with_name(outer.name[: len(outer.name) - len(ending)]) / self.inner

    @property
    def _mark(self) -> int:
        """The place of the exclamation mark."""
        mark = _mark_in(str(self))
        if mark is None:
            raise ValueError(f"{self} names nothing in an archive")
        return mark

    def stat(self, **_: Any) -> os.stat_result:
        """Return size, kind, and the time of the archive."""
        kind, entry = self._kind()
        if kind is None:
            raise FileNotFoundError(2, "No such file in the archive", str(self))
        size = 0 if entry is None else entry.size if entry.size >= 0 else open_member(self).size
        of = listing_of(self.archive).status
        fields = (kind | 0o444, of.st_ino, of.st_dev, 1, of.st_uid, of.st_gid, size)
        times: tuple[Any, ...] = (*3 * [int(of.st_mtime)], *3 * [of.st_mtime], *3 * [of.st_mtime_ns])
        return os.stat_result((*fields, *times))

    def exists(self, **_: Any) -> bool:
        """Whether it is there."""
        return self._is(stat.S_IFREG, stat.S_IFDIR)

    def is_file(self, **_: Any) -> bool:
        """Whether it is a file."""
        return self._is(stat.S_IFREG)

    def is_dir(self, **_: Any) -> bool:
        """Whether it is a folder."""
        return self._is(stat.S_IFDIR)

    def is_symlink(self) -> bool:
        """Whether it is a link; members are not."""
        return False

    def _kind(self) -> tuple[int | None, Entry | None]:
        listing, inner = listing_of(self.archive), self.inner
        entry = listing.files.get(inner)
        return (stat.S_IFREG if entry else stat.S_IFDIR if inner in listing.folders else None), entry

    def _is(self, *kinds: int) -> bool:
        try:
            return self._kind()[0] in kinds
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
    """Return the place of the last exclamation mark behind an archive; only one on the hub may be a member itself."""
    data_set = re.match(rf"{ROOT.pattern}!", text)
    found = data_set.end() - 1 if data_set else None
    at = text.find("!", data_set.end() if data_set else 0)
    while at >= 0:
        if text[at + 1 : at + 2] in ("", "/") and text[: at + 1].lower().endswith(_MARKS):
            return at
        at = text.find("!", at + 1)
    return found
