"""From a sample's conversation to the messages of a request, with its begun answer continued or asked for in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eval.core import Turn
from eval.errors import ModelError
from eval.models.served.pictures import Show

Prefix = Literal["continued", "instructed"]
"""How a begun answer is asked for: as the beginning of the server's reply, or by an instruction in its place."""

LETTER = "Answer with the letter of the option only."
BEGINNING = 'Begin your answer with "{begun}"'


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt in the form for a server."""

    messages: list[dict[str, Any]]
    """The messages; the last one is the assistant's where a begun answer is continued."""
    text: str
    """The prompt in the form of upstream's rows, as it is sent."""


def instruction(begun: str) -> str:
    """Return the sentence that takes the place of a begun answer: a letter after an open bracket, else those words."""
    return LETTER if begun.rstrip().endswith("(") else BEGINNING.format(begun=begun.strip())


def asked(
    turns: Sequence[Turn], prompt: str, n_frames: int, counts: Sequence[int], show: Show, prefix: Prefix
) -> Asked:
    """Return a conversation as messages.

    Args:
        turns: Its turns; a last one of the assistant is a begun answer, which may be empty.
        prompt: Its text as the sample has it.
        n_frames: Number of frames of its media, all together.
        counts: Number of frames of each medium, where there are several.
        show: Shows frames.
        prefix: How a begun answer is asked for.

    Raises:
        ModelError: The media in the conversation are not those of its clip.
    """
    turns, begun = list(turns), ""
    if turns and turns[-1].role == "assistant":
        begun = "".join(text for _, text in turns.pop().parts).lstrip()
    shown = _places(turns, n_frames, counts)
    messages = [{"role": turn.role, "content": _content(turn, shown, show)} for turn in turns]
    if begun.strip() and prefix == "continued":
        messages.append({"role": "assistant", "content": begun})
    elif begun.strip():
        said = instruction(begun)
        _append(messages, said)
        end = prompt.rstrip().removesuffix(begun.strip()).rstrip()
        head, mark, _ = end.rpartition("ASSISTANT:")
        prompt = f"{head.rstrip()}\n{said} {mark}" if mark else f"{end}\n{said}"
    return Asked(messages, prompt)


def _append(messages: list[dict[str, Any]], sentence: str) -> None:
    last = messages[-1]
    if isinstance(last["content"], str):
        last["content"] = f"{last['content'].rstrip()}\n{sentence}"
    elif last["content"] and last["content"][-1]["type"] == "text":
        text = last["content"][-1]["text"].rstrip()
        last["content"][-1] = {"type": "text", "text": f"{text}\n{sentence}"}
    else:
        last["content"].append({"type": "text", "text": sentence})


def _places(turns: Sequence[Turn], n_frames: int, counts: Sequence[int]) -> Iterator[slice]:
    """Return the frames of each medium in a conversation, in order."""
    n_media = sum(kind != "text" for turn in turns for kind, _ in turn.parts)
    each = list(counts) or ([n_frames] if n_media == 1 else [1] * n_frames)
    if len(each) != n_media:
        raise ModelError(
            f"the prompt has places for {n_media} videos and images, and {len(each)} are shown; "
            "put one <video> into it."
        )
    ends = [sum(each[: i + 1]) for i in range(len(each))]
    return iter([slice(end - n, end) for n, end in zip(each, ends, strict=True)])


def _content(turn: Turn, shown: Iterator[slice], show: Show) -> str | list[dict[str, Any]]:
    if all(kind == "text" for kind, _ in turn.parts):
        return "".join(text for _, text in turn.parts)
    content: list[dict[str, Any]] = []
    for kind, text in turn.parts:
        content += [{"type": "text", "text": text}] if kind == "text" else show(next(shown))
    return content


def without_system(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return messages for a server that takes no system message: its text stands before the user's first one."""
    system = "\n\n".join(str(one["content"]) for one in messages if one["role"] == "system")
    rest = [dict(one) for one in messages if one["role"] != "system"]
    first = next((one for one in rest if one["role"] == "user"), None)
    if system and first is not None:
        content = first["content"]
        first["content"] = (
            f"{system}\n\n{content}" if isinstance(content, str) else [{"type": "text", "text": system}, *content]
        )
    return rest
