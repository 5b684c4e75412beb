"""Keeps the key out of what is stored, shown and logged, for there are servers that repeat it in what they say."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

_LEAST = 5
"""Characters from which on a key is one: what stands for none is shorter."""
_TELLING = (
    "openai._base_client", "openai._response", "openai._legacy_response",
    "httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy", "httpcore2.socks",
)  # fmt: skip
"""Loggers that tell a reply's headers at level DEBUG."""


class Redaction:
    """Takes one key out of texts. It is to be applied before a text is cut short, or a part of the key would stay."""

    def __init__(self, key: str) -> None:
        # As it is, or with some of its characters as JSON may write them.
        self._key = re.compile("".join(map(_letter, key))) if len(key) >= _LEAST else None

    def __call__(self, text: str) -> str:
        """Return text from outside with `[key]` in place of the key."""
        return text if self._key is None else self._key.sub("[key]", text)

    def json(self, value: Any) -> Any:
        """Return a value that was read from JSON with every text in it redacted; None where it is no such value."""
        try:
            return json.loads(self(json.dumps(value)))
        except (ValueError, TypeError, RecursionError):
            return None


def _letter(letter: str) -> str:
    escapes = r"\\*" if letter in '"/\\' else ""
    return rf"(?:{escapes}{re.escape(letter)}|\\+u(?i:{ord(letter):04x}))"


def _is_quiet(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def silence() -> None:
    """Have no logger tell headers, whatever level a user sets for it."""
    for name in _TELLING:
        logging.getLogger(name).addFilter(_is_quiet)
