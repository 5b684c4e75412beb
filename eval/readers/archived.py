"""The archives below a folder: in one file or in parts, damaged or not, unpacked already or not."""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from eval.archives.listing import IS_POINTER, POINTER, is_tar
from eval.errors import DataError
from eval.readers.malformed import first_line
from eval.readers.parts import opened_parts, size_of

ZIPS, TARS = (".zip",), (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""Endings of archives that can be unpacked here."""
OTHERS = (".7z", ".rar", ".tar.zst")
"""Endings of those that need a program of their own."""
_PART = re.compile(r"(?P<whole>.+?)\.(?:part[-_.]?)?(?:\d{2,4}|[a-z]{2})", re.IGNORECASE)
"""Name of a part that `split` or a hub's uploader made: x.zip.001, x.tar.gz.part00, x.tar.aa, x.tar.part_aa."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """An archive, in one file or in parts."""

    name: str
    """Its name without that of a part."""
    parts: tuple[Path, ...]
    """Its files in order."""
    size: int
    """Bytes of all of them."""
    fault: str = ""
    """Why it cannot be unpacked, as far as a look at its list of members shows; "" for nothing."""
    is_unpacked: bool = False
    """Whether all that it holds lies beside it already."""

    @property
    def stem(self) -> str:
        """Its name without the ending."""
        return next(self.name[: -len(end)] for end in (*ZIPS, *TARS, *OTHERS) if self.name.lower().endswith(end))

    @property
    def is_offered(self) -> bool:
        """Whether unpacking it here gives something."""
        return self.is_known and not self.fault and not self.is_unpacked

    @property
    def folder(self) -> Path:
        """The folder that it lies in, and is unpacked into."""
        return self.parts[0].parent

    @property
    def is_known(self) -> bool:
        """Whether it is of a form that can be unpacked here."""
        return self.name.lower().endswith((*ZIPS, *TARS))


def archives_below(root: Path) -> list[Archive]:
    """Return the archives below a folder; linked folders are not followed."""
    found: dict[tuple[Path, str], list[Path]] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if not name.startswith(".") and (whole := _archive_of(name)) is not None:
                found.setdefault((Path(folder), whole), []).append(Path(folder, name))
    archives = [_archive(name, sorted(parts)) for (_, name), parts in found.items()]
    return sorted(archives, key=lambda archive: archive.parts[0])


def _archive(name: str, parts: Sequence[Path]) -> Archive:
    try:
        size, fault = sum(map(size_of, parts)), ""
    except OSError as error:
        size, fault = 0, f"cannot be read: {error.strerror or error}"
    return Archive(name=name, parts=tuple(parts), size=size, fault=fault)


def looked_into(archive: Archive) -> Archive:
    """Return an archive with what its list of members shows: whether it is damaged, and whether it is unpacked already.

    Of a compressed tar only the beginning is read, since the list is spread over all of it.
    """
    if not archive.is_known or archive.fault:
        return archive
    name = archive.name.lower()
    is_listed = name.endswith((*ZIPS, ".tar"))
    try:
        with opened_parts(archive.parts) as file:
            if said := _no_archive(file.read(512)):
                return replace(archive, fault=said)
            file.seek(0)
            members = _in_zip(file) if is_zip(file, name) else _in_tar(file, archive.size, whole=is_listed)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        return replace(archive, fault=f"is damaged or cut off ({first_line(error)}); fetch it again")
    except OSError as error:
        return replace(archive, fault=f"cannot be read: {error.strerror or error}")
    places = (archive.folder, archive.folder / archive.stem)
    there = bool(members) and is_listed and any(all(_lies(place / n, size) for n, size in members) for place in places)
    return replace(archive, is_unpacked=there)


def _no_archive(head: bytes) -> str:
    if head.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer, not the archive that it stands for; run `git lfs pull` in its folder"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not an archive: the site refused the download, or wanted a login; fetch it again"
    return "" if head else "is an empty file (0 bytes); fetch it again"


def _in_zip(file: BinaryIO) -> list[tuple[PurePosixPath, int]]:
    """Return where the files of a zip belong, and their sizes. Raises where a member is not where the list has it."""
    found = []
    with zipfile.ZipFile(file) as opened:
        for member in opened.infolist():
            place = place_of(member.filename)
            if not member.flag_bits & 0x1:  # of an encrypted one the password would be asked for
                opened.open(member).close()
            if place is not None and not member.is_dir() and not is_litter(place):
                found.append((place, member.file_size))
    return found


def _in_tar(file: BinaryIO, size: int, *, whole: bool) -> list[tuple[PurePosixPath, int]]:
    """Return the same of a tar; without `whole`, of its first member."""
    found = []
    with tarfile.open(fileobj=file, mode="r:*", errorlevel=1) as opened:
        for member in opened:
            place = place_of(member.name)
            if whole and member.offset_data + member.size > size:
                raise tarfile.ReadError("unexpected end of data")
            if place is not None and member.isfile() and not is_litter(place):
                found.append((place, member.size))
            if not whole:
                break
    return found


def _lies(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _archive_of(name: str) -> str | None:
    """Return the name of the archive that a file is, or is a part of; None for neither."""
    endings = (*ZIPS, *TARS, *OTHERS)
    if name.lower().endswith(endings):
        return name
    part = _PART.fullmatch(name)
    return part["whole"] if part and part["whole"].lower().endswith(endings) else None


def is_zip(file: BinaryIO, name: str) -> bool:
    """Whether an archive is a zip, by its content before its name. Raises DataError where it is a pointer to one."""
    head = file.read(262)
    file.seek(0)
    if head.startswith(POINTER):
        raise DataError(f"it is {IS_POINTER}")
    return head.startswith(b"PK") or (name.lower().endswith(ZIPS) and not is_tar(head))


def place_of(name: str) -> PurePosixPath | None:
    """Return where a member belongs below the folder; None where its name leads elsewhere, or is none."""
    path = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in path.parts if part != "."]
    if not parts or path.is_absolute() or ".." in parts or "\0" in name or re.match("[A-Za-z]:", parts[0]):
        return None
    return PurePosixPath(*parts)


def is_litter(place: PurePosixPath) -> bool:
    """Whether a member is what a Mac adds to archives."""
    return place.parts[0] == "__MACOSX" or place.name.startswith("._") or place.name == ".DS_Store"
