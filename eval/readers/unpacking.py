"""Archives below a data folder: found, told with their parts, and unpacked where that is asked for.

An archive comes from the internet, and its names decide where files land. Nothing of it leaves the folder that it lies
in, nothing that is there is overwritten, links and devices are left out, and what it unpacks to is bounded by the disk.
It is unpacked into a temporary folder, from which files are moved once all of it could be read.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from eval.errors import DataError
from eval.readers.malformed import first_line, printable

ZIPS, TARS = (".zip",), (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""Endings of archives that can be unpacked here."""
OTHERS = (".7z", ".rar", ".tar.zst")
"""Endings of those that need a program of their own."""
MOST_MEMBERS = 2_000_000
MARGIN = 0.05
"""Share of the disk that stays free."""
_PART = re.compile(r"(?P<whole>.+?)\.(?:part[-_.]?)?(?:\d{2,4}|[a-z]{2})", re.IGNORECASE)
"""Name of a part that `split` or a hub's uploader made: x.zip.001, x.tar.gz.part00, x.tar.aa, x.tar.part_aa."""
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An archive, in one file or in parts."""

    name: str
    """Its name without that of a part."""
    parts: tuple[Path, ...]
    """Its files in order."""
    size: int
    """Bytes of all of them."""

    @property
    def folder(self) -> Path:
        """The folder that it lies in, and is unpacked into."""
        return self.parts[0].parent

    @property
    def is_known(self) -> bool:
        """Whether it can be unpacked here."""
        return self.name.lower().endswith((*ZIPS, *TARS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """The outcome of unpacking an archive."""

    archive: Archive
    new: int
    """Files that were moved to their places."""
    kept: int
    """Files that were there already, and stay as they are."""
    left_out: tuple[str, ...]
    """Names of members that are links or devices, or would lead elsewhere."""


def archives_below(root: Path) -> list[Archive]:
    """Return the archives below a folder; linked folders are not followed."""
    found: dict[tuple[Path, str], list[Path]] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if not name.startswith(".") and (whole := _archive_of(name)) is not None:
                found.setdefault((Path(folder), whole), []).append(Path(folder, name))
    archives = [
        Archive(name=name, parts=tuple(sorted(parts)), size=sum(part.stat().st_size for part in parts))
        for (_, name), parts in found.items()
    ]
    return sorted(archives, key=lambda archive: archive.parts[0])


def _archive_of(name: str) -> str | None:
    """Return the name of the archive that a file is, or is a part of; None for neither."""
    endings = (*ZIPS, *TARS, *OTHERS)
    if name.lower().endswith(endings):
        return name
    part = _PART.fullmatch(name)
    return part["whole"] if part and part["whole"].lower().endswith(endings) else None


def unpack(archive: Archive) -> Unpacked:
    """Unpack an archive into the folder that it lies in.

    Raises DataError where it is damaged, encrypted, of another form, or larger than the disk has room for; nothing is
    left then.
    """
    if not archive.is_known:
        raise DataError(f"{archive.parts[0]}: {archive.name} needs a program of its own (7-Zip, unrar, zstd).")
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=archive.folder))
    try:
        with _opened(archive) as file:
            is_zip = archive.name.lower().endswith(ZIPS)
            left_out = (_unzip if is_zip else _untar)(file, temporary, _room(archive.folder))
        new, kept = _move(temporary, archive.folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        why = "it is encrypted" if "encrypted" in str(error) else first_line(error)
        raise DataError(
            f"{archive.parts[0]} cannot be unpacked: {why}; fetch it again, with all of its parts."
        ) from error
    except OSError as error:
        raise DataError(f"{archive.parts[0]} cannot be unpacked: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Unpacked(archive=archive, new=new, kept=kept, left_out=tuple(left_out))


def _room(folder: Path) -> int:
    usage = shutil.disk_usage(folder)
    return max(0, int(usage.free - MARGIN * usage.total))


def _place(name: str) -> PurePosixPath | None:
    """Return where a member belongs below the folder; None where its name leads elsewhere, or is none."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.parts if part != "."]
    if not parts or path.is_absolute() or ".." in parts or "\0" in name or re.match("[A-Za-z]:", parts[0]):
        return None
    return PurePosixPath(*parts)


def _is_litter(place: PurePosixPath) -> bool:
    """Whether a member is what a Mac adds to archives."""
    return place.parts[0] == "__MACOSX" or place.name.startswith("._") or place.name == ".DS_Store"


def _unzip(file: BinaryIO, into: Path, room: int) -> list[str]:
    left_out = []
    with zipfile.ZipFile(file) as opened:
        members = opened.infolist()
        _refuse_size(len(members), sum(member.file_size for member in members), room)
        for member in members:
            place, kind = _place(member.filename), member.external_attr >> 16 & 0o170000
            if place is None or kind not in (0, 0o100000, 0o040000):
                left_out.append(printable(member.filename))
            elif not member.is_dir() and not _is_litter(place):
                with opened.open(member) as source:
                    _copy(source, into / place, member.file_size)
    return left_out


def _untar(file: BinaryIO, into: Path, room: int) -> list[str]:
    left_out, total = [], 0
    with tarfile.open(fileobj=file, mode="r:*") as opened:
        for n, member in enumerate(opened, 1):
            place = _place(member.name)
            if place is None or not (member.isfile() or member.isdir()):
                left_out.append(printable(member.name))
                continue
            total += member.size
            _refuse_size(n, total, room)
            source = opened.extractfile(member) if member.isfile() and not _is_litter(place) else None
            if source is not None:
                with source:
                    _copy(source, into / place, member.size)
    return left_out


def _refuse_size(members: int, size: int, room: int) -> None:
    if members > MOST_MEMBERS:
        raise ValueError(f"it has more than {MOST_MEMBERS:,} members")
    if size > room:
        raise ValueError(f"it unpacks to {size / 1e9:,.1f} GB or more, and the disk has room for {room / 1e9:,.1f} GB")


def _copy(source: IO[bytes], target: Path, size: int) -> None:
    """Write a member. Raises ValueError where it holds more than it states, as a bomb does."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left = size
    with target.open("xb") as written:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise ValueError(f"{printable(target.name)} holds more than it states")
            written.write(chunk)


def _move(temporary: Path, folder: Path) -> tuple[int, int]:
    """Move files to their places, none over another; return how many were moved, and how many were there."""
    new = kept = 0
    for path in sorted(path for path in temporary.rglob("*") if path.is_file()):
        target = folder / path.relative_to(temporary)
        real = Path(os.path.realpath(target.parent))
        if os.path.lexists(target) or not real.is_relative_to(os.path.realpath(folder)):
            kept += 1
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        new += 1
    return new, kept


@contextmanager
def _opened(archive: Archive) -> Iterator[BinaryIO]:
    if len(archive.parts) == 1:
        with archive.parts[0].open("rb") as file:
            yield file
    else:
        with io.BufferedReader(_Joined(archive.parts), _CHUNK) as joined:
            yield joined


class _Joined(io.RawIOBase):
    """The parts of a file, read as one."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._files = [part.open("rb") for part in parts]
        sizes = [part.stat().st_size for part in parts]
        self._starts = [sum(sizes[:n]) for n in range(len(parts) + 1)]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        for file, start, end in zip(self._files, self._starts, self._starts[1:], strict=False):
            if start <= self._at < end:
                file.seek(self._at - start)
                data = file.read(min(len(buffer), end - self._at))
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
        return 0

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()
