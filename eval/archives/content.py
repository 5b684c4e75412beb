"""Reads a member of an archive: what is stored as it is by its offset, what is compressed from a temporary copy.

One such copy is kept at a time, since a clip is opened several times while it is read. It has no name on disk, so that
it is gone with the process, however that ends.
"""

from __future__ import annotations

import io
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from eval.archives import parquet
from eval.archives.hub import hub_file, place_of
from eval.archives.listing import Entry, Listing, listing_of, source_of
from eval.archives.sources import Held, OpenFile, Part, Source
from eval.errors import MediaError

if TYPE_CHECKING:
    from eval.archives.member import Member

MAX_UNPACKED = 4 << 30
"""Most bytes of a compressed member."""
MAX_RATIO = 200
"""Most bytes for each byte that it takes up in its archive, where it is larger than `_IN_MEMORY`: no video is that."""
_IN_MEMORY = 8 << 20
"""Most bytes of a compressed member that are kept in memory and not on disk."""
_BLOCK = 1 << 20
_ZIP_HEADER = 30


def open_member(member: Member) -> Part:
    """Return a member's content. Raises MediaError where it cannot be read, and OSError."""
    listing, entry = _entry(member)
    if listing.kind == "hub":
        return Part(hub_file(*place_of(member.archive), member.inner), 0, entry.size, str(member))
    if listing.kind == "parquet":
        row = _row(member, listing.stamp)
        return Part(row, 0, len(row.data), str(member))
    if entry.method:
        return Part(_unpacked(member, listing.stamp), 0, entry.size, str(member))
    source = source_of(member.archive)
    return Part(source, _begin(member, listing, entry, source), entry.size, str(member))


@contextmanager
def local_name(path: Path) -> Iterator[str]:
    """Give a name under which libraries that open files themselves find one: its own, or of a copy of a member."""
    from eval.archives.member import Member

    if not isinstance(path, Member):
        yield str(path)
        return
    with tempfile.TemporaryFile() as copy, path.open("rb", buffering=0) as file:
        if file.size > MAX_UNPACKED:
            raise MediaError(path, "too_large", f"is larger than {MAX_UNPACKED >> 30} GiB; unpack the archive")
        while block := file.read(_BLOCK):
            _write(copy, block, path)
        copy.seek(0)
        yield f"/dev/fd/{copy.fileno()}"


def _entry(member: Member) -> tuple[Listing, Entry]:
    listing = listing_of(member.archive)
    entry = listing.files.get(member.inner)
    if entry is None:
        raise FileNotFoundError(2, "No such file in the archive", str(member))
    if entry.problem is not None:
        raise MediaError(member, *entry.problem)
    return listing, entry


def _begin(member: Member, listing: Listing, entry: Entry, source: Source) -> int:
    """Return where a member's content begins, behind its header in a zip."""
    if listing.kind != "zip":
        return entry.offset
    head = source.pread(_ZIP_HEADER, entry.offset)
    begin = entry.offset + _ZIP_HEADER + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    if (
        head[:4] != b"PK\3\4"
        or int.from_bytes(head[8:10], "little") != entry.method
        or begin + entry.packed > listing.status.st_size
    ):
        raise MediaError(member, "corrupt", "is not where its archive says; download the archive again")
    return begin


@lru_cache(maxsize=1)
def _row(member: Member, _: object) -> Held:
    """Return the content of a video in a row of a parquet file."""
    listing, entry = _entry(member)
    return Held(parquet.content(member, listing.status.st_size, entry.offset, entry.packed))


@lru_cache(maxsize=1)
def _unpacked(member: Member, _: object) -> OpenFile | Held:
    """Return the content of a compressed member."""
    listing, entry = _entry(member)
    large = entry.size > _IN_MEMORY
    if entry.size > MAX_UNPACKED or (large and entry.size > MAX_RATIO * entry.packed):
        raise MediaError(
            member, "too_large", f"is {entry.size} bytes, packed into {entry.packed}; unpack it if you trust it"
        )
    source = source_of(member.archive)
    at = _begin(member, listing, entry, source)
    with tempfile.TemporaryFile() if large else io.BytesIO() as copy:
        done = checksum = 0
        for block in _inflated(source, at, entry.packed, member):
            done += len(block)
            checksum = zlib.crc32(block, checksum)
            if done > entry.size:
                break
            _write(copy, block, member)
        if done != entry.size or checksum != entry.crc:
            raise MediaError(member, "corrupt", "is damaged, or not as long as its archive says; download it again")
        if isinstance(copy, io.BytesIO):
            return Held(copy.getvalue())
        copy.flush()
        return OpenFile(os.dup(copy.fileno()))


def _inflated(source: Source, at: int, left: int, member: Member) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    data = b""
    try:
        while not inflate.eof and (data or left):
            if not data:
                data = source.pread(min(_BLOCK, left), at)
                if not data:
                    return
                at, left = at + len(data), left - len(data)
            yield inflate.decompress(data, _BLOCK)
            data = inflate.unconsumed_tail
    except zlib.error as error:
        raise MediaError(member, "corrupt", f"cannot be unpacked ({error}); download the archive again") from None


def _write(copy: IO[bytes] | BinaryIO, block: bytes, member: Path) -> None:
    try:
        copy.write(block)
    except OSError as error:
        raise MediaError(
            member, "unreadable", f"does not fit into {tempfile.gettempdir()} ({error.strerror}); set TMPDIR"
        ) from None
