"""Put a streamed reply together, which some servers send though nobody asked for a stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
"""Fields of a message that come in pieces."""


def is_stream(text: str) -> bool:
    """Whether a reply's text is a stream of events."""
    return text.lstrip().startswith(("data:", "event:", ": ", "id:"))


def joined(text: str) -> dict[str, Any] | None:
    """Return a stream of chunks as one chat completion with the first choice; None where it is not a whole one.

    It is whole if every event can be read and the choice has a finish reason, or the stream its `[DONE]`.
    """
    found: dict[str, Any] = {}
    message: dict[str, Any] = {}
    finish: object = None
    is_done = False
    for event in _events(text):
        if event == "[DONE]":
            is_done = True
            continue
        try:
            chunk = json.loads(event)
        except (ValueError, RecursionError):
            return None
        if not isinstance(chunk, dict):
            return None
        if chunk.get("error"):
            return {"error": chunk["error"]}
        choices = chunk.get("choices")
        found |= {name: value for name, value in chunk.items() if name != "choices" and value is not None}
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict) or choice.get("index", 0) != 0:
                continue
            _add(message, choice.get("delta") or choice.get("message"))
            finish = choice.get("finish_reason") or finish
    if not message or not (is_done or finish):
        return None
    return {**found, "choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def _add(message: dict[str, Any], delta: object) -> None:
    for name, piece in delta.items() if isinstance(delta, Mapping) else ():
        if name in _TEXTS and isinstance(piece, str):
            message[name] = message.get(name, "") + piece


def _events(text: str) -> list[str]:
    """Return the data of each event."""
    events: list[str] = []
    lines: list[str] = []
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
        elif not line and lines:
            events.append("\n".join(lines))
            lines = []
    return events
