"""The outcome of one request to a server: nothing from outside raises an exception here."""

from __future__ import annotations

import email.utils
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eval.client.streams import is_stream, joined
from eval.readers.malformed import whole_characters

RequestKind = Literal["replied", "refused", "filtered", "rate_limited", "overloaded", "timed_out", "rejected", "fatal"]
"""`replied`, `refused`, `filtered`: the model's reply, which is final. `rate_limited`: retry, more slowly.
`overloaded`: a temporary fault (5xx, a broken connection, a body that is no reply). `timed_out`: no whole reply in
time, which may have been billed. `rejected`: this request can't be answered. `fatal`: no request can (key, quota)."""

FINAL: frozenset[RequestKind] = frozenset({"replied", "refused", "filtered"})
"""Kinds that end a call with the model's reply."""

_QUOTA = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_not_active",
        "billing_hard_limit_reached",
    }
)
"""Error codes and types for an exhausted quota: waiting does not help, though some come with status 429."""

_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Fields of a message in which servers put a model's thinking."""

A_PAGE = "a web page; check the URL, which often ends in /v1, and whether a proxy or a login answers in its place"
"""What is said of a web page in place of a reply."""

_DETAIL = 300
"""Maximum characters of a server's message that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, as the server counted them."""

    input: int
    """Tokens of the messages, including cached ones."""
    output: int
    """Tokens of the reply, including the model's hidden reasoning."""
    cached: int = 0
    """Tokens of the messages that were read from the server's cache; many providers bill them at a lower price."""
    reasoning: int = 0
    """Tokens of the output that were the model's hidden reasoning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOutcome:
    """The outcome of one request."""

    kind: RequestKind
    """Kind of the outcome, which decides the next step."""
    text: str | None = None
    """The reply, or the text of a refusal."""
    detail: str = ""
    """Error description, in one line."""
    finish_reason: str | None = None
    """Why the model stopped, in the server's words."""
    served: str | None = None
    """The model that answered, as the server named it."""
    fingerprint: str | None = None
    """OpenAI's `system_fingerprint`, where there is one."""
    usage: Usage | None = None
    """Tokens, where the server counted them."""
    retry_after_s: float | None = None
    """Seconds to wait, as the server asks."""
    may_be_billed: bool = False
    """Whether the request may be billed, though its usage is not known."""
    param: str | None = None
    """The parameter that the server named as the reason for a rejection."""
    thinks: bool = False
    """Whether the reply shows that the model reasons before it replies."""
    retries: int = 0
    """Number of requests sent for the call before this one."""
    batch: bool = False
    """Whether the request was part of a batch."""
    is_forbidden: bool = False
    """Whether the server forbade it (HTTP 403): all requests with this key, or this one for its content."""


def from_status(status: int, headers: Mapping[str, str], body: object) -> RequestOutcome:
    """Return the outcome of an HTTP status other than success.

    Args:
        status: The status.
        headers: The reply's headers, keys in lower case.
        body: The `error` object of the reply, all of its JSON, or its text.
    """
    error = body if isinstance(body, dict) else {}
    if isinstance(error.get("error"), dict):
        error = error["error"]
    code, kind_of_error = str(error.get("code") or ""), str(error.get("type") or "")
    said = error.get("message") or error.get("detail") or error.get("error") or (body if isinstance(body, str) else "")
    detail = one_line(f"HTTP {status}" + (f" {code}" if code else "") + (f": {said}" if said else ""))
    param = error.get("param")
    param = param if isinstance(param, str) else None
    if "content_filter" in (code, _inner(error)) or _inner(error) == "ResponsibleAIPolicyViolation":
        return RequestOutcome(kind="filtered", detail=detail)
    # 404: no such model, deployment or path; no other request will find it either.
    if code in _QUOTA or kind_of_error in _QUOTA or status in (401, 402, 403, 404):
        is_forbidden = status == 403 and not {code, kind_of_error} & _QUOTA
        return RequestOutcome(kind="fatal", detail=detail, is_forbidden=is_forbidden)
    if status == 429:
        return RequestOutcome(kind="rate_limited", detail=detail, retry_after_s=retry_after(headers))
    if status >= 500 or status in (408, 409, 425):
        return RequestOutcome(kind="overloaded", detail=detail, retry_after_s=retry_after(headers))
    if 300 <= status < 400:
        return RequestOutcome(kind="fatal", detail=f"{detail}: a redirect, which is not followed; give the final URL")
    return RequestOutcome(kind="rejected", detail=detail, param=param)


