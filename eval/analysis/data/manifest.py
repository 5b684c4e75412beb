"""A manifest of a data folder: the size and hash of each file, to be compared with a colleague's.

    path,bytes,sha256

Paths are below the data folder, with `/` between their parts.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from eval.core import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS, Sample
from eval.errors import DataError
from eval.files import read_regular_text, write_atomically

FIELDS = ("path", "bytes", "sha256")
_MEDIA = {*VIDEO_EXTENSIONS, *IMAGE_EXTENSIONS, "gif"}
_AT_ONCE = 4
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of a manifest."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDifferences:
    """How a data folder differs from a manifest of another."""

    same: int
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    other: tuple[str, ...]
    """Files of another content."""


def files_of(samples: Iterable[Sample], annotations: Iterable[str]) -> list[Path]:
    """Return the files that samples show and annotations are in, those that are there, each once."""
    found: dict[Path, None] = {}
    for path in map(Path, annotations):
        found |= dict.fromkeys([one for one in (path.iterdir() if path.is_dir() else [path]) if one.is_file()])
    for sample in samples:
        for medium in (sample.clip, *sample.clip.more):
            sources = [medium.source] if isinstance(medium.source, Path) else list(medium.source)
            for source in sources:
                if source not in found:
                    found |= dict.fromkeys(_inside(source))
    return sorted(found)


def _inside(source: Path) -> list[Path]:
    if source.is_dir():
        return [path for path in source.iterdir() if path.suffix.lower()[1:] in IMAGE_EXTENSIONS]
    return [source] if source.is_file() else []


def manifest(files: Sequence[Path], root: Path, told: Callable[[int], None] = lambda _: None) -> list[Entry]:
    """Return the entry of each file, in order; `told` is called with 1 after each. Raises OSError."""
    found = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for entry in pool.map(lambda path: _entry(path, root), files):
            found.append(entry)
            told(1)
    return found


def _entry(path: Path, root: Path) -> Entry:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return Entry(path=name, size=size, sha256=digest.hexdigest())


def write_manifest(path: Path, entries: Sequence[Entry]) -> None:
    """Write a manifest. Raises RunError."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(FIELDS)
    table.writerows((entry.path, entry.size, entry.sha256) for entry in entries)
    write_atomically(path, text.getvalue().encode("utf-8", "replace").decode("utf-8"))


def is_manifest(file: BinaryIO) -> bool:
    """Whether a file begins as a manifest does."""
    first = f"{','.join(FIELDS)}\n".encode()
    return file.read(len(first)) == first


def is_list_of_media(file: BinaryIO) -> bool:
    """Whether a file lists media, one a line, as missing.txt does. Raises ValueError where it is no text."""
    for line in file:
        name = line.decode("utf-8").removesuffix("\n")
        extension = PurePosixPath(name).suffix.lower()[1:]
        is_medium = extension in _MEDIA or ("/" in name and not extension)  # a folder of frames has none
        if not is_medium or name != name.strip() or name[0] in "{[<#":
            return False
    return True


def read_manifest(path: Path) -> list[Entry]:
    """Return the entries of a manifest. Raises DataError, with the line, where it is none."""
    try:
        reader = csv.DictReader(io.StringIO(read_regular_text(path), newline=""), strict=True)
        if tuple(reader.fieldnames or ()) != FIELDS:
            raise DataError(f"{path}:1: the columns of a manifest are {','.join(FIELDS)}; write one with data --to.")
        found = []
        for row in reader:
            if None in row or None in row.values() or not row["bytes"].isdecimal() or len(row["sha256"]) != 64:
                raise DataError(
                    f"{path}:{reader.line_num}: not a path, a size and a SHA-256; fetch the manifest again."
                )
            found.append(Entry(path=row["path"], size=int(row["bytes"]), sha256=row["sha256"].lower()))
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    return found


def differences(here: Sequence[Entry], there: Sequence[Entry]) -> ManifestDifferences:
    """Return how the files here differ from those of a manifest."""
    ours, theirs = ({entry.path: entry for entry in entries} for entries in (here, there))
    both = [path for path in ours if path in theirs]
    other = [path for path in both if (ours[path].size, ours[path].sha256) != (theirs[path].size, theirs[path].sha256)]
    return ManifestDifferences(
        same=len(both) - len(other),
        only_here=tuple(path for path in ours if path not in theirs),
        only_there=tuple(path for path in theirs if path not in ours),
        other=tuple(other),
    )
