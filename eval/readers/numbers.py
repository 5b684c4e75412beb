"""Numbers on a command line: in ASCII digits only, where Python also takes `1_0`, other scripts' digits and blanks."""

from __future__ import annotations

import re

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def integer(text: str) -> int:
    """Return a whole number. Raises ValueError."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def decimal(text: str) -> float:
    """Return a number, finite or too large for a float. Raises ValueError."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    return float(text)


def row_number(text: str) -> int | None:
    """Return the number of a row, counted from 1; None where the text is a name."""
    return int(text) if _INTEGER.fullmatch(text) and text[0] not in "+-" and len(text) < 12 else None


def is_written_oddly(text: str) -> bool:
    """Whether a text is a number to Python, though not to `decimal`: `1_0`, or digits of another script."""
    try:
        float(text)
    except ValueError:
        return False
    return not _DECIMAL.fullmatch(text.strip()) and any(character.isdecimal() for character in text)
