"""Requests and file formats of OpenAI's files and batches API, with every fault bounded."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import httpx2
from openai import APIStatusError, AsyncAzureOpenAI

from eval.client.asking import RetryPolicy
from eval.client.http import FAILURES, from_error
from eval.client.outcomes import RequestKind, RequestOutcome, from_body, from_status, one_line
from eval.client.redaction import Redaction
from eval.client.requests import Request
from eval.network import client_options

MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000
"""Maximum size of one batch; OpenAI takes 50,000 requests and 200 MB."""
_GROWTH, _LONGEST = 1.5, 6.0
"""Growth of the time between polls of a batch, and its maximum as a multiple of the first one."""
_CALL_S, _FILE_S = 120.0, 3600.0
"""Maximum seconds for one request, and for one that carries a file."""
_MOST_LINE = 8 << 20
"""Maximum bytes of a line that are read."""
_LOOKS, _PAGES = 3, 50
"""Maximum searches for a batch of unknown id, since a list may lag behind, and maximum pages of each search."""
_MARK = "tarsier-eval"
"""Key in a batch's metadata that holds the intent's name."""
_ENDED = ("completed", "failed", "expired", "cancelled")
PASSING: frozenset[RequestKind] = frozenset({"rate_limited", "overloaded", "timed_out"})
"""Kinds of faults after which a request is sent again."""

_T = TypeVar("_T")


class FaultError(Exception):
    """A request to the server that failed."""

    def __init__(self, outcome: RequestOutcome, *, is_gone: bool = False) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome
        self.is_gone = is_gone
        """Whether the server does not have the requested object."""


class BatchApi:
    """The requests that batches need. Each is retried for a bounded time, and then raises FaultError."""

    def __init__(self, client: Any, patience: RetryPolicy, poll_s: float, until: float) -> None:
        self._client = client
        self.redact = Redaction(client.api_key if isinstance(client.api_key, str) else "")
        self._files, self._batches = client.files.with_raw_response, client.batches.with_raw_response
        self.patience, self.poll_s, self.until = patience, poll_s, until
        # Azure's paths have no version.
        self.endpoint = "/chat/completions" if isinstance(client, AsyncAzureOpenAI) else "/v1/chat/completions"

    async def upload(self, requests: Iterable[Request]) -> str:
        """Upload a file with these requests, of which a batch can be made, and return its id."""
        file = ("judge.jsonl", b"".join(line_of(request, self.endpoint) for request in requests), "application/jsonl")
        about = await self._retried(lambda: _object(self._files.create(file=file, purpose="batch"), "id"), _FILE_S)
        name = _text(about, "id")
        while about.get("status") in ("pending", "running"):  # Azure reads a file through before it can be used
            if time.monotonic() > self.until:
                raise FaultError(RequestOutcome(kind="timed_out", detail="the file was not read through in time"))
            await asyncio.sleep(self.poll_s)
            about = await self._retried(lambda: _object(self._files.retrieve(name), "status"))
        return name

    async def create(self, file: str, mark: str) -> str:
        """Create a batch with that mark, and return its id."""
        settings = {"input_file_id": file, "endpoint": self.endpoint, "completion_window": "24h"}

        async def made() -> str:
            return _text(await _object(self._batches.create(**settings, metadata={_MARK: mark}), "id"), "id")

        # A lost reply does not mean that the batch was not created.
        return await self._retried(made, instead=lambda: self.find(mark))

    async def find(self, mark: str) -> str | None:
        """Return the id of the batch with that mark, or None where there is none."""
        for n in range(_LOOKS):
            await asyncio.sleep(self.poll_s if n else 0)
            after: dict[str, str] = {}
            for _ in range(_PAGES):
                page = await self._retried(partial(self._page, after))
                data = page.get("data")
                batches = [batch for batch in data if isinstance(batch, dict)] if isinstance(data, list) else []
                for batch in batches:
                    if isinstance(batch.get("metadata"), dict) and batch["metadata"].get(_MARK) == mark:
                        return _text(batch, "id")
                if not page.get("has_more") or not batches:
                    break
                after = {"after": _text(batches[-1], "id")}
        return None

    async def ended(self, name: str, say: Callable[[str], None]) -> dict[str, Any]:
        """Wait until a batch has ended, and return it; `say` receives a message for each status."""
        pause, status = self.poll_s, ""
        while True:
            batch = await self._retried(lambda: _object(self._batches.retrieve(name), "status"))
            if batch["status"] != status:
                status = batch["status"]
                say(f"Batch {name}: {one_line(self.redact(status))}.")
            if status in _ENDED:
                return batch
            left = self.until - time.monotonic()
            if left <= 0:
                raise FaultError(RequestOutcome(kind="timed_out", detail="the batch was not done in time"))
            await asyncio.sleep(min(pause, left))
            pause = min(_GROWTH * pause, _LONGEST * self.poll_s)

    async def download(self, file: object, take: Callable[[bytes], None]) -> None:
        """Pass each line of a file to `take`; after a fault the lines start again from the first."""
        name = _text({"file": file}, "file")
        await self._retried(lambda: self._stream(name, take), _FILE_S, may_come=True)

    async def _page(self, after: Mapping[str, str]) -> dict[str, Any]:
        return await _object(self._batches.list(limit=100, **after))

    async def _stream(self, file: str, take: Callable[[bytes], None]) -> None:
        headers, options = {"accept-encoding": "identity"}, client_options(str(self._client.base_url))
        # The client's own pool bounds a reply by the needs of one call.
        async with (
            httpx2.AsyncClient(**options, timeout=self._client.timeout, headers=headers) as http,
            self._client.copy(http_client=http).files.with_streaming_response.content(file) as response,
        ):
            rest = b""
            async for part in response.iter_bytes():
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    take(line)
                if len(rest) > _MOST_LINE:
                    detail = f"a line is longer than {_MOST_LINE >> 20} MiB"
                    raise FaultError(RequestOutcome(kind="rejected", detail=detail))
            take(rest)

    async def _retried(
        self,
        ask: Callable[[], Awaitable[_T]],
        timeout_s: float = _CALL_S,
        *,
        may_come: bool = False,
        instead: Callable[[], Awaitable[_T | None]] | None = None,
    ) -> _T:
        """Retry until there is a reply, or something `instead`; with `may_come`, wait for a missing object too."""
        until = min(self.until, time.monotonic() + self.patience.deadline_s)
        n_sent = 0
        while True:
            answer = await self._tried(ask(), timeout_s)
            if not isinstance(answer, FaultError):
                return answer
            n_sent += 1
            wait = self.patience.wait_s(n_sent, answer.outcome)
            passes = answer.outcome.kind in PASSING or (may_come and answer.is_gone)
            if not passes or time.monotonic() + wait > until:
                raise answer
            await asyncio.sleep(wait)
            if instead is not None and answer.outcome.kind != "rate_limited" and (found := await instead()) is not None:
                return found

    async def _tried(self, asked: Awaitable[_T], timeout_s: float) -> _T | FaultError:
        try:
            return await asyncio.wait_for(asked, timeout_s)
        except FaultError as fault:
            return fault
        except FAILURES as error:
            is_gone = isinstance(error, APIStatusError) and error.status_code in (404, 410)
            return FaultError(from_error(error, timeout_s, self.redact), is_gone=is_gone)


def chunks_of(requests: Iterable[Request], endpoint: str) -> Iterator[list[Request]]:
    """Split requests into parts that one batch accepts."""
    chunk: list[Request] = []
    n_bytes = 0
    for request in requests:
        size = len(line_of(request, endpoint))
        if chunk and (len(chunk) >= MOST_REQUESTS or n_bytes + size > MOST_BYTES):
            yield chunk
            chunk, n_bytes = [], 0
        chunk.append(request)
        n_bytes += size
    if chunk:
        yield chunk


def line_of(request: Request, endpoint: str) -> bytes:
    """Return the line of a batch's file for a request."""
    line = {"custom_id": request.key, "method": "POST", "url": endpoint, "body": dict(request.body)}
    return json.dumps(line).encode() + b"\n"


