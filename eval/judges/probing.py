"""The request by which a judge's server shows what it takes.

A server may accept a schema and ignore it, so the schema allows only one word, which the messages do not mention: only
a server that enforces the schema replies with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eval.client.probe import Look, Probed, Send, probe
from eval.client.requests import Capabilities
from eval.client.settings import Role
from eval.judges.calls import JudgeCall
from eval.judges.requests import addressed

_WORD = "vermilion"
_CALL = JudgeCall(
    task="extract",
    sample="",
    system="You answer in JSON.",
    user='Greet me with one word as JSON, such as {"greeting": "hello"}.',
    inputs={},
    schema={
        "type": "object",
        "properties": {"probe": {"type": "string", "enum": [_WORD]}},
        "required": ["probe"],
        "additionalProperties": False,
    },
    # Every server accepts 0 except for reasoning models, which refuse every value but 1 and are recognised by that.
    temperature=0.0,
    max_tokens=1024,
)


def probe_of(role: Role, extra: Mapping[str, Any]) -> Look:
    """Return what finds out the capabilities of a judge's server; `extra` are further parameters of each request."""

    async def look(send: Send, model: str, first: Capabilities) -> Probed:
        return await probe(send, first, lambda takes: addressed(_CALL, model, takes, extra), role, _heeded)

    return look


def _heeded(text: str) -> bool:
    try:
        return bool(json.loads(text) == {"probe": _WORD})
    except (ValueError, RecursionError):
        return False
