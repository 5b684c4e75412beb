"""Keep the key out of stored, shown and logged texts, since some servers repeat it in their messages.

A server may also repeat a part of the key, or write it in another way. So texts are compared without regard to case,
space within, and escapes, with the key as it is, reversed, in hexadecimal, and in base64 at any offset; and whatever
equals at least twelve characters in a row of one of these is replaced.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

_LEAST = 5
"""Minimum length of a real key; placeholders are shorter."""
_RUN = 12
"""Characters of the key in a row that give it away. A shorter key is only replaced as a whole and as it is."""
_TELLING = (
    "openai._base_client", "openai._response", "openai._legacy_response",
    "httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy", "httpcore2.socks",
)  # fmt: skip
"""Loggers that print a reply's headers at level DEBUG."""
_SPACE = r"[\s\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff]"
_ESCAPE = re.compile(
    r"\\+u([0-9a-fA-F]{4})|%([0-9a-fA-F]{2})|&#x([0-9a-fA-F]{1,6});|&#(\d{1,7});"
    rf"|\\+x([0-9a-fA-F]{{2}})|\\+([\"'/])|(?:\\+[nrtbf]|{_SPACE})+"
)
"""A character as JSON, a URL or HTML may write it, or space of any kind, which also JSON may write."""


class Redaction:
    """Replaces one key in texts. Apply it before a text is shortened, or a part of the key would remain."""

    def __init__(self, key: str) -> None:
        # The key as it is, or with some characters escaped as JSON may write them.
        self._key = re.compile("".join(map(_letter, key))) if len(key) >= _LEAST else None
        self._forms = list(_forms(key)) if len(key) >= _RUN else []
        # Any run of twelve characters holds one of these whole.
        half = _RUN // 2
        self._parts = {form[i : i + half] for form in self._forms for i in range(0, len(form) - half + 1, half)}

    def __call__(self, text: str) -> str:
        """Return external text with `[key]` in place of the key."""
        if self._key is None:
            return text
        text = self._key.sub("[key]", text)
        if not self._forms:
            return text
        spans = _merged(list(self._found(_plain(text))))
        if spans:
            places = _places(text)
            for start, end in reversed(spans):
                text = f"{text[: places[start][0]]}[key]{text[places[end - 1][1] :]}"
        return text

    def holds(self, text: str) -> bool:
        """Whether a text holds the key, or a part of it."""
        if self._key is None:
            return False
        return self._key.search(text) is not None or next(self._found(_plain(text)), None) is not None

    def json(self, value: Any) -> Any:
        """Return a JSON value with every text in it redacted; None where it is no JSON value."""
        try:
            return json.loads(self(json.dumps(value)))
        except (ValueError, TypeError, RecursionError):
            return None

    def _found(self, plain: str) -> Iterator[tuple[int, int]]:
        """Yield the ranges of a text that equal a part of one of the key's forms."""
        for part in self._parts:
            at = plain.find(part)
            while at >= 0:
                ends = [at + 1]
                for form in self._forms:
                    within = form.find(part)
                    while within >= 0:
                        before = _same(plain[max(0, at - within) : at][::-1], form[:within][::-1])
                        after = _same(plain[at : at + len(form)], form[within:])
                        if before + after >= min(_RUN, len(form)):
                            yield at - before, at + after
                            ends.append(at + after)
                        within = form.find(part, within + 1)
                at = plain.find(part, max(ends))


def _forms(key: str) -> Iterator[str]:
    """Yield a key in every way in which its characters are compared."""
    raw = key.encode("utf-8", "replace")
    for form in (key, key[::-1]):
        yield _plain(form)
        yield form.encode("utf-8", "replace").hex()
    for offset in range(3):
        # Without the ends, which depend on what stands around the key.
        coded = base64.b64encode(b"\0" * offset + raw).decode()
        inner = coded[(0, 2, 3)[offset] : len(coded.rstrip("=")) - (1 if (len(raw) + offset) % 3 else 0)].lower()
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def _plain(text: str) -> str:
    """Return a text in lower case without escapes and space."""
    return _ESCAPE.sub(_decoded, _lower(text))


def _places(text: str) -> list[tuple[int, int]]:
    """Return where each character of `_plain(text)` begins and ends in the text."""
    places: list[tuple[int, int]] = []
    at = 0
    for found in _ESCAPE.finditer(_lower(text)):
        places += [(i, i + 1) for i in range(at, found.start())]
        places += [found.span()] if _decoded(found) else []
        at = found.end()
    return places + [(i, i + 1) for i in range(at, len(text))]


def _lower(text: str) -> str:
    """Return a text in lower case and of the same length: a few letters have a longer lower case, and stay."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _decoded(found: re.Match[str]) -> str:
    """Return the character that an escape stands for; none for space."""
    four, url, html, decimal, two, itself = found.groups()
    if itself is not None:
        return itself
    written = four or url or html or two
    code = int(written, 16) if written else int(decimal) if decimal else ord(" ")
    letter = chr(code).lower() if code < 0x110000 else "?"
    return "" if len(letter) > 1 or re.match(_SPACE, letter) else letter


def _same(one: str, two: str) -> int:
    """Return the number of characters at the beginning that are the same."""
    n = 0
    for a, b in zip(one, two, strict=False):
        if a != b:
            break
        n += 1
    return n


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _letter(letter: str) -> str:
    escapes = r"\\*" if letter in '"/\\' else ""
    return rf"(?:{escapes}{re.escape(letter)}|\\+u(?i:{ord(letter):04x}))"


def _is_quiet(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def silence() -> None:
    """Prevent these loggers from printing headers, whatever level a user sets."""
    for name in _TELLING:
        logging.getLogger(name).addFilter(_is_quiet)