def outcome_of(line: Mapping[str, Any]) -> RequestOutcome | None:
    """Return the outcome of a line's request, or None if it was not asked because the batch ended first."""
    response, error = line.get("response"), line.get("error")
    if isinstance(response, dict):
        status = response.get("status_code")
        if isinstance(status, int) and not 200 <= status < 300:
            return from_status(status, {}, response.get("body"))
        return from_body(json.dumps(response.get("body")))
    said = error if isinstance(error, dict) else {}
    code = str(said.get("code") or "")
    if code in ("batch_expired", "batch_cancelled"):
        return None
    return RequestOutcome(
        kind="overloaded", detail=one_line(f"the batch has no reply to it: {code} {said.get('message') or ''}")
    )


def first_error(batch: Mapping[str, Any]) -> str:
    """Return the server's reason for refusing a batch, in one line."""
    errors = batch.get("errors")
    data = errors.get("data") if isinstance(errors, dict) else None
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    line = f" (line {first['line']})" if first.get("line") else ""
    return one_line(f"the server refused the batch: {first.get('code') or ''}: {first.get('message') or ''}{line}")


def loaded(content: bytes) -> dict[str, Any] | None:
    """Return the JSON object in some bytes, or None where there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


async def _object(asked: Awaitable[Any], *texts: str) -> dict[str, Any]:
    """Return the JSON object in a reply, in which these fields must be texts."""
    found = loaded((await asked).http_response.content)
    if found is None:
        raise FaultError(RequestOutcome(kind="overloaded", detail="the answer is not a JSON object"))
    for name in texts:
        _text(found, name)
    return found


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise FaultError(RequestOutcome(kind="overloaded", detail=f"the answer has no {name}"))
    return value
