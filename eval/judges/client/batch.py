"""Puts calls through OpenAI's Batch API: half the price, within a day, and found again by the next run.

A kill at any moment must not have calls paid for twice, so each step is on disk before the next one is taken:

    the file is uploaded        costs nothing; a file without a batch is never asked
    the store has the intent    the keys, under a name that no other batch has
    the batch is created        with that name in its metadata
    the store has its id        in place of the name
    the replies are kept        some hundreds at a time
    the batch is marked as read

A run that finds an intent looks for its name among the server's batches. One that finds a batch waits for it, and asks
nothing of what is in it.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import httpx2
from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncAzureOpenAI, OpenAIError

from eval.judges.client.asking import Answered, Asker, Patience, Request
from eval.judges.client.outcomes import Kind, Outcome, from_body, from_status, one_line
from eval.judges.verdicts import VerdictStore

POLL_S, DEADLINE_S = 10.0, 26 * 3600.0
MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000
"""What goes into one batch; OpenAI takes 50,000 requests and 200 MB."""
_GROWTH, _LONGEST = 1.5, 6.0
"""Growth of the time between two looks at a batch, and how many times the first one it becomes."""
_CALL_S, _FILE_S = 120.0, 3600.0
"""Seconds for one request, and for one that carries a file."""
_MOST_LINE = 8 << 20
"""Most bytes of a line that are read."""
_BUNDLE = 500
"""Replies that are kept in one transaction."""
_LOOKS, _PAGES = 3, 50
"""How often a batch is looked for whose id is not known, since a list may lag behind, and in how many pages."""
_READS = 3
"""How often the replies of a batch are fetched where some are missing: what was fetched may have been cut short."""
_MARK = "tarsier-eval"
"""Under which name a batch's metadata hold the intent's."""
_INTENT = "intent-"
_ENDED = ("completed", "failed", "expired", "cancelled")
_PASSING: frozenset[Kind] = frozenset({"rate_limited", "overloaded", "timed_out"})
_AGAIN = "the same command asks it again"

_T = TypeVar("_T")
Keep = Callable[[Sequence[tuple[Request, Answered]]], None]
"""Stores what has ended."""


def _silent(_: str) -> None:
    pass


async def ask_in_batches(
    client: Any,
    requests: Sequence[Request],
    store: VerdictStore,
    judge: str,
    asker: Asker,
    keep: Keep,
    say: Callable[[str], None] = _silent,
    poll_s: float = POLL_S,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Put every request through the Batch API, and hand over how each has ended, once.

    What a batch of an earlier run holds is taken from there. Where the money allows only some of the others, the first
    of them are asked. A fault that no waiting helps sets `asker.stopped`. A batch that could not be waited for or read
    stays in the store, and the next run takes it up.

    Args:
        client: An `AsyncOpenAI` or `AsyncAzureOpenAI` that retries nothing.
        requests: What to ask, with distinct keys.
        store: Where batches are remembered.
        judge: Whose batches they are.
        asker: Its budget, patience and reason to stop are used and set.
        keep: Is told what has ended; what it raises ends everything and is raised here.
        say: Is told in a sentence what happens.
        poll_s: Seconds between the first looks at a batch; they grow to six times as many.
        deadline_s: Seconds for everything.
    """
    if not requests:
        return
    api = _Api(client, asker.patience, poll_s, time.monotonic() + deadline_s)
    run = _Run(api, store, judge, asker, keep, say)
    await run.ask(requests)


class _FaultError(Exception):
    """A request to the server that came to nothing."""

    def __init__(self, kind: Kind, detail: str, *, retry_after_s: float | None = None, is_gone: bool = False) -> None:
        super().__init__(detail)
        self.outcome = Outcome(kind=kind, detail=detail, retry_after_s=retry_after_s)
        self.is_gone = is_gone
        """Whether the server has no such thing."""


