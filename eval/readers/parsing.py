"""Parses bytes from outside into values: with size limits, strict about JSON, and never waiting for a pipe or device.

Values read here are written again later, as UTF-8 and as JSON, and shown in messages; so values that could not be
written (NaN, a number beyond every float, half a character, nesting beyond the interpreter's limit) are refused. An
object with a repeated key is ambiguous, so it is refused too.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from eval.errors import DataError
from eval.files import open_regular
from eval.readers.malformed import printable, whole_characters

MAX_LINE = 16 * 2**20
"""Longest line, in bytes; upstream's rows have a few thousand, lists of frames included."""
MAX_FILE = 2**30
"""Largest file that is read whole, in bytes; the official ones have up to 30 MB."""
MAX_DEPTH = 32
"""Deepest nesting of lists and objects in a row; real rows reach 6."""
MAX_DIGITS = 300
"""Most digits of a number: a longer one is no float, and parsing time grows with the square."""

_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive",
}
"""First bytes of files that are not UTF-8 text, the longer ones first."""


class NotJSONError(ValueError):
    """A text that is not JSON, or is refused; the message gives the reason without a place."""


class Twice(dict[str, Any]):
    """An object with a repeated key, which is `key`."""

    key: str


def opened(path: Path) -> BinaryIO:
    """Open a file for reading. Raises DataError where it cannot be read or is not a regular file."""
    try:
        return open_regular(path)
    except OSError as error:
        if error.errno == errno.EINVAL and "\0" not in str(path):
            raise DataError(
                f"{path}: is a pipe, socket or device, not a regular file; save its content to a file and give that"
            ) from None
        raise DataError(f"{printable(str(path))}: cannot be read ({error.strerror}); check the path") from None


def opened_text(path: Path) -> BinaryIO:
    """Open a file that should be text in UTF-8. Raises DataError as `opened`, or for another kind of file."""
    file = opened(path)
    start = file.read(4)
    file.seek(0)
    known = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    if known is None and b"\x00" in start:
        known = "UTF-16 or UTF-32" if start.count(0) in (2, 3) else "no text"
    if known is not None:
        file.close()
        remedy = "unpack it" if "archive" in known else "save it as UTF-8"
        raise DataError(f"{path}: is {known}, expected text in UTF-8; {remedy}")
    return file


def whole(path: Path) -> bytes:
    """Return the content of a text file. Raises DataError as `opened_text`, and where it is too large."""
    with opened_text(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_FILE:
            raise DataError(f"{path}: has {size} bytes, and files up to {MAX_FILE} are read; is this the right file?")
        return file.read()


def lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield number and content of each line, with None for a line longer than MAX_LINE.

    Lines end with a line feed. Raises DataError as `opened_text`.
    """
    with opened_text(path) as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            is_long = len(line) > MAX_LINE
            while len(line) > MAX_LINE and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE + 1)  # the rest of it, a piece at a time
            yield number, None if is_long else line


def parsed(content: bytes | str) -> Any:
    """Return the value of a JSON text; objects with a repeated key are `Twice`. Raises NotJSONError."""
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        value = _DECODER.decode(text)
        if "\\ud" in text.lower():
            value = _mended(value)
    except RecursionError:
        raise NotJSONError("lists and objects are nested too deeply") from None
    except ValueError as error:
        raise NotJSONError(str(error)) from None
    return value


def problem(value: Any) -> str | None:
    """Return the problem with a parsed value as a row: a repeated key, too deep nesting; None if there is none."""
    stack = [(value, 1)]
    while stack:
        one, depth = stack.pop()
        if not isinstance(one, dict | list):
            continue
        if depth > MAX_DEPTH:
            return f"lists and objects are nested more than {MAX_DEPTH} deep"
        if isinstance(one, Twice):
            return f"the key {one.key[:60]!r} comes twice in one object"
        stack += [(inner, depth + 1) for inner in (one.values() if isinstance(one, dict) else one)]
    return None


def _mended(value: Any) -> Any:
    """Return a value with question marks for unpaired surrogates, which can't be written as UTF-8."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if not isinstance(value, dict):
        return value
    mended = {_mended(key): _mended(one) for key, one in value.items()}
    if isinstance(value, Twice):
        mended, key = Twice(mended), value.key
        mended.key = key
    return mended


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = Twice(found)
    seen: set[str] = set()
    twice.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return twice


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise NotJSONError(f"a number of {len(digits)} digits")
    return int(digits)


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise NotJSONError(f"{text[:40]} is too large a number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise NotJSONError(f"{name} is not a JSON value")  # it could not be written again


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_refuse_constant
)
