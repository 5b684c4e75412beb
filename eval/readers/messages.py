"""The `messages` form of a row, as upstream's branch `tarsier2` writes it.

    {"messages": [{"role": "user", "content": [{"type": "video", "video": {"video_file": ...}},
                                               {"type": "text", "text": "Question: ..."}]},
                  {"role": "assistant", "content": [{"type": "text", "text": " Answer: ("},
                                                    {"type": "text", "text": "", "reference": "A"}]}],
     "dataset": "TVBench/Action Antonym", "task": "video/QA", "idx": 0, "vid": "..."}

Videos and images may stand anywhere between texts, each with a choice of frames of its own (eval/readers/media.py).
Upstream writes a prediction into the text of the item with the reference. Some files write every key of an item, with
null where it does not apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.core import Turn
from eval.readers.media import Medium, image_medium, pixel_limits, video_medium

if TYPE_CHECKING:
    from eval.core import PartKind, Selection
    from eval.readers.rows import Row

_ROLES = ("system", "user", "assistant")
_MEDIA = {"video": video_medium, "image": image_medium}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The content of a row's messages."""

    turns: tuple[Turn, ...]
    """The messages, with the begun answer as the last one, where there is one."""
    prompt: str
    """The same in the form of branch `tarsier`, with one `<video>` a medium."""
    references: tuple[str, ...]
    """The reference answers."""
    prediction: str | None
    """The prediction beside the reference; None where the row has no reference."""
    media: tuple[Medium, ...]
    """The videos and images in order, at least one."""


def read_conversation(row: Row) -> Conversation:
    r"""Read the messages of a row.

    Without a begun answer the prompt of a single question stays unwrapped, `<video>\n{text}`, as in the rows of branch
    `tarsier`; the model then adds the turn. Raises DataError where the row holds anything else than messages of a
    system, a user and an assistant, or shows nothing.
    """
    limits = pixel_limits(row)
    messages = row.rows("messages")
    turns: list[Turn] = []
    media: list[Medium] = []
    references: list[str] = []
    filled: list[str] = []
    for message in messages:
        role = message.text("role")
        if role not in _ROLES:
            raise message.error("role", f"is {role!r}, expected {', '.join(_ROLES)}; correct it in the file")
        parts: list[tuple[PartKind, str]] = []
        for item in message.rows("content") if message.has("content") else ():
            if item.text("type") != "text":
                media.append(_medium(item, limits))
                parts.append(("image" if item.text("type") == "image" else "video", ""))
                continue
            said = item.text("text") if role == "user" else item.text_or_none("text") or ""
            scored = role == "assistant" and item.text_or_none("reference")
            if scored:
                references.append(scored)
                filled.append(said)
            # The last message is still to be written where it has a reference.
            parts.append(("text", "" if scored and message is messages[-1] else said))
        turns.append(Turn(role=role, parts=tuple(parts)))
    if not media:
        raise row.error("messages", "show no video and no image; a question about nothing shown cannot be asked")
    return Conversation(
        turns=tuple(turns),
        prompt=_prompt(turns),
        references=tuple(references),
        prediction="".join(filled) if references else None,
        media=tuple(media),
    )


def _medium(item: Row, limits: Selection) -> Medium:
    kind = item.text("type")
    if kind not in _MEDIA:
        raise item.error("type", f"is {kind!r}, expected text, video or image; correct it in the file")
    return _MEDIA[kind](item.row(kind), limits)


def _prompt(turns: Sequence[Turn]) -> str:
    """Return a conversation as one text; a system message stands before the first `USER:`."""
    is_begun = turns[-1].role == "assistant"
    said, begun = (turns[:-1], _written(turns[-1])) if is_begun else (turns, "")
    if not begun and [turn.role for turn in said] == ["user"]:
        return _written(said[0])
    names = {"system": "", "user": "USER: ", "assistant": "ASSISTANT:"}
    return "\n".join([*(names[turn.role] + _written(turn) for turn in said), f"ASSISTANT:{begun}"])


def _written(turn: Turn) -> str:
    text = ""
    for kind, part in turn.parts:
        if kind != "text" and text and not text.endswith("\n"):
            text += "\n"
        text += part if kind == "text" else "<video>\n"
    return text
