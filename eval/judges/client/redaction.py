"""Keep the key out of stored, shown and logged texts, since some servers repeat it in their messages."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

_LEAST = 5
"""Minimum length of a real key; placeholders are shorter."""
_TELLING = (
    "openai._base_client", "openai._response", "openai._legacy_response",
    "httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy", "httpcore2.socks",
)  # fmt: skip
"""Loggers that print a reply's headers at level DEBUG."""


class Redaction:
    """Replaces one key in texts. Apply it before a text is shortened, or a part of the key would remain."""

    def __init__(self, key: str) -> None:
        # The key as it is, or with some characters escaped as JSON may write them.
        self._key = re.compile("".join(map(_letter, key))) if len(key) >= _LEAST else None

    def __call__(self, text: str) -> str:
        """Return external text with `[key]` in place of the key."""
        return text if self._key is None else self._key.sub("[key]", text)

    def json(self, value: Any) -> Any:
        """Return a JSON value with every text in it redacted; None where it is no JSON value."""
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
    """Prevent these loggers from printing headers, whatever level a user sets."""
    for name in _TELLING:
        logging.getLogger(name).addFilter(_is_quiet)
