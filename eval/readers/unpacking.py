"""Archives below a data folder: found, told with their parts, and unpacked where that is asked for.

An archive comes from the internet, and its names decide where files land. Nothing of it leaves the folder that it lies
in, nothing that is there is overwritten, links and devices are left out, and what it unpacks to is bounded by the disk.
It is unpacked into a temporary folder, from which files are moved once all of it could be read.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from eval.errors import DataError
from eval.readers.archived import ZIPS, Archive, archives_below, is_litter, opened_archive, place_of
from eval.readers.malformed import first_line, printable

__all__ = ["Unpacked", "archives_below", "unpack"]

MOST_MEMBERS = 2_000_000
MARGIN = 0.05
"""Share of the disk that stays free."""
_CHUNK = 1 << 20


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


def unpack(archive: Archive) -> Unpacked:
    """Unpack an archive into the folder that it lies in.

    Raises DataError where it is damaged, encrypted, of another form, or larger than the disk has room for; nothing is
    left then.
    """
    if not archive.is_known:
        raise DataError(f"{archive.parts[0]}: {archive.name} needs a program of its own (7-Zip, unrar, zstd).")
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=archive.folder))
    try:
        with opened_archive(archive) as file:
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


def _unzip(file: BinaryIO, into: Path, room: int) -> list[str]:
    left_out = []
    with zipfile.ZipFile(file) as opened:
        members = opened.infolist()
        _refuse_size(len(members), sum(member.file_size for member in members), room)
        for member in members:
            place, kind = place_of(member.filename), member.external_attr >> 16 & 0o170000
            if place is None or kind not in (0, 0o100000, 0o040000):
                left_out.append(printable(member.filename))
            elif not member.is_dir() and not is_litter(place):
                with opened.open(member) as source:
                    _copy(source, into / place, member.file_size)
    return left_out


def _untar(file: BinaryIO, into: Path, room: int) -> list[str]:
    left_out, total = [], 0
    with tarfile.open(fileobj=file, mode="r:*") as opened:
        for n, member in enumerate(opened, 1):
            place = place_of(member.name)
            if place is None or not (member.isfile() or member.isdir()):
                left_out.append(printable(member.name))
                continue
            total += member.size
            _refuse_size(n, total, room)
            source = opened.extractfile(member) if member.isfile() and not is_litter(place) else None
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
