"""A request to a model under test, whose pictures are known by their hashes in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from eval.client.requests import Capabilities, Request, address, body_of
from eval.models.served.prompts import without_system
from eval.readers.malformed import whole_characters

Continues = Literal["by_parameters", "last_message", "no"]
"""How a server continues a begun answer."""
CONTINUES = frozenset(get_args(Continues))
_PARAMETERS = {"continue_final_message": True, "add_generation_prompt": False}
"""vLLM's way of having the last message continued, which SGLang and others share."""


def request_of(
    messages: Sequence[Mapping[str, Any]],
    model: str,
    takes: Capabilities,
    extra: Mapping[str, Any],
    *,
    max_tokens: int,
    continues: Continues,
    task: str,
) -> Request:
    """Return messages as a request to a server with these capabilities.

    Args:
        messages: The messages; where the last one is the assistant's, it is continued.
        model: The model to ask for.
        takes: What the server takes.
        extra: Further parameters.
        max_tokens: Bound on the reply, without the room for reasoning.
        continues: How the server continues a begun answer.
        task: What it is for.
    """
    sent = [*messages] if takes.system else without_system(messages)
    sent = [{**one, "content": _whole(one["content"])} for one in sent]
    rest: dict[str, Any] = {"temperature": 0.0} if takes.temperature else {}
    if takes.reply_bound != "none":
        rest["max_tokens"] = max_tokens + takes.reasoning_tokens
    if sent[-1]["role"] == "assistant" and continues == "by_parameters":
        rest |= _PARAMETERS
    rest |= {"extra": dict(extra)} if extra else {}
    asked = {"messages": [{**one, "content": _hashed(one["content"])} for one in sent], "attempt": 0, **rest}
    return Request(
        key=address(asked),
        body=body_of({"messages": [{**one, "content": _sent(one["content"])} for one in sent], **rest}, model, takes),
        max_tokens=rest.get("max_tokens"),
        asked=asked,
        is_raw=True,
        task=task,
    )


def _whole(content: Any) -> Any:
    """Return a message's content with lone surrogates, which no request can hold, replaced."""
    if isinstance(content, str):
        return whole_characters(content)
    return [{**part, "text": whole_characters(part["text"])} if part["type"] == "text" else part for part in content]


def _hashed(content: Any) -> Any:
    """Return a message's content with the hash of each picture or video in its place."""
    if isinstance(content, str):
        return content
    return [part if part["type"] == "text" else {"type": part["type"], "sha256": part["sha256"]} for part in content]


def _sent(content: Any) -> Any:
    """Return a message's content without the hashes."""
    if isinstance(content, str):
        return content
    return [{name: value for name, value in part.items() if name != "sha256"} for part in content]
