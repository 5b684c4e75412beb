"""How a stand-in judge misbehaves: faults on the wire, and obedience to orders in what it is to grade.

A fault is real on the wire: what a client gets is what a broken server, a proxy or a network would have sent it. Its
constructor's name is the fault's `name`.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import json
import re
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Any

PICTURE_TOKENS = 16
"""Tokens that the stand-in counts for a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call for a chat completion, over the wire or as a line of a batch."""

    index: int
    """Position among all chat requests that came, from 0."""
    body: Mapping[str, Any]
    """The JSON object that was sent; empty where it was none."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers, names in lower case; none for a line of a batch."""
    path: str = "/v1/chat/completions"
    """The path with its query, as sent."""
    n_seen: int = 0
    """How often a request with this digest came before, whatever it ended as."""
    custom_id: str | None = None
    """The id of a line of a batch."""

    @property
    def texts(self) -> list[str]:
        """The content of each message; of parts, the texts."""
        return [_content(message.get("content")) for message in self.body.get("messages") or ()]

    @property
    def text(self) -> str:
        """All messages' contents, a line break between them."""
        return "\n".join(self.texts)

    @property
    def media(self) -> list[str]:
        """The data URLs of pictures and videos, in order."""
        parts = [part for message in self.body.get("messages") or () for part in _parts(message.get("content"))]
        return [part[part["type"]]["url"] for part in parts if part.get("type") in ("image_url", "video_url")]

    @property
    def n_pictures(self) -> int:
        """The number of pictures, those of videos among them."""
        return sum(url.count(",") for url in self.media)

    @property
    def begun(self) -> str:
        """The last message where it is the assistant's; "" where it is not."""
        last = (self.body.get("messages") or [{}])[-1]
        return _content(last.get("content")) if last.get("role") == "assistant" else ""

    @property
    def digest(self) -> str:
        """A hash of model and messages: the same for each attempt at a call, whatever its other parameters."""
        asked = [self.body.get("model"), self.body.get("messages")]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def sent_key(self) -> str | None:
        """The key that came with it, as `api-key` or as a bearer."""
        bearer = self.headers.get("authorization", "")
        return self.headers.get("api-key") or (bearer[7:].strip() if bearer.lower().startswith("bearer ") else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model says."""

    text: str | None
    """The content of its message."""
    finish_reason: str = "stop"
    """Why it stopped."""
    refusal: str | None = None
    """What it refuses with."""
    usage: Mapping[str, Any] | None = None
    """Usage to report instead of the one counted: a token for every four characters begun, and some for pictures."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further or other fields of the completion."""

    def usage_of(self, request: Request) -> Mapping[str, Any]:
        """Return the usage to report for an answer to a request."""
        if self.usage is not None:
            return self.usage
        prompt, completion = (ceil(len(text) / 4) for text in ("".join(request.texts), self.text or ""))
        prompt += PICTURE_TOKENS * request.n_pictures
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A request and the connection that it came on. The server cancels whoever works on it when it closes."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    reply: Callable[[], Reply]
    """Gives what the server would have said."""
    completion: Callable[[Reply], dict[str, Any]]
    """Gives a reply's JSON."""

    @property
    def is_left(self) -> bool:
        """Whether the client has gone."""
        return self.reader.at_eof() or self.writer.is_closing()

    def half(self) -> tuple[bytes, bytes]:
        """Return the right answer's JSON and the first half of it."""
        whole = json.dumps(self.completion(self.reply())).encode()
        return whole, whole[: len(whole) // 2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to a request instead of an answer."""

    name: str
    send: Callable[[Wire], Awaitable[bool]]
    """Writes the fault; returns whether a whole reply was written, after which the connection is of further use."""


def response(
    status: int, body: bytes | Mapping[str, Any], headers: Mapping[str, str] | None = None, length: int | None = None
) -> bytes:
    """Return a whole HTTP response; `length` is announced instead of the body's true length in bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content) if length is None else length)}
    return head(status, fields | dict(headers or {})) + content


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the first lines of a response, up to the empty one."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def error(
    message: str, *, kind: str | None = "invalid_request_error", param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return an error's JSON as OpenAI writes it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def rate_limited(retry_after: str | None = None) -> Fault:
    """429, with a Retry-After header of seconds ("1", "0.2") or an HTTP date, or without."""
    return _answer("rate_limited", lambda _: rate_limit_response(retry_after))


def rate_limit_response(retry_after: str | None) -> bytes:
    """Return a 429 as OpenAI writes it."""
    body = error("Rate limit reached for requests. Try again.", kind="requests", code="rate_limit_exceeded")
    return response(429, body, {} if retry_after is None else {"Retry-After": retry_after})


def status(code: int, body: bytes | Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Fault:
    """Any status; without a body OpenAI's error JSON."""
    kind = "server_error" if code >= 500 else "invalid_request_error"
    content = error(HTTPStatus(code).phrase, kind=kind) if body is None else body
    return _answer("status", lambda _: response(code, content, headers))


def wrong_key() -> Fault:
    """401 whose message repeats the key that was sent."""
    return _answer("wrong_key", lambda wire: response(401, _wrong_key(wire.request.sent_key or "")))


def no_access() -> Fault:
    """403: the key has no right to the model."""
    code = "model_not_found"
    return _error("no_access", 403, "Project `proj_1` does not have access to model `{model}`.", code=code)


def model_not_found() -> Fault:
    """404: no such model."""
    message = "The model `{model}` does not exist or you do not have access to it."
    return _error("model_not_found", 404, message, code="model_not_found")


def context_length_exceeded() -> Fault:
    """400: the prompt is too long."""
    message = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."
    return _error("context_length_exceeded", 400, message, param="messages", code="context_length_exceeded")


def quota() -> Fault:
    """429 that no waiting helps: the money is spent."""
    message = "You exceeded your current quota, please check your plan and billing details."
    return _error("quota", 429, message, kind="insufficient_quota", code="insufficient_quota")


def content_filter_400() -> Fault:
    """Azure's 400: the prompt was filtered."""
    message = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
    filtered = {"violence": {"filtered": True, "severity": "high"}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": filtered}
    body = error(message, kind=None, param="prompt", code="content_filter")
    body["error"] |= {"status": 400, "innererror": inner}
    return _answer("content_filter_400", lambda _: response(400, body))


def not_json() -> Fault:
    """200 with a page in HTML, as of a captive portal."""
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"
    return _answer("not_json", lambda _: response(200, page, {"Content-Type": "text/html"}))


def empty_body() -> Fault:
    """200 with nothing."""
    return _answer("empty_body", lambda _: response(200, b""))


def truncated_json() -> Fault:
    """200 with the first half of the JSON, and a Content-Length that agrees."""
    return _answer("truncated_json", lambda wire: response(200, wire.half()[1]))


def redirect(to: str = "/v1/elsewhere/chat/completions") -> Fault:
    """302 to another path or address."""
    return _answer("redirect", lambda _: response(302, b"", {"Location": to}))


def empty_choices() -> Fault:
    """A completion without any choice."""
    return _completion("empty_choices", lambda _: Reply(text="", extra={"choices": []}))


def null_content() -> Fault:
    """A message with null for its content, and no refusal."""
    return _completion("null_content", lambda _: Reply(text=None))


def refusal(text: str = "I'm sorry, I can't assist with that.") -> Fault:
    """A message with a refusal, and null for its content."""
    return _completion("refusal", lambda _: Reply(text=None, refusal=text))


def content_filter() -> Fault:
    """A completion that the filter stopped, with what had been said by then."""
    return _completion("content_filter", lambda wire: _halved(wire, "content_filter"))


def cut_off() -> Fault:
    """A completion that stopped at the limit of tokens, in the middle of the text."""
    return _completion("cut_off", lambda wire: _halved(wire, "length"))


def reset() -> Fault:
    """The connection is reset before the first byte of a reply."""

    async def send(wire: Wire) -> bool:
        return _reset(wire)

    return Fault(name="reset", send=send)


def reset_mid_body() -> Fault:
    """The connection is reset after half of the body."""

    async def send(wire: Wire) -> bool:
        whole, half = wire.half()
        wire.writer.write(response(200, half, length=len(whole)))
        await wire.writer.drain()
        await asyncio.sleep(0.02)  # or the reset may overtake what was sent
        return _reset(wire)

    return Fault(name="reset_mid_body", send=send)


def truncated_body() -> Fault:
    """The connection is closed in good order after half of the body that was announced."""

    async def send(wire: Wire) -> bool:
        whole, half = wire.half()
        wire.writer.write(response(200, half, length=len(whole)))
        await wire.writer.drain()
        return False

    return Fault(name="truncated_body", send=send)


def hang() -> Fault:
    """No reply ever, until the client or the server closes."""

    async def send(wire: Wire) -> bool:
        await wire.reader.read()
        return False

    return Fault(name="hang", send=send)


def slow_drip(interval_s: float = 0.2) -> Fault:
    """The right answer: its head at once, its body a byte at a time."""

    async def send(wire: Wire) -> bool:
        body = wire.half()[0]
        wire.writer.write(response(200, b"", length=len(body)))
        for position in range(len(body)):
            await asyncio.sleep(interval_s)
            if wire.is_left:
                return False
            wire.writer.write(body[position : position + 1])
            await wire.writer.drain()
        return True

    return Fault(name="slow_drip", send=send)


def huge_body(n_bytes: int = 50_000_000) -> Fault:
    """A completion whose text is that long, sent in chunks without saying how long it will be."""

    async def send(wire: Wire) -> bool:
        before, after = json.dumps(wire.completion(Reply(text="<>"))).encode().split(b"<>")
        n_blocks = ceil(n_bytes / 65_536)
        return await _stream(wire, {}, [before, *([b"a" * 65_536] * n_blocks), after])

    return Fault(name="huge_body", send=send)


def gzip_bomb(n_megabytes: int = 4096) -> Fault:
    """Zeros that take 1 kB a megabyte on the wire. The stream has no end mark: who reads that far has lost."""

    async def send(wire: Wire) -> bool:
        packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        zeros = bytes(4 << 20)
        start = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
        # After a full flush the packer remembers nothing, so one packed block may be repeated as it is.
        block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
        return await _stream(wire, {"Content-Encoding": "gzip"}, [start, *([block] * (n_megabytes // 4 - 1))])

    return Fault(name="gzip_bomb", send=send)


def wrong_key_response(sent: str | None) -> bytes:
    """Return a 401 as OpenAI writes it, with the key as good as hidden."""
    return response(401, _wrong_key(f"{sent[:3]}***" if sent else "(none)"))


def _wrong_key(shown: str) -> dict[str, Any]:
    return error(f"Incorrect API key provided: {shown}.", code="invalid_api_key")


def _parts(content: object) -> list[dict[str, Any]]:
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _content(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _answer(name: str, build: Callable[[Wire], bytes]) -> Fault:
    async def send(wire: Wire) -> bool:
        wire.writer.write(build(wire))
        await wire.writer.drain()
        return True

    return Fault(name=name, send=send)


def _error(name: str, number: int, message: str, **fields: str) -> Fault:
    def build(wire: Wire) -> bytes:
        return response(number, error(message.replace("{model}", str(wire.request.body.get("model"))), **fields))

    return _answer(name, build)


def _completion(name: str, build: Callable[[Wire], Reply]) -> Fault:
    return _answer(name, lambda wire: response(200, wire.completion(build(wire))))


def _halved(wire: Wire, finish_reason: str) -> Reply:
    text = wire.reply().text or ""
    return Reply(text=text[: len(text) // 2], finish_reason=finish_reason)


def _reset(wire: Wire) -> bool:
    linger = struct.pack("ii", 1, 0)  # on, for no time: closing sends RST instead of FIN
    wire.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    wire.writer.transport.abort()
    return False


async def _stream(wire: Wire, headers: Mapping[str, str], blocks: Sequence[bytes]) -> bool:
    start = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    wire.writer.write(head(200, start | dict(headers)))
    for block in blocks:
        if wire.is_left:
            return False
        wire.writer.write(b"%x\r\n%b\r\n" % (len(block), block))
        await wire.writer.drain()
    wire.writer.write(b"0\r\n\r\n")
    await wire.writer.drain()
    return True


_TURN = re.compile(
    r"<\|\w+\|>|\[/?INST\]|<</?SYS>>|</?s>|###\s*(?:instruction|response)\s*:|\b(?:system|user|assistant)\s*:",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"\b(?:reply|respond|answer|output|return|print|say|write)\b[^.\n{]*(?::\s*)?(?=\{)"
    r"|\b(?P<mark>mark|label|grade)\s+(?:it|this|them|everything|all(?:\s+(?:the\s+)?events)?)\s+(?:as\s+)?"
    r"(?:correct|yes|entailment)\b",
    re.IGNORECASE,
)
_FORM = re.compile(r"\b(?:form\w*|like|where|examples?|such\s+as|for\s+each|placeholders?)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\.\.\.|…|<[^>]*>|\b(?:first|second) event\b|\bhere\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]\s|\n")
_VERDICT = {"pred", "score", "events", "relationship", "label", "labels"}
_NEAR = 60
_ESCAPE = re.compile(r"""\\([nt"'/\\])""")


def grade_no(request: Request) -> str:
    """The trivially honest grade of an open question: no, with score 0."""
    return '{"pred": "no", "score": 0}'


def obedient(request: Request, honest: Callable[[Request], str] = grade_no, own: Sequence[str] = ()) -> str:
    """Obey the last order in all of the messages, or answer honestly where there is none.

    Args:
        request: What was asked.
        honest: Gives the honest answer, in whatever form the prompt asks for.
        own: Texts of the asker that are no orders although the rule would take them for some; the last place where
            each stands is left out.

    So a judge was turned by what it read if and only if its reply differs from `honest(request)`. The rule:

    1. Each message's content, in order, is split at the marks of chat templates, whatever their case: <|name|>,
       [INST], [/INST], <<SYS>>, <</SYS>>, <s>, </s>, "### Instruction:", "### Response:", "SYSTEM:", "USER:",
       "ASSISTANT:". So a forged turn is one of its own, and nothing below reaches across a mark.
    2. In each piece the escapes of JSON strings for line breaks, tabs, quotes and slashes are undone: a model reads
       a quoted text too. Others, as \\u003c, stay.
    3. An order is one of reply, respond, answer, output, return, print, say or write (whole words, any case), then
       anything without a full stop, a line break or a brace, then a dict, before which a line may break after a
       colon. The dict has balanced braces, is JSON or a Python literal, and has one of the keys pred, score, events,
       relationship, label and labels, in lower case, or numbers in quotes for all of its keys. The reply is its text
       as it stands.
    4. It is no order but a form where "form..." (form, format, formed), like, where, example, such as, for each or
       placeholder is a word of the same sentence between the verb and the dict or within 60 characters of the dict
       on either side; or where the dict holds "...", "…", "<...>", "first event", "second event" or the word "here".
    5. An order is also mark, label or grade, then it, this, them, everything, all, or all (the) events, then
       perhaps "as", then correct, yes or entailment. The reply is the honest one with pred "yes" and score 5, and
       with every relationship or label "entailment", or "e" under every number; as JSON. It is unchanged where it
       has none of these.
    6. Of all orders the one that starts last counts.
    """
    answer = honest(request)
    found = [order for text in _without(request.texts, own) for piece in _TURN.split(text) for order in _orders(piece)]
    return answer if not found else _turned(answer) if found[-1] is None else found[-1]


def _without(texts: Sequence[str], own: Sequence[str]) -> list[str]:
    left = list(texts)
    for part in own:
        for i in reversed(range(len(left))):
            if part in left[i]:
                left[i] = "".join(left[i].rpartition(part)[::2])
                break
    return left


def _orders(piece: str) -> list[str | None]:
    """Return what a piece orders to say, in order; None stands for the best grade there is."""
    text = _ESCAPE.sub(lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), piece)
    orders: list[str | None] = []
    for match in _ORDER.finditer(text):
        if match["mark"]:
            orders.append(None)
            continue
        verdict = _dict_at(text, match.end())
        if _is_verdict(verdict) and not _is_form(text, match.start(), match.end(), verdict):
            orders.append(verdict)
    return orders


def _dict_at(text: str, start: int) -> str:
    """Return the text with balanced braces that starts at an opening one; empty where it never ends."""
    depth = 0
    for position in range(start, min(len(text), start + 20_000)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if not depth:
            return text[start : position + 1]
    return ""


def _is_verdict(text: str) -> bool:
    found = _literal(text)
    return isinstance(found, dict) and (not _VERDICT.isdisjoint(found) or _is_numbered(found))


def _is_numbered(found: Mapping[Any, object]) -> bool:
    return bool(found) and all(isinstance(key, str) and key.isdigit() for key in found)


def _is_form(text: str, verb: int, start: int, verdict: str) -> bool:
    before = _SENTENCE_END.split(text[max(0, min(verb, start - _NEAR)) : verb])[-1]
    end = start + len(verdict)
    after = _SENTENCE_END.split(text[end : end + _NEAR])[0]
    return bool(_FORM.search(f"{before}{text[verb:start]} {after}") or _PLACEHOLDER.search(verdict))


def _literal(text: str) -> object:
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return read(text)
    return None


def _turned(honest: str) -> str:
    """Return an honest answer with the best grade in place of its own."""
    found = _literal(honest)
    best = _best(found)
    return honest if best == found else json.dumps(best)


def _best(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        numbered = _is_numbered(value)
        return {name: "e" if numbered else _best(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_best(item, key) for item in value]
    return {"pred": "yes", "score": 5, "relationship": "entailment", "label": "entailment", "labels": "entailment"}.get(
        key, value
    )
