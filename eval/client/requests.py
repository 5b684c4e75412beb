"""A request to a server: the parameters that it accepts, the body, and the key of the reply.

Servers differ: newer OpenAI models want `max_completion_tokens` and no temperature, some templates know no system role,
many servers ignore a schema. A server's capabilities are found by asking it (eval/client/probe.py), never
guessed from a model's name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eval.errors import ConfigError
from eval.readers.malformed import printable

THINKING_TOKENS = 8192
"""Extra tokens on top of a reply's bound for a model that reasons before it replies."""
PICTURE_TOKENS = 50_000
"""More tokens than any known model counts for a picture; most count some hundreds."""
Provider = Literal["openai", "azure", "local"]
"""The kind of server: OpenAI's or an exact equivalent; an Azure resource; any other, by its URL."""
ReplyBound = Literal["max_completion_tokens", "max_tokens", "none"]
"""The server's name of the parameter that bounds the reply's tokens."""
BOUNDS: tuple[ReplyBound, ...] = ("max_completion_tokens", "max_tokens", "none")
"""All values of ReplyBound."""
_RESERVED = frozenset({"messages", "model", "n", "stream", "temperature", "max_tokens", "max_completion_tokens",
                       "response_format", "tools"})  # fmt: skip
_SECRET = re.compile(
    r"key(?!word)|secret|passw|passphrase|authori[sz]ation|bearer|credential|token(?!s|iz|_id|_budget)"
)
"""Parts of parameter names that mark secrets; counts (`min_tokens`) and lists (`stop_token_ids`) are exempt."""
_NO_SECRET = frozenset({"prompt_cache_key"})
"""OpenAI's parameters whose names contain such a part but hold no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The parameters that a server accepts, and whether its model reasons before it replies."""

    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    """The strictest way in which it can enforce a reply's form."""
    reply_bound: ReplyBound = "max_completion_tokens"
    """Its name of the parameter that bounds the reply's tokens."""
    temperature: bool = True
    """Whether it accepts a temperature other than the default."""
    system: bool = True
    """Whether it accepts a system message; otherwise that text is put before the user message."""
    thinks: bool | int = False
    """Whether reasoning, which counts as output, precedes replies; or the tokens that a user allows it."""

    @property
    def reasoning_tokens(self) -> int:
        """Tokens on top of a reply's bound."""
        return (THINKING_TOKENS if self.thinks else 0) if isinstance(self.thinks, bool) else self.thinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request in the form for one server."""

    key: str
    """Key of its reply."""
    body: Mapping[str, Any]
    """The HTTP request's body."""
    max_tokens: int | None
    """Upper bound on the reply's tokens, whatever the server names the parameter."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The part of the request that the reply depends on."""
    is_raw: bool = False
    """Whether the reply is kept as it came, with what a template or the model's thinking left in it."""
    task: str = ""
    """Task and form of the call: `entail/native`."""

    @property
    def most_input(self) -> int:
        """Upper bound on its tokens: bytes of the messages and of the schema, which a server may add, and pictures."""
        form = str(self.body.get("response_format", ""))
        return _n_bytes(form) + sum(_most_input(message["content"]) for message in self.body["messages"])


def _n_bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _most_input(content: Any) -> int:
    if not isinstance(content, list):
        return _n_bytes(str(content))
    most = 0
    for part in content:
        kind = part["type"]
        # A video is its frames, with commas between them.
        most += _n_bytes(part["text"]) if kind == "text" else PICTURE_TOKENS * part[kind]["url"].count(",")
    return most


def check_extra(extra: object, group: str = "judge") -> None:
    """Raise ConfigError where further parameters would change the question, or one has a secret's name.

    They become part of results and of the store, which must not contain a key.
    """
    if not isinstance(extra, Mapping):
        raise ConfigError(f"{group}.extra holds no parameters; give them as {group}.extra={{name: value}}.")
    for name in extra:
        if name in _RESERVED:
            remedy = "choose another PROTOCOL, or leave it out" if group == "judge" else "leave it out"
            by = "protocol" if group == "judge" else "program"
            raise ConfigError(f"{group}.extra.{name} is set by the {by}; {remedy}.")
    stack: list[tuple[str, object]] = [(f"{group}.extra", extra)]
    while stack:
        place, one = stack.pop()
        if isinstance(one, Mapping):
            for name, value in one.items():
                if _SECRET.search(str(name).lower()) and name not in _NO_SECRET:
                    raise ConfigError(
                        f"{place}.{printable(str(name)[:60])} would be written into results and the reply store; "
                        f"if it is a key, put it into an environment variable and name that by {group}.key_env."
                    )
                stack.append((f"{place}.{printable(str(name)[:60])}", value))
        elif isinstance(one, list | tuple):
            stack += [(place, each) for each in one]


def body_of(asked: Mapping[str, Any], model: str, takes: Capabilities) -> dict[str, Any]:
    """Return the HTTP request's body for the part that a reply depends on (`Request.asked`)."""
    body = {key: value for key, value in asked.items() if key not in ("attempt", "judging", "max_tokens", "extra")}
    if "max_tokens" in asked:
        body[takes.reply_bound] = asked["max_tokens"]
    return {"model": model, **body, **asked.get("extra", {})}


def address(asked: Mapping[str, Any]) -> str:
    """Return the key of the reply to a request: the SHA-256 of its canonical JSON, in 64 hex digits."""
    canonical = json.dumps(asked, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
