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

from eval.archives.listing import Entry, Listing, listing_of
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


class _Open:
    """An open file, closed with its last reader."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)

    def pread(self, n: int, offset: int) -> bytes:
        return os.pread(self.descriptor, n, offset)


class _Held:
    """The same for what is in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def pread(self, n: int, offset: int) -> bytes:
        return self.data[offset : offset + n]


class Part(io.RawIOBase):
    """A range of a file as a file of its own."""

    def __init__(self, source: _Open | _Held, start: int, size: int, name: str) -> None:
        self._source, self._start, self._size, self._at = source, start, size, 0
        self.name = name

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it has places."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a place and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # typeshed's name is private
        """Read into a buffer and return the number of bytes."""
        data = self._source.pread(max(0, min(len(buffer), self._size - self._at)), self._start + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def open_member(member: Member) -> Part:
    """Return a member's content. Raises MediaError where it cannot be read, and OSError."""
    listing, entry = _entry(member)
    if not listing.is_zip or not entry.method:
        source = _Open(os.open(member.archive, os.O_RDONLY))
        return Part(source, _begin(member, listing, entry, source), entry.size, str(member))
    stamp = (listing.status.st_size, listing.status.st_mtime_ns)
    return Part(_unpacked(member, stamp), 0, entry.size, str(member))


@contextmanager
def local_name(path: Path) -> Iterator[str]:
    """Give a name under which libraries that open files themselves find one: its own, or of a copy of a member."""
    from eval.archives.member import Member

    if not isinstance(path, Member):
        yield str(path)
        return
    with tempfile.TemporaryFile() as copy:
        if path.stat().st_size > MAX_UNPACKED:
            raise MediaError(path, "too_large", f"is larger than {MAX_UNPACKED >> 30} GiB; unpack the archive")
        with path.open("rb", buffering=0) as file:
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


def _begin(member: Member, listing: Listing, entry: Entry, source: _Open) -> int:
    """Return where a member's content begins, behind its header in a zip."""
    if not listing.is_zip:
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
def _unpacked(member: Member, _: tuple[int, int]) -> _Open | _Held:
    """Return the content of a compressed member."""
    listing, entry = _entry(member)
    large = entry.size > _IN_MEMORY
    if entry.size > MAX_UNPACKED or (large and entry.size > MAX_RATIO * entry.packed):
        raise MediaError(
            member,
            "too_large",
            f"is {entry.size} bytes, packed into {entry.packed}; unpack it if you trust it",
        )
    source = _Open(os.open(member.archive, os.O_RDONLY))
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
            return _Held(copy.getvalue())
        copy.flush()
        return _Open(os.dup(copy.fileno()))


def _inflated(source: _Open, at: int, left: int, member: Member) -> Iterator[bytes]:
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
