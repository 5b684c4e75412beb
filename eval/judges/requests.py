"""Build a server's request from a judge call: the supported parameters, and the key of the reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.client.requests import Capabilities, Request, address, body_of
from eval.judges.calls import JudgeCall
from eval.readers.malformed import whole_characters


def addressed(call: JudgeCall, model: str, takes: Capabilities, extra: Mapping[str, Any]) -> Request:
    """Return a call as a request for a model of a server with these capabilities."""
    asked = request_of(call, takes, extra)
    return Request(
        key=address(asked),
        body=body_of(asked, model, takes),
        max_tokens=asked.get("max_tokens"),
        asked=asked,
        is_raw=call.form == "upstream",
        task=f"{call.task}/{call.form}",
    )


def key_of(call: JudgeCall, takes: Capabilities, extra: Mapping[str, Any]) -> str:
    """Return the key of the reply to a call by any model of a server with these capabilities."""
    return address(request_of(call, takes, extra))


def request_of(call: JudgeCall, takes: Capabilities, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a request that the reply depends on, in one form for all servers; its hash is the key."""
    system, user = whole_characters(call.system), whole_characters(call.user)
    messages = [{"role": "system", "content": system}] if system and takes.system else []
    user = f"{system}\n\n{user}" if system and not takes.system else user
    asked: dict[str, Any] = {"messages": [*messages, {"role": "user", "content": user}], "attempt": call.attempt}
    if call.judging:  # absent in the first, whose keys are those of earlier versions
        asked["judging"] = call.judging
    if call.temperature is not None and takes.temperature:
        asked["temperature"] = call.temperature
    if call.max_tokens is not None and takes.reply_bound != "none":
        asked["max_tokens"] = call.max_tokens + takes.reasoning_tokens
    if call.schema is not None and takes.structured == "json_schema":
        schema = {"name": call.task, "strict": True, "schema": dict(call.schema)}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif call.schema is not None and takes.structured == "json_object":
        asked["response_format"] = {"type": "json_object"}
    return {**asked, "extra": dict(extra)} if extra else asked
