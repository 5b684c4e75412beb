"""From a prompt to a conversation, and from a conversation to text, by the checkpoint's own chat template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.core import Turn
from eval.errors import ModelError
from eval.models.checkpoints.headers import MAX_CONFIG, read_object, read_small
from eval.readers.malformed import printable

TEMPLATE_FILES = ("chat_template.json", "chat_template.jinja", "processor_config.json", "tokenizer_config.json")
"""Files in which a chat template may be, in the order in which they are tried."""

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


def chat_template(folder: Path) -> str:
    """Return the chat template of a checkpoint. Raises ModelError where no file has one."""
    for name in TEMPLATE_FILES:
        path = folder / name
        if not path.exists():
            continue
        if path.suffix == ".jinja":
            try:
                return read_small(path, MAX_CONFIG).decode()
            except UnicodeDecodeError as error:
                raise ModelError(f"{path} is not UTF-8; take the checkpoint's own.") from error
        found = read_object(path).get("chat_template")
        if isinstance(found, list):  # several by name
            named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
            found = named.get("default")
        if isinstance(found, str) and found:
            return found
    raise ModelError(
        f"{folder} has no chat template (in {', '.join(TEMPLATE_FILES)}), so prompts cannot be put into the form that "
        "the model was trained on; take the checkpoint's own files."
    )


def rendered(tokenizer: Any, template: str, turns: Sequence[Turn], positions: Sequence[int]) -> str:
    """Return a conversation as text, with as many image tokens as its media take.

    Args:
        tokenizer: transformers' tokenizer of the checkpoint, whose special tokens a template may name.
        template: the chat template. It is given what upstream gives: `num_vision_tokens` of each medium,
            `add_generation_prompt` where the last turn is not the assistant's, `strip_final_eos` where it is.
        turns: the conversation.
        positions: number of positions of each medium, in order.

    Raises:
        ModelError: the template fails.
    """
    left = iter(positions)
    messages = [
        {"role": turn.role, "content": [_part(kind, text, left) for kind, text in turn.parts]} for turn in turns
    ]
    is_begun = turns[-1].role == "assistant"
    try:
        text: str = tokenizer.apply_chat_template(
            messages,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=not is_begun,
            strip_final_eos=is_begun,
        )
    except Exception as error:  # a template is a program, and may raise anything
        said = printable(" ".join(f"{type(error).__name__}: {error}".split()))[:200]
        raise ModelError(f"the checkpoint's chat template fails: {said}") from error
    return text


def _part(kind: str, text: str, left: Any) -> Mapping[str, Any]:
    if kind == "text":
        return {"type": "text", "text": text}
    return {"type": kind, "num_vision_tokens": next(left)}
