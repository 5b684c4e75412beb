"""From a prompt to a conversation, for models with a chat template."""

from __future__ import annotations

import re

from eval.core import PartKind, Turn

_VIDEO = "<video>"
_IMAGES = re.compile(r" *<image>(?:[ \n]?<image>)*")
_USER, _ASSISTANT = "USER:", "ASSISTANT:"
_ROLE = re.compile(rf"(?<!\S)(?:{_USER}|{_ASSISTANT})")


def conversation(prompt: str) -> tuple[Turn, ...]:
    r"""Return a prompt in the form of branch `tarsier`, `USER: <video>\n{text} ASSISTANT:{begun}`, as a conversation.

    As in upstream's rows of branch `tarsier2`, no line break is between a video and the text, none is behind the text,
    and a begun answer starts with one blank. Text before the first `USER:` is the system's; a prompt without roles is
    the user's text. The last turn is the assistant's, whose answer may be empty. Media are at the `<image>`s that the
    first question begins with, or else at the first `<video>` of a question; any other is text.
    """
    turns: list[Turn] = []
    is_placed = False
    for role, text in _said(prompt):
        parts: list[tuple[PartKind, str]] = [("text", text)]
        if role == "assistant":
            parts = [("text", f" {text.lstrip()}" if text.strip() else "")]
        elif role == "user" and not is_placed:
            parts = _parts(text, first=all(turn.role == "system" for turn in turns))
            is_placed = any(kind != "text" for kind, _ in parts)
        elif role == "user":
            parts = [("text", text.lstrip(" "))]
        turns.append(Turn(role=role, parts=tuple(parts)))
    return tuple(turns)


def _said(prompt: str) -> list[tuple[str, str]]:
    """Return roles and texts of a prompt."""
    marks = [(mark.start(), mark.group()) for mark in _ROLE.finditer(prompt)]
    if not marks or [role for _, role in marks] != [_USER, _ASSISTANT] * (len(marks) // 2):
        # A question with such a word in it: the first and the last one are those of the prompt.
        start = prompt.find(_USER)
        end = prompt.rfind(_ASSISTANT, start + len(_USER)) if start >= 0 else -1
        marks = [(start, _USER), (end, _ASSISTANT)] if end >= 0 else []
    if not marks or _VIDEO in (head := prompt[: marks[0][0]]) or _IMAGES.match(head):
        return [("user", prompt), ("assistant", "")]
    said = [("system", head.strip())] if head.strip() else []
    for (start, role), (end, _) in zip(marks, [*marks[1:], (len(prompt), "")], strict=True):
        text = prompt[start + len(role) : end]
        text = text[:-1] if end < len(prompt) and text.endswith((" ", "\n")) else text
        said.append(("user" if role == _USER else "assistant", text))
    return said


def _parts(text: str, *, first: bool) -> list[tuple[PartKind, str]]:
    """Return the parts of a question: its media, and the text around them without the blank or line break behind."""
    images = _IMAGES.match(text) if first else None
    before, found, after = ("", images.group(), text[images.end() :]) if images else text.partition(_VIDEO)
    if not found:
        return [("text", text.lstrip(" "))]
    parts: list[tuple[PartKind, str]] = [("text", before.lstrip(" "))] if before.strip() else []
    parts += [("image", "")] * found.count("<image>") or [("video", "")]
    after = after[1:] if after.startswith((" ", "\n")) else after
    return [*parts, ("text", after)] if after else parts
