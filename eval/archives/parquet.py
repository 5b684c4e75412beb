"""Videos in the rows of a parquet file, as `datasets` writes them: a column of structures with `bytes` and `path`.

Only the columns that are asked for are read. A row group is gone through row by row, and whoever asks for the next row
goes on where the last one was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, Any

from eval.archives.sources import Part, Source
from eval.errors import MediaError
from eval.installed import install

if TYPE_CHECKING:
    from eval.archives.member import Member

_BUFFER = 1 << 20
_one_at_a_time = Lock()


def rows_of(source: Source, size: int, name: str) -> Iterator[tuple[str, int, int]]:
    """Yield file name, row group, and place in it of each row with a video. Raises MediaError."""
    file, column = _opened(source, size, name)
    if column is None:
        return
    for group in range(file.num_row_groups):
        with _explained(name):
            paths = file.read_row_group(group, columns=[f"{column}.path"]).column(0).to_pylist()
        for place, row in enumerate(paths):
            if row is not None and row.get("path"):
                yield PurePosixPath(row["path"].replace("\\", "/")).name, group, place


def content(member: Member, size: int, group: int, place: int) -> bytes:
    """Return the video in a row. Raises MediaError."""
    with _one_at_a_time, _explained(str(member)):
        rows = _rows(member.archive, size, group)
        if rows.next > place:
            _rows.cache_clear()
            rows = _rows(member.archive, size, group)
        data = rows.take(place)
    if data is None:
        raise MediaError(member, "missing", "is only named in its row, which holds no bytes of it")
    if not isinstance(data, bytes):
        raise MediaError(member, "corrupt", "is no bytes in its row; download the file again")
    return data


class _Rows:
    """The rows of a row group in order, one in memory at a time."""

    def __init__(self, file: Any, column: str, group: int) -> None:
        self.next = 0
        self._batches = file.iter_batches(batch_size=1, row_groups=[group], columns=[f"{column}.bytes"])

    def take(self, place: int) -> bytes | None:
        row: Any = None
        while self.next <= place:
            row = next(self._batches).column(0)[0]
            self.next += 1
        data = row.as_py()
        return None if data is None else data["bytes"]


@lru_cache(maxsize=1)
def _rows(archive: Path, size: int, group: int) -> _Rows:
    from eval.archives.listing import source_of

    file, column = _opened(source_of(archive), size, str(archive))
    if column is None:
        raise MediaError(archive, "corrupt", "has no videos any more")
    return _Rows(file, column, group)


def _opened(source: Source, size: int, name: str) -> tuple[Any, str | None]:
    """Return the file, and the name of its column of videos, if it has one."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        said = f"may hold videos, and is not looked into without pyarrow: {install('hub')}"
        raise MediaError(name, "unsupported", said) from None
    with _explained(name):
        part: Any = Part(source, 0, size, name)
        file = pq.ParquetFile(pa.PythonFile(part, mode="r"), buffer_size=_BUFFER, pre_buffer=False)
    for field in file.schema_arrow:
        inner = {one.name: one.type for one in field.type} if pa.types.is_struct(field.type) else {}
        if {"bytes", "path"} <= inner.keys() and inner["bytes"] in (pa.binary(), pa.large_binary()):
            return file, field.name
    return file, None


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what a damaged file makes the library raise into one line."""
    try:
        yield
    except (ArithmeticError, LookupError, OSError, RuntimeError, StopIteration, TypeError, ValueError) as error:
        said = f"is no parquet file, or a damaged one ({next(iter(str(error).splitlines()), '')[:100]})"
        raise MediaError(name, "corrupt", said) from None
