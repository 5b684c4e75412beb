"""Lists the content of an archive: names, sizes, and where each begins.

Nothing that an archive says is taken on trust: names that lead elsewhere are left out, sizes are compared with the
archive's own, and headers are bounded before they are read.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from eval.errors import MediaError, MediaReason

ARCHIVES = (".zip", ".tar")
"""Endings of archives that are read in place."""
NOT_IN_PLACE = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".rar")
"""Endings of archives that are compressed as a whole, in which no member can be found without unpacking the others."""
MAX_MEMBERS = 2_000_000
"""Most members of an archive."""
_MAX_HEADER = 512 << 20
"""Most bytes of an archive that are read at once to list it: a zip's directory, or a tar's header."""
_MAX_TAR_HEADER = 1 << 20
_NESTED = (*ARCHIVES, *NOT_IN_PLACE)
_ENCRYPTED, _UTF8 = 0x1, 0x800
"""Bits of a zip member's flags."""


class Entry(NamedTuple):
    """A file in an archive."""

    offset: int
    """Where its content begins; in a zip its header."""
    size: int
    """Bytes of its content."""
    packed: int
    """Bytes that it takes up in the archive."""
    method: int
    """Its compression, by zip's numbers; 0: none."""
    crc: int | None
    """The checksum of its content; a tar has none."""
    problem: tuple[MediaReason, str] | None
    """Why it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The content of an archive."""

    is_zip: bool
    files: Mapping[str, Entry]
    """Its files by path."""
    folders: Mapping[str, list[str]]
    """Names in each of its folders by path; "" is the archive itself."""
    status: os.stat_result
    """The archive's own state."""
    damage: str | None = None
    """What is wrong with it, where only a part could be listed."""

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
    status = archive.stat()
    return _listed(archive, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _listed(archive: Path, size: int, _: int) -> Listing:
    status = archive.stat()
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(archive, "unreadable", "is no regular file, so not an archive")
    damage = None
    files: dict[str, Entry] = {}
    try:
        with _Guarded(archive) as file:
            head = file.read(262)
            if head.startswith(b"version https://git-lfs"):
                raise MediaError(archive, "unreadable", "is a pointer of git-lfs and not the archive; git lfs pull")
            file.seek(0)
            is_zip = head.startswith(b"PK") or not head[257:].startswith(b"ustar")
            entries = _zipped(file, size) if is_zip else _in_tar(file, size, files)
            try:
                for name, entry in entries:
                    if path := _plain(name):
                        files[path] = entry
                    if len(files) > MAX_MEMBERS:
                        raise MediaError(archive, "too_large", f"has more than {MAX_MEMBERS} files; unpack it")
            except tarfile.TarError as error:
                damage = f"is cut off or damaged after {len(files)} files ({error}); download it again"
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OverflowError) as error:
        kind = archive.suffix[1:]
        raise MediaError(
            archive, "corrupt", f"is no {kind} file, or one that is cut off ({error}); download it again"
        ) from None
    except OSError as error:
        raise MediaError(archive, "unreadable", f"cannot be read: {error.strerror or error}") from None
    return Listing(is_zip=is_zip, files=files, folders=_folders(files), status=status, damage=damage)


class _Guarded(io.FileIO):
    """An archive of which no more is read at once than a header can take: a size that is stated may be any number."""

    most = _MAX_HEADER

    def read(self, n: int | None = -1, /) -> bytes:
        if n is None or n < 0:
            n = max(0, os.fstat(self.fileno()).st_size - self.tell())
        if n > self.most:
            raise MediaError(str(self.name), "corrupt", f"has a header of {n} bytes; download it again")
        return super().read(n) or b""


def _zipped(file: _Guarded, size: int) -> Iterator[tuple[str, Entry]]:
    with zipfile.ZipFile(file) as listed:
        for info in listed.infolist():
            if info.is_dir() or info.filename.endswith("\\"):
                continue
            problem: tuple[MediaReason, str] | None = None
            if info.flag_bits & _ENCRYPTED:
                problem = ("unsupported", "is encrypted; unpack the archive with its password")
            elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                problem = ("unsupported", f"is packed by zip's method {info.compress_type}; unpack the archive")
            elif info.header_offset + info.compress_size > size or info.header_offset < 0:
                problem = ("truncated", "begins or ends beyond its archive; download the archive again")
            elif info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
                problem = ("corrupt", "has two sizes in its archive; download the archive again")
            yield (
                _decoded(info),
                Entry(info.header_offset, info.file_size, info.compress_size, info.compress_type, info.CRC, problem),
            )


def _decoded(info: zipfile.ZipInfo) -> str:
    """Return a zip member's name; a Mac writes UTF-8 and does not say so."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.partition("\0")[0].replace("\\", "/")


def _in_tar(file: _Guarded, size: int, found: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    file.most = _MAX_TAR_HEADER
    with tarfile.open(fileobj=file, mode="r:", errorlevel=1) as listed:
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
    """Return the path of a member without `.` in it; "" for one that leads out of the archive, or is hidden."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)  # `..` too
    return "" if hidden or name.startswith("/") or any("\0" in part for part in parts) else "/".join(parts)


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