def from_body(text: str) -> RequestOutcome:
    """Return the outcome of a reply with a success status: a chat completion, or something else."""
    text = text.removeprefix("\ufeff")
    try:
        found = joined(text) if is_stream(text) else json.loads(text)
    except (ValueError, RecursionError):
        return _broken(f"the reply is not JSON{' but ' + A_PAGE if is_page(text) else f': {text[:80]!r}'}")
    if found is None and is_stream(text):
        detail = f"the server streams its reply, which nobody asked for, and the stream is not whole: {text[:80]!r}"
        return RequestOutcome(kind="rejected", detail=one_line(detail), may_be_billed=True)
    if not isinstance(found, dict):
        return _broken(f"the reply is not a chat completion: {text[:80]!r}")
    if found.get("error"):
        # Some gateways send errors with status 200; their content decides, as with an error status.
        error = found["error"]
        status = error.get("code") if isinstance(error, dict) else None
        return from_status(status if isinstance(status, int) and 300 <= status < 600 else 500, {}, error)
    choice = _first(found.get("choices"))
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return _broken(f"the reply holds no message: {text[:80]!r}")
    return _of_message(found, choice, message)


def is_page(text: str) -> bool:
    """Whether a reply is a web page."""
    return text.lstrip("\ufeff \t\r\n")[:9].lower().startswith(("<!doctype", "<html"))


def _first(choices: object) -> object:
    """Return the choice with the index 0, wherever it stands; where none has one, the one that stands first."""
    listed = choices if isinstance(choices, list) else []
    by_index = {choice.get("index"): choice for choice in reversed(listed) if isinstance(choice, dict)}
    return by_index.get(0) or next(iter(listed), None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, from any of the headers in use; None where it sends none."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after")
    seconds = _number(told)
    if seconds is not None or told is None:
        return seconds
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def one_line(text: str) -> str:
    """Return a server's message as one printable line of bounded length."""
    shown = "".join(character if character.isprintable() else " " for character in text[: 4 * _DETAIL])
    shown = " ".join(shown.split())
    return shown if len(shown) <= _DETAIL else f"{shown[:_DETAIL]}..."


def _broken(detail: str) -> RequestOutcome:
    return RequestOutcome(kind="overloaded", detail=one_line(detail), may_be_billed=True)


def _of_message(found: Mapping[str, Any], choice: Mapping[str, Any], message: Mapping[str, Any]) -> RequestOutcome:
    finish = choice.get("finish_reason")
    content, refusal = _text(message.get("content")), _text(message.get("refusal"))
    kind: RequestKind = "replied"
    detail = ""
    if refusal:
        kind, content, detail = "refused", refusal, "the model refused"
    elif finish == "content_filter":
        kind, content, detail = "filtered", None, "a content filter withheld the reply"
    elif content is None:
        # A reasoning model may spend its whole bound before it writes any text; the reply is empty, and billed.
        content = ""
    usage = _usage(found.get("usage"))
    thought = next((name for name in _THOUGHTS if isinstance(message.get(name), str) and message[name].strip()), None)
    is_empty = kind == "replied" and not (content or "").strip()
    if is_empty and thought is not None and finish != "length":
        # As a server's reasoning parser has it that takes a reply without thinking for one.
        kind, content = "rejected", None
        detail = (
            f"the reply is empty, and its text stands in message.{thought}: turn the server's reasoning parser off, or "
            "the model's thinking on"
        )
    is_marked = content is not None and (content.lstrip().startswith("<think>") or "</think>" in content)
    return RequestOutcome(
        kind=kind,
        text=content,
        detail=detail,
        thinks=bool(thought or is_marked or (usage and usage.reasoning) or (is_empty and finish == "length")),
        finish_reason=_text(finish),
        served=_text(found.get("model")) or None,
        fingerprint=_text(found.get("system_fingerprint")),
        usage=usage,
        may_be_billed=True,
    )


def _text(content: object) -> str | None:
    """Return a message's text, which may come in parts; lone surrogates become question marks."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    return whole_characters(content) if isinstance(content, str) else None


def _usage(found: object) -> Usage | None:
    if not isinstance(found, dict):
        return None
    sent, received = _count(found.get("prompt_tokens")), _count(found.get("completion_tokens"))
    if sent is None or received is None:
        return None
    details = found.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    details = found.get("completion_tokens_details")
    # SGLang counts them beside the others.
    reasoning = _count((details if isinstance(details, dict) else found).get("reasoning_tokens"))
    return Usage(input=sent, output=received, cached=min(cached or 0, sent), reasoning=min(reasoning or 0, received))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _inner(error: Mapping[str, Any]) -> str:
    inner = error.get("innererror")
    return str(inner.get("code") or "") if isinstance(inner, dict) else ""
