"""Unpacking archives below a data folder, where that is asked for.

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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from eval.archives.listing import ENCRYPTED, decoded
from eval.errors import DataError
from eval.readers.archived import Archive, is_litter, is_zip, place_of
from eval.readers.malformed import first_line, printable
from eval.readers.parts import CHUNK, opened_parts

MOST_MEMBERS = 2_000_000
MARGIN = 0.05
"""Share of the disk that stays free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """The outcome of unpacking an archive."""

    archive: Archive
    new: int
    """Files that were moved to their places."""
    kept: int
    """Files that were there already, and stay as they are."""
    left_out: tuple[str, ...]
    """Names of members that are links or devices, would lead elsewhere, or have the name of a folder."""


def unpack(archive: Archive, told: Callable[[int], None] = lambda _: None) -> Unpacked:
    """Unpack an archive into the folder that it lies in, as it is read in place: of one name the last member holds.

    `told` is called with the bytes of the archive that are behind, now and then.

    Raises DataError where it is damaged, encrypted, of another form, or larger than the disk has room for; nothing is
    left then.
    """
    if not archive.is_known:
        raise DataError(f"{archive.parts[0]}: {archive.name} needs a program of its own (7-Zip, unrar, zstd).")
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=archive.folder))
    try:
        with opened_parts(archive.parts) as file:
            into = _Into(temporary, lambda: told(file.tell()))
            (_unzip if is_zip(file, archive.name) else _untar)(file, into, _room(archive.folder))
        new, kept = _move(temporary, archive.folder)
    except DataError as error:
        raise DataError(f"{archive.parts[0]} cannot be unpacked: {error}.") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        remedy = "fetch it again, with all of its parts"
        raise DataError(f"{archive.parts[0]} cannot be unpacked: {first_line(error)}; {remedy}.") from error
    except OSError as error:
        raise DataError(f"{archive.parts[0]} cannot be unpacked: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Unpacked(archive=archive, new=new, kept=kept, left_out=tuple(into.left_out))


def _room(folder: Path) -> int:
    usage = shutil.disk_usage(folder)
    return max(0, int(usage.free - MARGIN * usage.total))


class _Into:
    """The folder that members are written to."""

    def __init__(self, folder: Path, told: Callable[[], None]) -> None:
        self.folder, self._told = folder, told
        self.left_out: list[str] = []

    def leave_out(self, name: object) -> None:
        """Count a member as left out."""
        self.left_out.append(printable(str(name)))

    def write(self, source: IO[bytes], place: PurePosixPath, size: int) -> None:
        """Write a member, over an earlier one of its name; one that has the name of a folder gives way to that.

        Raises ValueError where it holds more than it states, as a bomb does.
        """
        for parent in place.parents[:-1]:
            if (self.folder / parent).is_file():
                (self.folder / parent).unlink()
                self.leave_out(parent)
        target = self.folder / place
        if target.is_dir():
            self.leave_out(place)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        left = size
        with target.open("xb") as written:
            while chunk := source.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise ValueError(f"{printable(target.name)} holds more than it states")
                written.write(chunk)
                self._told()


def _unzip(file: BinaryIO, into: _Into, room: int) -> None:
    with zipfile.ZipFile(file) as opened:
        members = opened.infolist()
        if any(member.flag_bits & ENCRYPTED for member in members):
            raise DataError("it is encrypted; unpack it with its password, by unzip or 7-Zip")
        _refuse_size(len(members), sum(member.file_size for member in members), room)
        for member in members:
            name = decoded(member)
            place, kind = place_of(name), member.external_attr >> 16 & 0o170000
            if place is None or kind not in (0, 0o100000, 0o040000):
                into.leave_out(name)
            elif not name.endswith("/") and not is_litter(place):
                with opened.open(member) as source:
                    into.write(source, place, member.file_size)


def _untar(file: BinaryIO, into: _Into, room: int) -> None:
    total = 0
    with tarfile.open(fileobj=file, mode="r:*") as opened:
        for n, member in enumerate(opened, 1):
            place, size = place_of(member.name), member.size
            source: IO[bytes] | None = None
            if place is not None and member.islnk() and (linked := place_of(member.linkname)):
                if (into.folder / linked).is_file():  # a member that came before
                    source, size = (into.folder / linked).open("rb"), (into.folder / linked).stat().st_size
            elif member.isfile():
                source = opened.extractfile(member)
            if place is None or not (source or member.isdir()):
                into.leave_out(member.name)
                continue
            total += size
            _refuse_size(n, total, room)
            if source is not None:
                with source:
                    if not is_litter(place):
                        into.write(source, place, size)


def _refuse_size(members: int, size: int, room: int) -> None:
    if members > MOST_MEMBERS:
        raise DataError(f"it has more than {MOST_MEMBERS:,} members")
    if size > room:
        raise DataError(f"it unpacks to {size / 1e9:,.1f} GB or more, and the disk has room for {room / 1e9:,.1f} GB")


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
