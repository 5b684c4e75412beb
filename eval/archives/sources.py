"""Bytes by their place: of a file, of memory, of a part of either."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Protocol


class Source(Protocol):
    """Something that is read by place, by several readers at a time."""

    def pread(self, n: int, offset: int) -> bytes:
        """Return up to `n` bytes from a place on. Raises OSError and MediaError."""
        ...


class OpenFile:
    """An open file, closed with its last reader."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def at(cls, path: Path) -> OpenFile:
        """Open a file."""
        return cls(os.open(path, os.O_RDONLY))

    def __del__(self) -> None:
        os.close(self.descriptor)

    def pread(self, n: int, offset: int) -> bytes:
        """Return up to `n` bytes from a place on."""
        return os.pread(self.descriptor, n, offset)


class Held:
    """What is in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def pread(self, n: int, offset: int) -> bytes:
        """Return up to `n` bytes from a place on."""
        return self.data[offset : offset + n]


class Part(io.RawIOBase):
    """A range of a source as a file of its own."""

    def __init__(self, source: Source, start: int, size: int, name: str) -> None:
        self._source, self._start, self.size, self._at = source, start, size, 0
        self.name = name

    def pread(self, n: int, offset: int) -> bytes:
        """Return up to `n` bytes from a place on."""
        return self._source.pread(max(0, min(n, self.size - offset)), self._start + offset)

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it has places."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a place and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "Invalid argument", self.name)
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # typeshed's name is private
        """Read into a buffer and return the number of bytes."""
        data = self.pread(len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
