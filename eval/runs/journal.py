"""An append-only file of JSON lines, of which a crash can damage only the end.

A record is on disk once `append` has returned. After the last such record, a kill or a power cut may leave half a line,
or NUL bytes where blocks were never written; `repair` cuts these off. Damage before a valid line does not come from a
crash, so it is neither cut off nor skipped: an error names its line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eval.errors import RunError
from eval.files import FILE_MODE, open_regular, refused, sync_folder, to_jsonl, write_all


class Journal:
    """The file; it need not exist yet. The caller makes sure that no other process writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def repair(self) -> str | None:
        """Cut off an incomplete end left by a crash; return a description of the repair, or None where none was needed.

        A last line that lacks only its line end gets one: half a JSON object never parses.

        Raises:
            RunError: a line before a valid one is damaged, or the file cannot be read or written.
        """
        try:
            if not self.path.exists():
                return None
            with open_regular(self.path) as file:
                good, number, bad = self._look(file)
                size = file.seek(0, os.SEEK_END)
                file.seek(max(good - 1, 0))
                closed = good == 0 or file.read(1) == b"\n"
            if bad is None and closed:
                return None
            self._end_at(good, b"" if closed else b"\n")
        except OSError as error:
            raise refused(self.path, error) from error
        if bad is None:
            return f"{self.path}:{number}: the last line lacked its end; it is whole and stays."
        what = "a half-written last line" if bad == number else f"{number - bad + 1} half-written lines at the end"
        return f"{self.path}:{bad}: dropped {what} ({size - good} bytes); what it was is done again."

    def _look(self, file: Iterable[bytes]) -> tuple[int, int, int | None]:
        """Return the size up to the last valid line, the number of lines, and the number of the first damaged one."""
        position = good = number = 0
        bad: int | None = None
        for number, line in enumerate(file, start=1):
            position += len(line)
            if not line.strip():
                good = good if bad else position
            elif not _is_sound(line, first=number == 1):
                bad = bad or number
            elif bad:
                raise RunError(
                    f"{self.path}:{bad}: this line is damaged, and sound ones follow, which no crash leaves behind. "
                    "Restore the file, or delete that line: its sample is done again."
                )
            else:
                good = position
        return good, number, bad

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows; when this returns they are on disk.

        Raises:
            RunError: the disk is full, failed or may not be written; the file is unchanged, and can be appended to.
        """
        content = to_jsonl(rows)
        try:
            is_new = not self.path.exists()
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            handle = os.open(self.path, flags, FILE_MODE)
            try:
                size, is_whole = os.fstat(handle).st_size, False
                try:
                    write_all(handle, content)
                    is_whole = True
                    os.fsync(handle)
                except BaseException as error:
                    if isinstance(error, OSError) or not is_whole:  # whole lines outlive an interrupt
                        _cut(handle, size)
                    raise
            finally:
                os.close(handle)
            if is_new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise refused(self.path, error) from error

    def _end_at(self, size: int, end: bytes) -> None:
        handle = os.open(self.path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
        try:
            os.ftruncate(handle, size)
            os.lseek(handle, size, os.SEEK_SET)
            write_all(handle, end)
            os.fsync(handle)
        finally:
            os.close(handle)


def _cut(handle: int, size: int) -> None:
    try:
        os.ftruncate(handle, size)
        os.fsync(handle)
    except OSError:
        pass  # The next start cuts the rest off.


def _is_sound(line: bytes, *, first: bool) -> bool:
    # Some tools put a byte-order mark before the first line; readers skip it.
    content = line.removeprefix(b"\xef\xbb\xbf") if first else line
    try:
        return isinstance(json.loads(content.decode("utf-8")), dict)
    except (ValueError, RecursionError):
        return False
