"""From a prompt to a conversation, for models with a chat template."""

from __future__ import annotations

import re
from typing import Any

from eval.core import Turn

_PLACE = re.compile("<video>|<image>")
_USER, _ASSISTANT = "USER:", "ASSISTANT:"


def conversation(prompt: str) -> tuple[Turn, ...]:
    r"""Return a prompt in the form of branch `tarsier`, `USER: <video>\n{text} ASSISTANT:{begun}`, as a conversation.

    As in upstream's rows of branch `tarsier2`, no line break is between a video and the text, none is behind the text,
    and a begun answer starts with one blank. A prompt without roles is the user's text. The last turn is the
    assistant's, whose answer may be empty.
    """
    user, begun = prompt, ""
    start = prompt.find(_USER)
    end = prompt.rfind(_ASSISTANT, start + len(_USER)) if start >= 0 else -1
    if end >= 0:
        user, begun = prompt[start + len(_USER) : end], prompt[end + len(_ASSISTANT) :]
        user = user[:-1] if user.endswith((" ", "\n")) else user
    parts: list[tuple[Any, str]] = []
    done = 0
    for place in _PLACE.finditer(user):
        before = user[done : place.start()]
        if before.strip():
            parts.append(("text", before.lstrip(" ") if not parts else before))
        parts.append(("video" if place.group() == "<video>" else "image", ""))
        done = place.end()
        if user[done : done + 1] in {"\n", " "}:
            done += 1
    if user[done:] or not parts:
        parts.append(("text", user[done:] if parts else user[done:].lstrip(" ")))
    answer = f" {begun.lstrip()}" if begun.strip() else ""
    return (Turn(role="user", parts=tuple(parts)), Turn(role="assistant", parts=(("text", answer),)))
