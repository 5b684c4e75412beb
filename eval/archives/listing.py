"""Lists the content of an archive: names, sizes, and where each begins.

Nothing that an archive says is taken on trust: names that lead elsewhere are left out, sizes are compared with the
archive's own, and headers are bounded before they are read.
"""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from eval.archives import hub, parquet
from eval.archives.sources import OpenFile, Part, Source
from eval.errors import MediaError, MediaReason

ARCHIVES = (".zip", ".tar", ".parquet")
"""Endings of archives that are read in place."""
NOT_IN_PLACE = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar")
"""Endings of archives that are compressed as a whole, in which no member can be found without unpacking the others."""
MAX_MEMBERS = 2_000_000
"""Most members of an archive."""
POINTER, IS_POINTER = b"version https://git-lfs", "a pointer of git-lfs and not the archive; git lfs pull"
_MAX_HEADER = 512 << 20
"""Most bytes of an archive that are read at once to list it: a zip's directory, or a tar's header."""
_MAX_TAR_HEADER = 1 << 20
_NESTED = (*ARCHIVES, *NOT_IN_PLACE)
ENCRYPTED, _UTF8 = 0x1, 0x800
"""Bits of a zip member's flags."""


class Entry(NamedTuple):
    """A file in an archive."""

    offset: int
    """Where its content begins; in a zip its header; in a parquet file its row group."""
    size: int
    """Bytes of its content; -1 where only reading tells."""
    packed: int
    """Bytes that it takes up in the archive; in a parquet file its place in the row group."""
    method: int
    """Its compression, by zip's numbers; 0: none."""
    crc: int | None
    """The checksum of its content; a tar has none."""
    problem: tuple[MediaReason, str] | None
    """Why it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The content of an archive."""

    kind: Literal["zip", "tar", "parquet", "hub"]
    files: Mapping[str, Entry]
    """Its files by path."""
    folders: Mapping[str, list[str]]
    """Names in each of its folders by path; "" is the archive itself."""
    status: os.stat_result
    """The archive's own state."""
    damage: str | None = None
    """What is wrong with it, where only a part could be listed."""

    @property
    def stamp(self) -> tuple[int, int]:
        """What changes when it does."""
        return self.status.st_size, self.status.st_mtime_ns

    @property
    def nested(self) -> list[str]:
        """The archives in it, which are not looked into."""
        return [name for name in self.files if name.lower().endswith(_NESTED)]


def listing_of(archive: Path) -> Listing:
    """Return the content of an archive, which is listed again where its size or time has changed.

    Raises:
        FileNotFoundError: There is no such archive.
        MediaError: It cannot be read.
    """
    if hub.is_data_set(archive):
        return _on_the_hub(*hub.place_of(archive))
    status = archive.stat()
    return _listed(archive, status.st_size, status.st_mtime_ns)


def source_of(archive: Path) -> Source:
    """Return the bytes of an archive, which may be a file of a data set on the hub."""
    from eval.archives.member import Member

    return archive.open("rb", buffering=0) if isinstance(archive, Member) else OpenFile.at(archive)


@lru_cache(maxsize=8)
def _on_the_hub(repo: str, commit: str) -> Listing:
    files = {
        path: Entry(0, size, size, 0, None, None)
        for name, size in hub.sizes_of(repo, commit).items()
        if (path := _plain(name)) == name
    }
    nothing = os.stat_result((stat.S_IFDIR, *(0 for _ in range(9))))
    return Listing(kind="hub", files=files, folders=_folders(files), status=nothing)


@lru_cache(maxsize=256)
def _listed(archive: Path, size: int, _: int) -> Listing:
    status = archive.stat()
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(archive, "unreadable", "is no regular file, so not an archive")
    kind: Literal["zip", "tar", "parquet"] = "zip"
    files: dict[str, Entry] = {}
    try:
        with _Guarded(source_of(archive), 0, size, str(archive)) as file:
            head = file.read(262)
            if head.startswith(POINTER):
                raise MediaError(archive, "unreadable", f"is {IS_POINTER}")
            file.seek(0)
            if head.startswith(b"PAR1"):
                kind, entries = "parquet", _in_rows(source_of(archive), size, str(archive))
            elif is_tar(head):
                kind, entries = "tar", _in_tar(file, size, files)
            else:
                entries = _zipped(file, size)
            damage = _fill(files, entries, archive)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OverflowError) as error:
        said = f"is no {archive.suffix[1:]} file, or one that is cut off ({error}); download it again"
        raise MediaError(archive, "corrupt", said) from None
    except OSError as error:
        raise MediaError(archive, "unreadable", f"cannot be read: {error.strerror}") from None
    return Listing(kind=kind, files=files, folders=_folders(files), status=status, damage=damage)