class _Api:
    """The requests that batches need. Each is tried for a bounded time, and raises _FaultError after that."""

    def __init__(self, client: Any, patience: Patience, poll_s: float, until: float) -> None:
        self._client = client
        self._files, self._batches = client.files.with_raw_response, client.batches.with_raw_response
        self.patience, self.poll_s, self.until = patience, poll_s, until
        # Azure's paths have no version.
        self.endpoint = "/chat/completions" if isinstance(client, AsyncAzureOpenAI) else "/v1/chat/completions"

    def redact(self, text: str) -> str:
        """Return text from outside without the key, which some servers repeat."""
        key = self._client.api_key
        return text.replace(key, "[key]") if isinstance(key, str) and len(key) > 4 else text

    async def upload(self, content: bytes) -> str:
        """Return the id of a file that a batch can be made of."""
        file = ("judge.jsonl", content, "application/jsonl")
        about = await self._retried(lambda: _object(self._files.create(file=file, purpose="batch"), "id"), _FILE_S)
        name = _text(about, "id")
        while about.get("status") in ("pending", "running"):  # Azure reads a file through before it can be used
            if time.monotonic() > self.until:
                raise _FaultError("timed_out", "the file was not read through in time")
            await asyncio.sleep(self.poll_s)
            about = await self._retried(lambda: _object(self._files.retrieve(name), "status"))
        return name

    async def create(self, file: str, mark: str) -> str:
        """Return the id of a new batch with that mark."""
        settings = {"input_file_id": file, "endpoint": self.endpoint, "completion_window": "24h"}

        async def made() -> str:
            return _text(await _object(self._batches.create(**settings, metadata={_MARK: mark}), "id"), "id")

        # An answer that was lost does not say that there is no batch.
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

    async def look(self, batch: str) -> dict[str, Any]:
        """Return how a batch is."""
        return await self._retried(lambda: _object(self._batches.retrieve(batch), "status"))

    async def download(self, file: str, take: Callable[[bytes], None]) -> None:
        """Hand over each line of a file; after a fault they come again from the first."""
        await self._retried(lambda: self._stream(file, take), _FILE_S, may_come=True)

    async def _page(self, after: Mapping[str, str]) -> dict[str, Any]:
        return await _object(self._batches.list(limit=100, **after))

    async def _stream(self, file: str, take: Callable[[bytes], None]) -> None:
        # The client's own pool bounds a reply by what one call can need.
        async with (
            httpx2.AsyncClient(timeout=self._client.timeout, headers={"accept-encoding": "identity"}) as http,
            self._client.copy(http_client=http).files.with_streaming_response.content(file) as response,
        ):
            rest = b""
            async for part in response.iter_bytes():
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    take(line)
                if len(rest) > _MOST_LINE:
                    raise _FaultError("rejected", f"a line is longer than {_MOST_LINE >> 20} MiB")
            take(rest)

    async def _retried(
        self,
        ask: Callable[[], Awaitable[_T]],
        timeout_s: float = _CALL_S,
        *,
        may_come: bool = False,
        instead: Callable[[], Awaitable[_T | None]] | None = None,
    ) -> _T:
        """Ask until there is an answer, or something `instead`; what is not there may yet come, where that is so."""
        until = min(self.until, time.monotonic() + self.patience.deadline_s)
        n_sent = 0
        while True:
            answer = await self._tried(ask(), timeout_s)
            if not isinstance(answer, _FaultError):
                return answer
            n_sent += 1
            wait = self.patience.wait_s(n_sent, answer.outcome)
            passes = answer.outcome.kind in _PASSING or (may_come and answer.is_gone)
            if not passes or time.monotonic() + wait > until:
                raise answer
            await asyncio.sleep(wait)
            if instead is not None and answer.outcome.kind != "rate_limited" and (found := await instead()) is not None:
                return found

    async def _tried(self, asked: Awaitable[_T], timeout_s: float) -> _T | _FaultError:
        try:
            return await asyncio.wait_for(asked, timeout_s)
        except _FaultError as fault:
            return fault
        except APIStatusError as error:
            headers = {key.lower(): value for key, value in error.response.headers.items()}
            said = from_status(error.status_code, headers, error.body)
            gone = error.status_code in (404, 410)
            return _FaultError(said.kind, self.redact(said.detail), retry_after_s=said.retry_after_s, is_gone=gone)
        except (TimeoutError, asyncio.TimeoutError, APITimeoutError):
            return _FaultError("timed_out", f"no whole answer within {timeout_s:g} s")
        except (OpenAIError, httpx2.HTTPError) as error:
            # Its text may hold the request's headers, and with them the key.
            cause = error.__cause__ if isinstance(error, APIConnectionError) and error.__cause__ else error
            return _FaultError("overloaded", f"no answer ({type(cause).__name__})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Handed:
    """A batch that the server has, or may have."""

    id: str
    """Its id, or the name of the intent."""
    keys: Sequence[str]
    """All that is in it."""
    mine: Mapping[str, Request]
    """The requests that it is read for."""


class _Run:
    """Waits for the batches that there are and for new ones, all at the same time."""

    def __init__(
        self, api: _Api, store: VerdictStore, judge: str, asker: Asker, keep: Keep, say: Callable[[str], None]
    ) -> None:
        self._api, self._store, self._judge, self._asker, self._say = api, store, judge, asker, say
        self._keep = keep
        self._reserved: dict[str, float] = {}
        """What each open request may cost."""
        self._uploading = asyncio.Lock()

    async def ask(self, requests: Sequence[Request]) -> None:
        """Bring every request to its end."""
        if self._asker.stopped is not None:
            self._refuse(requests, self._asker.stopped)
            return
        earlier, new = await self._earlier(requests)
        chunks = _chunks(self._affordable(new), self._api.endpoint)
        works = [*(self._finish(handed) for handed in earlier), *(self._hand_over(chunk) for chunk in chunks)]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _earlier(self, requests: Sequence[Request]) -> tuple[list[_Handed], list[Request]]:
        """Return the batches of earlier runs that hold some of the requests, and the requests that are in none."""
        left = {request.key: request for request in requests}
        earlier: list[_Handed] = []
        for name, keys in self._store.open_batches(self._judge).items():
            mine = {key: left[key] for key in keys if key in left}
            if not mine:
                continue
            try:
                batch = await self._resolved(name, keys)
            except _FaultError as fault:
                self._reserve_spent(mine.values())
                self._give_up(mine.values(), fault, f"an earlier run may have handed it over; {_AGAIN}")
            else:
                if batch is None:
                    continue
                self._reserve_spent(mine.values())
                self._say(f"Batch {batch}, which an earlier run handed over, has {len(mine)} of the calls.")
                earlier.append(_Handed(id=batch, keys=keys, mine=mine))
            left = {key: request for key, request in left.items() if key not in mine}
        return earlier, list(left.values())

    async def _resolved(self, name: str, keys: Sequence[str]) -> str | None:
        """Return the id of a batch in the store, or None for an intent that no batch came of."""
        if not name.startswith(_INTENT):
            return name
        batch = await self._api.find(name)
        if batch is None:
            self._store.keep_batch(name, self._judge, keys, "read")
        else:
            self._store.name_batch(name, batch)
        return batch

    def _reserve_spent(self, requests: Iterable[Request]) -> None:
        """Reserve for calls that were handed over before, whatever the cap has to say."""
        budget = self._asker.budget
        for request in requests:
            self._reserved[request.key] = budget.dearest(request.n_bytes, request.max_tokens, batch=True)
            budget.reserved += self._reserved[request.key]

    def _affordable(self, requests: Sequence[Request]) -> Sequence[Request]:
        """Reserve for as many requests as the cap has room for, and return those; the others end here."""
        budget = self._asker.budget
        for n, request in enumerate(requests):
            dearest = budget.dearest(request.n_bytes, request.max_tokens, batch=True)
            if budget.reserve(dearest) != "go":
                # To wait for the others' bill would be to wait for their batch.
                self._say(f"max_cost={budget.most:g} has room for {n} of {len(requests)} calls.")
                self._refuse(requests[n:], f"not asked, since max_cost={budget.most:g} leaves no room for another call")
                return requests[:n]
            self._reserved[request.key] = dearest
        return requests

    async def _hand_over(self, requests: Sequence[Request]) -> None:
        """Make a batch of requests and bring it to its end."""
        name, keys = f"{_INTENT}{uuid.uuid4().hex}", [request.key for request in requests]
        may_be_there = False
        try:
            async with self._uploading:  # one file in memory is enough
                if self._asker.stopped is not None:
                    self._refuse(requests, self._asker.stopped)
                    return
                file = await self._api.upload(b"".join(_line(request, self._api.endpoint) for request in requests))
                self._store.keep_batch(name, self._judge, keys, "open")
                may_be_there = True
                batch = await self._api.create(file, name)
                self._store.name_batch(name, batch)
        except _FaultError as fault:
            what = f"it could not be handed over in a batch; {_AGAIN}"
            self._give_up(requests, fault, what, may_be_billed=may_be_there and fault.outcome.kind in _PASSING)
            return
        self._say(
            f"{len(requests)} calls were handed over as batch {batch}, which may take a day. The run may be stopped: "
            "the same command goes on with it."
        )
        await self._finish(_Handed(id=batch, keys=keys, mine={request.key: request for request in requests}))

    async def _finish(self, handed: _Handed) -> None:
        """Wait for a batch, and read it."""
        try:
            batch = await self._wait(handed.id)
            rest = await self._read(handed, batch)
        except _FaultError as fault:
            self._give_up(
                handed.mine.values(),
                fault,
                f"it is in batch {handed.id}, where the same command looks again; judge.batch=false asks without it",
            )
            return
        self._end([(request, rest) for request in handed.mine.values() if request.key in self._reserved])
        # A run with fewer samples leaves the others' replies for one that wants them.
        others = [key for key in handed.keys if key not in handed.mine]
        is_read = not others or batch["status"] == "failed"
        self._store.keep_batch(
            handed.id, self._judge, handed.keys if is_read else others, "read" if is_read else "open"
        )

    async def _wait(self, name: str) -> Mapping[str, Any]:
        pause, status = self._api.poll_s, ""
        while True:
            batch = await self._api.look(name)
            if batch.get("status") != status:
                status = _text(batch, "status")
                self._say(f"Batch {name}: {one_line(status)}.")
            if status in _ENDED:
                return batch
            left = self._api.until - time.monotonic()
            if left <= 0:
                raise _FaultError("timed_out", "the batch was not done in time")
            await asyncio.sleep(min(pause, left))
            pause = min(_GROWTH * pause, _LONGEST * self._api.poll_s)

    async def _read(self, handed: _Handed, batch: Mapping[str, Any]) -> Outcome:
        """Keep the replies of a batch that has ended, and return what those calls came to that have none."""
        status = batch["status"]
        if status == "failed":
            return Outcome(kind="rejected", detail=self._api.redact(_first_error(batch)))
        for n in range(1, _READS + 1):
            try:
                is_whole = await self._take(handed, batch)
            except _FaultError as fault:
                if fault.is_gone:
                    return Outcome(kind="overloaded", detail=f"the batch's replies are no longer there; {_AGAIN}")
                raise
            is_missing = any(key in self._reserved for key in handed.mine)
            if not is_missing or (is_whole and status != "completed"):
                break
            if n < _READS:
                await asyncio.sleep(self._api.patience.wait_s(n, Outcome(kind="overloaded")))
        if status == "completed":
            return Outcome(kind="overloaded", detail=f"the batch has no reply to it; {_AGAIN}", may_be_billed=True)
        ended = "expired" if status == "expired" else "was cancelled"
        return Outcome(kind="overloaded", detail=f"the batch {ended}; the same command asks the rest again")

    async def _take(self, handed: _Handed, batch: Mapping[str, Any]) -> bool:
        """Keep the replies in a batch's files; return whether every line could be read."""
        ended: dict[str, tuple[Request, Outcome]] = {}
        is_whole = True

        def take(line: bytes) -> None:
            nonlocal is_whole
            if not line.strip():
                return
            found = _loaded(line)
            key = None if found is None else found.get("custom_id")
            is_whole = is_whole and found is not None
            # Lines may come twice, and of what this run did not ask for.
            if found is None or not isinstance(key, str) or key not in handed.mine or key not in self._reserved:
                return
            outcome = _outcome(found)
            if outcome is not None and key not in ended:
                ended[key] = handed.mine[key], self._redacted(outcome)
            if len(ended) >= _BUNDLE:
                hand_over()

        def hand_over() -> None:
            bundle = list(ended.values())
            ended.clear()
            self._end(bundle)

        for kind in ("output_file_id", "error_file_id"):
            if batch.get(kind):
                await self._api.download(_text(batch, kind), take)
                hand_over()
        return is_whole

    def _redacted(self, outcome: Outcome) -> Outcome:
        text = None if outcome.text is None else self._api.redact(outcome.text)
        return replace(outcome, text=text, detail=self._api.redact(outcome.detail))

    def _end(self, ended: Sequence[tuple[Request, Outcome]]) -> None:
        """Settle and keep what has ended."""
        for request, outcome in ended:
            dearest = self._reserved.pop(request.key, 0.0)
            self._asker.budget.settle(dearest, outcome.usage, may_be_billed=outcome.may_be_billed, batch=True)
        if ended:
            self._keep([(request, Answered(outcome=outcome, retries=0, batch=True)) for request, outcome in ended])

    def _refuse(self, requests: Sequence[Request], why: str) -> None:
        self._end([(request, Outcome(kind="fatal", detail=why)) for request in requests])

    def _give_up(
        self, requests: Iterable[Request], fault: _FaultError, what: str, *, may_be_billed: bool = True
    ) -> None:
        """End the open ones of some requests with a fault, and everything where it is one for all."""
        said = fault.outcome
        if said.kind == "fatal":
            self._asker.stopped = self._asker.stopped or f"not asked, since the server said: {said.detail}"
        outcome = Outcome(kind=said.kind, detail=f"{said.detail}; {what}", may_be_billed=may_be_billed)
        self._end([(request, outcome) for request in requests if request.key in self._reserved])


def _chunks(requests: Iterable[Request], endpoint: str) -> Iterator[list[Request]]:
    """Return requests in parts that one batch takes."""
    chunk: list[Request] = []
    n_bytes = 0
    for request in requests:
        size = len(_line(request, endpoint))
        if chunk and (len(chunk) >= MOST_REQUESTS or n_bytes + size > MOST_BYTES):
            yield chunk
            chunk, n_bytes = [], 0
        chunk.append(request)
        n_bytes += size
    if chunk:
        yield chunk


def _line(request: Request, endpoint: str) -> bytes:
    line = {"custom_id": request.key, "method": "POST", "url": endpoint, "body": dict(request.body)}
    return json.dumps(line).encode() + b"\n"


def _outcome(line: Mapping[str, Any]) -> Outcome | None:
    """Return what a line's request ended as, or None where it was not asked: what ended the batch ended it."""
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
    return Outcome(
        kind="overloaded", detail=one_line(f"the batch has no reply to it: {code} {said.get('message') or ''}")
    )


def _first_error(batch: Mapping[str, Any]) -> str:
    errors = batch.get("errors")
    data = errors.get("data") if isinstance(errors, dict) else None
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    line = f" (line {first['line']})" if first.get("line") else ""
    return one_line(f"the server refused the batch: {first.get('code') or ''}: {first.get('message') or ''}{line}")


async def _object(asked: Awaitable[Any], *texts: str) -> dict[str, Any]:
    """Return the JSON object that a request is answered with, in which these fields must be texts."""
    found = _loaded((await asked).http_response.content)
    if found is None:
        raise _FaultError("overloaded", "the answer is no JSON object")
    for name in texts:
        _text(found, name)
    return found


def _loaded(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise _FaultError("overloaded", f"the answer has no {name}")
    return value
