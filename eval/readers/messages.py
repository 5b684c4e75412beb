"""The `messages` form of a row, as upstream's branch `tarsier2` writes it.

    {"messages": [{"role": "user", "content": [{"type": "video", "video": {"video_file": ...}},
                                               {"type": "text", "text": "Question: ..."}]},
                  {"role": "assistant", "content": [{"type": "text", "text": " Answer: ("},
                                                    {"type": "text", "text": "", "reference": "A"}]}],
     "dataset": "TVBench/Action Antonym", "task": "video/QA", "idx": 0, "vid": "..."}

Upstream writes a prediction into the text of the item with the reference. Some files write every key of an item, with
null where it does not apply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.readers.rows import Row

_UNREAD = ("frame_indices", "time_indices", "start_frame", "end_frame")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The content of one question and its begun answer."""

    prompt: str
    """The prompt in the form of branch `tarsier`."""
    references: tuple[str, ...]
    """The reference answers."""
    prediction: str | None
    """The prediction beside the reference; None where the row has no reference."""
    video: Row
    """The object that names the video and its span."""


def read_turn(row: Row) -> Turn:
    r"""Read the messages of a row: one video, the user's text, and the assistant's part.

    Without a begun answer the prompt stays unwrapped, `<video>\n{text}`, as in the rows of branch `tarsier`; the model
    then adds the turn. Raises DataError where the row holds anything else.
    """
    messages = row.rows("messages")
    roles = [message.text("role") for message in messages]
    if roles not in (["user"], ["user", "assistant"]):
        raise row.error("messages", f"has the roles {roles}; only one user and one assistant message can be read")
    first, *texts = messages[0].rows("content")
    if first.text("type") != "video" or not texts or any(item.text("type") != "text" for item in texts):
        kinds = [item.fields.get("type") for item in (first, *texts)]
        raise messages[0].error("content", f"has the types {kinds}; only a video followed by text can be read")
    video = first.row("video")
    for field in _UNREAD:
        if video.has(field):
            raise video.error(field, "picks frames, which is not supported; give start_time and end_time in seconds")
    question = "".join(item.text("text") for item in texts)
    begun, references, filled = "", [], []
    for item in messages[1].rows("content") if len(messages) > 1 else ():
        if item.text_or_none("reference"):
            references.append(item.text("reference"))
            filled.append(item.text_or_none("text") or "")
        else:
            begun += item.text_or_none("text") or ""
    prompt = f"USER: <video>\n{question}\nASSISTANT:{begun}" if begun else f"<video>\n{question}"
    prediction = "".join(filled) if references else None
    return Turn(prompt=prompt, references=tuple(references), prediction=prediction, video=video)
