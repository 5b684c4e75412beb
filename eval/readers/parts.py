"""The parts of a file, as `split` or a hub's uploader made them, read as one file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from eval.files import open_regular

CHUNK = 1 << 20


def size_of(part: Path) -> int:
    """Return the bytes of a part. Raises OSError as `opened_parts`."""
    with open_regular(part) as file:
        return os.fstat(file.fileno()).st_size


@contextmanager
def opened_parts(parts: Sequence[Path]) -> Iterator[BinaryIO]:
    """Open the parts of a file as one. Raises OSError where one cannot be read, or is no regular file."""
    if len(parts) == 1:
        with open_regular(parts[0]) as file:
            yield file
    else:
        with io.BufferedReader(_Joined(parts), CHUNK) as joined:
            yield joined


class _Joined(io.RawIOBase):
    """The parts of a file, read as one."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self._files = [open_regular(part) for part in parts]
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