def is_tar(head: bytes) -> bool:
    """Whether a file of these first 262 bytes is a tar, whatever its name."""
    return head[257:].startswith(b"ustar") and not head.startswith(b"PK")


def _fill(files: dict[str, Entry], entries: Iterator[tuple[str, Entry]], archive: Path) -> str | None:
    """Take what an archive lists into `files`; return what is wrong with it where that is only a part."""
    try:
        for name, entry in entries:
            if path := _plain(name):
                files[path] = entry
            if len(files) > MAX_MEMBERS:
                raise MediaError(archive, "too_large", f"has more than {MAX_MEMBERS} files; unpack it")
    except tarfile.TarError as error:
        return f"is cut off or damaged after {len(files)} files ({error}); download it again"
    return None


class _Guarded(Part):
    """An archive of which no more is read at once than a header can take: a size that is stated may be any number."""

    most = _MAX_HEADER

    def read(self, n: int | None = -1, /) -> bytes:
        if n is None or n < 0:
            n = max(0, self.size - self.tell())
        if n > self.most:
            raise MediaError(self.name, "corrupt", f"has a header of {n} bytes; download it again")
        return super().read(n) or b""


def _in_rows(source: Source, size: int, name: str) -> Iterator[tuple[str, Entry]]:
    for video, group, place in parquet.rows_of(source, size, name):
        yield video, Entry(group, -1, place, 0, None, None)


def _zipped(file: _Guarded, size: int) -> Iterator[tuple[str, Entry]]:
    opened: Any = file
    with zipfile.ZipFile(opened) as listed:
        for info in listed.infolist():
            name = decoded(info)
            if name.endswith("/"):
                continue
            problem: tuple[MediaReason, str] | None = None
            if info.flag_bits & ENCRYPTED:
                problem = ("unsupported", "is encrypted; unpack the archive with its password")
            elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                problem = ("unsupported", f"is packed by zip's method {info.compress_type}; unpack the archive")
            elif info.header_offset + info.compress_size > size or info.header_offset < 0:
                problem = ("truncated", "begins or ends beyond its archive; download the archive again")
            elif info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
                problem = ("corrupt", "has two sizes in its archive; download the archive again")
            yield (
                name,
                Entry(info.header_offset, info.file_size, info.compress_size, info.compress_type, info.CRC, problem),
            )


def decoded(info: zipfile.ZipInfo) -> str:
    """Return a zip member's name; a Mac writes UTF-8 and does not say so."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.partition("\0")[0].replace("\\", "/")


def _in_tar(file: _Guarded, size: int, found: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    file.most = _MAX_TAR_HEADER
    opened: Any = file
    with tarfile.open(fileobj=opened, mode="r:", errorlevel=1) as listed:
        while (info := listed.next()) is not None:
            listed.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            if info.islnk() and (target := found.get(_plain(info.linkname))):
                yield info.name, target
            elif info.isreg():
                problem: tuple[MediaReason, str] | None = None
                if info.issparse():
                    problem = ("unsupported", "is stored with holes in its tar; unpack the archive")
                elif info.offset_data + info.size > size or info.size < 0:
                    problem = ("truncated", "is cut off, as its archive is; download the archive again")
                yield info.name, Entry(info.offset_data, info.size, info.size, 0, None, problem)


def _plain(name: str) -> str:
    """Return the path of a member without `.` in it; "" for one that is hidden, leads elsewhere, or breaks lines."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)  # `..` too
    return "" if hidden or name.startswith("/") or min(name, default="/") < " " else "/".join(parts)


def _folders(files: Mapping[str, Entry]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {"": {}}
    for path in files:
        rest = path
        while rest:
            folder, _, name = rest.rpartition("/")
            names = found.setdefault(folder, {})
            if name in names:
                break
            names[name] = None
            rest = folder
    return {folder: list(names) for folder, names in found.items()}
