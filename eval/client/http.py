"""One request to an OpenAI-compatible server, through the `openai` package: its retries off, its types unused.

The package provides authentication, Azure's paths and the proxy settings of the environment. Its reply is read as raw
bytes, because the package raises a different error for each kind of truncated or foreign body, and because raw reading
halves the CPU time of a call. Redirects are not followed, and bodies are bounded and not unpacked: a reply of a few
kilobytes needs neither.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2
from openai import APIStatusError, APITimeoutError, AsyncAzureOpenAI, AsyncOpenAI, OpenAIError

from eval.client.outcomes import A_PAGE, RequestOutcome, from_body, from_status, is_page, one_line
from eval.client.redaction import Redaction, silence
from eval.client.requests import Provider
from eval.errors import ConfigError
from eval.network import client_options

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_BODY = 8 << 20
"""Maximum bytes of a reply that are read."""
FAILURES = (TimeoutError, asyncio.TimeoutError, OpenAIError, httpx2.HTTPError)
"""Exceptions of a request when the server or the connection has failed."""
_CONNECT_S = 10.0

# At level INFO the HTTP library logs every requested URL, one line per call.
logging.getLogger("httpx2").setLevel(logging.WARNING)
silence()


class Wire:
    """An open connection pool to one server; an async context manager, bound to one event loop.

    Args:
        provider: The kind of server.
        url: Base URL.
        key: The key; "" where the server asks for none.
        api_version: Azure's version of its API.
        timeout_s: Maximum seconds of one request, from the first byte sent to the last one read.
        connections: Maximum number of connections.
    """

    def __init__(
        self, *, provider: Provider, url: str, key: str, api_version: str | None, timeout_s: float, connections: int
    ) -> None:
        self._timeout_s = timeout_s
        self._redact = Redaction(key)
        self._open = partial(_client, provider, url, key, api_version, timeout_s, connections)
        self.client: Any = None
        """The `openai` client, once it is open."""

    async def __aenter__(self) -> Self:
        self.client = self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def send(self, body: Mapping[str, Any]) -> RequestOutcome:
        """Return the outcome of a chat completion request; nothing but a cancellation is raised."""
        text, outcome = await self._text(
            self.client.post("/chat/completions", body=dict(body), cast_to=httpx2.Response)
        )
        return outcome or from_body(text)

    async def models(self) -> tuple[list[str], RequestOutcome | None]:
        """Return the names of the server's models, or the outcome of a failed request. It costs nothing."""
        text, outcome = await self._text(self.client.get("/models", cast_to=httpx2.Response))
        if outcome is not None:
            return [], outcome
        try:
            names = [entry["id"] for entry in json.loads(text)["data"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            said = A_PAGE if is_page(text) else one_line(f"no list of models: {text[:80]!r}")
            return [], RequestOutcome(kind="overloaded", detail=f"it answers with {said}")
        if not all(isinstance(name, str) and name.strip() for name in names):
            detail = "its list of models has one without a name (id); update the server, or name the model"
            return [], RequestOutcome(kind="overloaded", detail=detail)
        return names, None

    async def _text(self, asked: Awaitable[httpx2.Response]) -> tuple[str, RequestOutcome | None]:
        """Return the text of a reply with a success status, or the outcome of a failure; neither holds the key."""
        try:
            # The HTTP library's timeouts are per read; a server that sends byte by byte never exceeds them.
            reply = await asyncio.wait_for(asked, self._timeout_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's end and not the run's
            return "", from_error(error, self._timeout_s, self._redact)
        return self._redact(reply.content.decode(json.detect_encoding(reply.content), "replace")), None


def from_error(error: Exception, timeout_s: float, redact: Redaction) -> RequestOutcome:
    """Return the outcome of a request that raised an exception; `timeout_s` is its time limit."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError | APITimeoutError):
        return RequestOutcome(kind="timed_out", detail=f"no whole reply within {timeout_s:g} s", may_be_billed=True)
    if isinstance(error, APIStatusError):
        headers = {key.lower(): value for key, value in error.response.headers.items()}
        return from_status(error.status_code, headers, redact.json(error.body))
    cause = error.__cause__ or error
    detail = one_line(redact(f"{type(cause).__name__}: {cause}"))
    if isinstance(error, FAILURES):
        never_sent = isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout)
        return RequestOutcome(kind="overloaded", detail=detail, may_be_billed=not never_sent)
    # A text that is not valid Unicode, or an invalid URL: this request's own fault.
    return RequestOutcome(kind="rejected", detail=detail)


def _client(provider: Provider, url: str, key: str, api_version: str | None, timeout_s: float, connections: int) -> Any:
    # A key with a line break would appear in the text of an exception.
    key = key.strip() or "none"
    if not key.isascii() or not key.isprintable():
        raise ConfigError("The server's key holds characters that no key has; check the environment variable.")
    timeout = httpx2.Timeout(timeout_s + 1, connect=_CONNECT_S)
    http = httpx2.AsyncClient(
        **client_options(url),
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        timeout=timeout,
        follow_redirects=False,
        headers={"accept-encoding": "identity"},
        event_hooks={"response": [_bound]},
    )
    given: dict[str, Any] = {"api_key": key, "max_retries": 0, "timeout": timeout, "http_client": http}
    if provider == "azure":
        return AsyncAzureOpenAI(azure_endpoint=url, api_version=api_version, **given)
    return AsyncOpenAI(base_url=url, **given)


async def _bound(response: httpx2.Response) -> None:
    """Bound a reply's body before it is read."""
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", ""):
        raise httpx2.DecodingError(f"the reply is packed as {encoding[:20]!r}, which was not asked for")
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    """A stream that raises an error after MAX_BODY bytes."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for part in self._stream:
            read += len(part)
            if read > MAX_BODY:
                raise httpx2.DecodingError(f"the reply is longer than {MAX_BODY >> 20} MiB")
            yield part

    async def aclose(self) -> None:
        """Close the underlying stream."""
        await self._stream.aclose()
