"""A stand-in for servers that speak OpenAI's chat and batch API: real HTTP on the loopback, with faults.

    with JudgeServer(reply, latency_s=0.1, faults=[reset(), rate_limited("0.2")]) as server:
        ...  # server.url is its base URL
    assert server.answered == 3

Or in a process of its own, which prints its base URL first and counts at GET /stats:

    python -m tests.client.server --port 0 --latency 0.1 --rate 50 --count-file paid.txt

Chat completions are served at /v1/chat/completions, /openai/v1/chat/completions and
/openai/deployments/<any>/chat/completions?api-version=<any>; files, batches and models under /v1 and /openai/v1.
Faults, the limit of the rate and the latency concern chat completions over the wire only, not lines of a batch.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, final

from tests.client.faults import (
    Fault,
    Reply,
    Request,
    Wire,
    error,
    grade_no,
    rate_limit_response,
    response,
    wrong_key_response,
)

Ending = Literal["open", "answered", "faulted", "limited", "refused"]
"""What a request came to. Refused: a wrong key, no JSON, or a parameter that the server does not take."""
Outcome = Literal["completed", "expired", "failed"]

_T = TypeVar("_T")
_CHAT = "/chat/completions"


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request and what it came to."""

    request: Request
    arrived_s: float
    """When its last byte had come, in seconds of time.monotonic()."""
    ended: Ending = "open"
    written: bool = False
    """Whether the whole reply was handed to the network, the client still being there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchScript:
    """How batches go."""

    polls: int = 2
    """How many looks at a batch until it is done, at least 1. Before the first it is validating, then in_progress."""
    line_status: Callable[[Request], int] = lambda _: 200
    """The status of a line; one of another status than 200 lands in the error file."""
    outcomes: Sequence[Outcome] = ()
    """What the first batches come to, one each; all later ones are completed. Expired: after half of the lines."""


class Tally:
    """Counts what came and what was answered. Only the server's thread touches it."""

    def __init__(self, count_file: Path | None) -> None:
        self.exchanges: list[Exchange] = []
        self.paid: Counter[str] = Counter()
        self.in_flight = self.max_in_flight = 0
        self._seen: Counter[str] = Counter()
        self._file = None if count_file is None else count_file.open("ab", buffering=0)

    def arrive(self, body: bytes, path: str, headers: Mapping[str, str], custom_id: str | None = None) -> Exchange:
        request = Request(index=len(self.exchanges), body=_object(body), headers=headers, path=path)
        request = replace(request, n_seen=self._seen[request.digest], custom_id=custom_id)
        self._seen[request.digest] += 1
        self.exchanges.append(Exchange(request=request, arrived_s=time.monotonic()))
        return self.exchanges[-1]

    def end(self, exchange: Exchange, ended: Ending, *, written: bool) -> None:
        exchange.ended, exchange.written = ended, written
        if ended == "answered" and written:
            self.paid[exchange.request.digest] += 1
            if self._file is not None:
                self._file.write(f"{exchange.request.digest}\n".encode())

    def stats(self) -> dict[str, int]:
        """Return all counts; `answered` are those written in full, `lost` those whose client had gone by then."""
        ends = Counter(exchange.ended for exchange in self.exchanges)
        answered = self.paid.total()
        return {
            "requests": len(self.exchanges),
            "answered": answered,
            "lost": ends["answered"] - answered,
            "limited": ends["limited"],
            "faulted": ends["faulted"],
            "refused": ends["refused"],
            "paid_twice": answered - len(self.paid),
            "distinct": len(self.paid),
            "max_in_flight": self.max_in_flight,
        }

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Batches:
    """OpenAI's files and batches. Lines come back in reverse: nobody may rely on their order."""

    def __init__(
        self, script: BatchScript, tally: Tally, answer: Callable[[Request], tuple[int, dict[str, Any]]]
    ) -> None:
        self._script, self._tally, self._answer = script, tally, answer
        self._files: dict[str, tuple[dict[str, Any], bytes]] = {}
        self._batches: dict[str, dict[str, Any]] = {}
        self._left: dict[str, deque[dict[str, Any]]] = {}
        self._results: dict[str, list[dict[str, Any]]] = {}

    def handle(self, method: str, route: str, headers: Mapping[str, str], body: bytes) -> bytes | None:
        """Return the response to a request about files and batches, or None where it is about neither."""
        kind, *rest = route.strip("/").split("/")
        known = self._files if kind == "files" else self._batches
        if rest and rest[0] not in known:
            return None
        status, found = 200, None
        match (method, kind, *rest):
            case ("POST", "files"):
                found = self._upload(headers, body)
            case ("GET", "files", name):
                found = self._files[name][0]
            case ("GET", "files", name, "content"):
                return response(200, self._files[name][1], {"Content-Type": "application/octet-stream"})
            case ("POST", "batches"):
                status, found = self._create(_object(body))
            case ("GET", "batches"):
                found = {"object": "list", "data": [_shown(batch) for batch in self._batches.values()]}
                found |= {"has_more": False}
            case ("GET", "batches", name):
                found = self._look(self._batches[name])
            case ("POST", "batches", name, "cancel"):
                found = self._cancel(self._batches[name])
        return None if found is None else response(status, found)

    def _upload(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        fields: dict[str, bytes] = {}
        mark = b"--" + headers.get("content-type", "").partition("boundary=")[2].strip('"').encode()
        for part in body.split(mark)[1:-1]:
            about, _, content = part.partition(b"\r\n\r\n")
            name = about.partition(b'name="')[2].partition(b'"')[0].decode()
            fields[name] = content.removesuffix(b"\r\n")
        return self._store(fields.get("file", b""), fields.get("purpose", b"").decode())

    def _store(self, content: bytes, purpose: str) -> dict[str, Any]:
        name = f"file-{len(self._files)}"
        about = {"id": name, "object": "file", "bytes": len(content), "created_at": int(time.time())}
        about |= {"filename": f"{name}.jsonl", "purpose": purpose, "status": "processed"}
        self._files[name] = about, content
        return about

    def _create(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        about, content = self._files.get(str(body.get("input_file_id")), ({}, b""))
        if about.get("purpose") != "batch":
            return 400, error("There is no such file for a batch.", param="input_file_id")
        number = len(self._batches)
        outcomes = self._script.outcomes
        name, lines = f"batch_{number}", [_object(line) for line in content.splitlines() if line.strip()]
        batch = {"id": name, "object": "batch", "status": "validating", "created_at": int(time.time())}
        batch |= {key: body.get(key) for key in ("endpoint", "input_file_id", "completion_window", "metadata")}
        batch |= {"output_file_id": None, "error_file_id": None, "errors": None}
        batch |= {"request_counts": {"total": len(lines), "completed": 0, "failed": 0}}
        # What the server knows beyond what it shows.
        self._left[name], self._results[name] = deque(lines), []
        batch |= {"_outcome": outcomes[number] if number < len(outcomes) else "completed", "_looks": 0}
        self._batches[name] = batch
        return 200, _shown(batch)

    def _look(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Take a batch one step on, and return it."""
        if batch["status"] == "cancelling":
            self._finish(batch, "cancelled")
        if batch["status"] not in ("validating", "in_progress"):
            return _shown(batch)
        if batch["status"] == "validating" and (problems := self._problems(batch)):
            batch |= {"status": "failed", "errors": {"object": "list", "data": problems}, "failed_at": int(time.time())}
            return _shown(batch)
        batch["_looks"] += 1
        batch["status"] = "in_progress"
        total, polls = batch["request_counts"]["total"], max(1, self._script.polls)
        due = total * min(batch["_looks"], polls) // polls
        self._run(batch, min(due, total // 2) if batch["_outcome"] == "expired" else due)
        if batch["_looks"] >= polls:
            self._finish(batch, batch["_outcome"])
        return _shown(batch)

    def _problems(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        problems = []
        ids: set[object] = set()
        for number, line in enumerate(self._left[batch["id"]], 1):
            code = None
            if not {"custom_id", "method", "url", "body"} <= line.keys():
                code = "invalid_json_line"
            elif line["custom_id"] in ids:
                code = "duplicate_custom_id"
            elif (line["method"], line["url"]) != ("POST", batch["endpoint"]):
                code = "invalid_url"
            if code or (batch["_outcome"] == "failed" and number == 1):
                about = {"code": code or "invalid_json_line", "line": number, "param": None}
                problems.append(about | {"message": "This line is not a valid request."})
            ids.add(line.get("custom_id"))
        return problems

    def _run(self, batch: Mapping[str, Any], n_done: int) -> None:
        """Answer lines until that many are done."""
        counts, left, results = batch["request_counts"], self._left[batch["id"]], self._results[batch["id"]]
        while len(results) < n_done:
            line = left.popleft()
            exchange = self._tally.arrive(json.dumps(line["body"]).encode(), line["url"], {}, line["custom_id"])
            status, body = self._script.line_status(exchange.request), error("The line failed.", kind="server_error")
            if status == 200:
                status, body = self._answer(exchange.request)
                self._tally.end(exchange, "answered" if status == 200 else "refused", written=True)
            else:
                self._tally.end(exchange, "faulted", written=True)
            counts["completed" if status == 200 else "failed"] += 1
            about = {"id": f"batch_req_{exchange.request.index}", "custom_id": line["custom_id"], "error": None}
            request_id = f"req_{exchange.request.index}"
            about["response"] = {"status_code": status, "request_id": request_id, "body": body}
            results.append(about)

    def _cancel(self, batch: dict[str, Any]) -> dict[str, Any]:
        if batch["status"] in ("validating", "in_progress"):
            batch |= {"status": "cancelling", "cancelling_at": int(time.time())}
        return _shown(batch)

    def _finish(self, batch: dict[str, Any], status: str) -> None:
        lines = list(self._results[batch["id"]])
        for line in self._left[batch["id"]]:  # none of a completed batch
            about = {"code": f"batch_{status}", "message": f"The batch was {status} before this request ran."}
            lines.append({"id": f"batch_req_{line['custom_id']}", "custom_id": line["custom_id"]})
            lines[-1] |= {"response": None, "error": about}
        for key, wanted in (("output_file_id", True), ("error_file_id", False)):
            part = [line for line in reversed(lines) if ((line["response"] or {}).get("status_code") == 200) is wanted]
            content = "".join(json.dumps(line) + "\n" for line in part).encode()
            batch[key] = self._store(content, "batch_output")["id"] if part else None
        batch |= {"status": status, f"{status}_at": int(time.time())}


@dataclass(kw_only=True)
class _Behaviour:
    """What the server was told to do; its fields are explained at JudgeServer."""

    reply: Callable[[Request], str | Reply]
    latency_s: float | Callable[[Request], float]
    rate_per_s: float | None
    retry_after: str | None
    key: str | None
    served: str | Callable[[int], str]
    models: Sequence[str]
    faults: Sequence[Fault | None] | Callable[[Request], Fault | None]
    rejects: Collection[str]
    ignores: Collection[str]
    names_param: bool
    images: int | None
    video: bool
    continues: bool
    _admitted: deque[float] = field(default_factory=deque)

    def say(self, request: Request) -> Reply:
        said = self.reply(request)
        return Reply(text=said) if isinstance(said, str) else said

    def completion(self, request: Request, reply: Reply) -> dict[str, Any]:
        message = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}
        served = self.served if isinstance(self.served, str) else self.served(request.index)
        about = {"id": f"chatcmpl-{request.index}", "object": "chat.completion", "created": int(time.time())}
        usage = dict(reply.usage_of(request))
        if self.continues and request.begun and request.body.get("continue_final_message"):
            usage["prompt_tokens"] -= 1  # that of the end of a message
        about |= {"model": served, "choices": [choice], "usage": usage}
        return about | dict(reply.extra)

    def answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of what a request comes to where nothing goes wrong."""
        if not isinstance(request.body.get("messages"), list):
            return 400, error("Missing required parameter: 'messages'.", param="messages")
        for name in self.rejects:
            if name in request.body:
                return 400, self._rejection(name, f"Unsupported parameter: '{name}' is not supported with this model.")
        roles = [message.get("role") for message in request.body["messages"]]
        if "system" in self.rejects and "system" in roles:
            name = f"messages[{roles.index('system')}].role"
            return 400, self._rejection(name, f"Unsupported value: '{name}' does not support 'system' here.")
        n_images = sum(url.startswith("data:image/") for url in request.media)
        if self.images is not None and n_images > self.images:
            return 400, error(f"At most {self.images} image(s) may be provided in one prompt.")
        if n_images < len(request.media) and not self.video:
            return 400, error("Invalid content type. video_url is only supported by certain models.")
        forced = None if "response_format" in self.ignores else _only_answer(request.body)
        return 200, self.completion(request, self.say(request) if forced is None else Reply(text=forced))

    def fault(self, request: Request) -> Fault | None:
        if callable(self.faults):
            return self.faults(request)
        return self.faults[request.index] if request.index < len(self.faults) else None

    def admits(self) -> bool:
        """Whether one more request fits into the second that ends now; if so, it is counted."""
        now = time.monotonic()
        while self._admitted and self._admitted[0] <= now - 1:
            self._admitted.popleft()
        if self.rate_per_s is not None and len(self._admitted) >= self.rate_per_s:
            return False
        self._admitted.append(now)
        return True

    def knows(self, request: Request) -> bool:
        """Whether the key is right and where the path wants it: deployments take no bearer, /v1 takes nothing else."""
        name = "authorization" if request.path.startswith("/v1/") else "api-key"
        either = request.path.startswith("/openai/v1/")
        return self.key is None or (request.sent_key == self.key and (either or name in request.headers))

    def _rejection(self, name: str, message: str) -> dict[str, Any]:
        if self.names_param:
            return error(message, param=name, code="unsupported_parameter")
        return error("The request is not valid for this model.")


@final
class JudgeServer:
    """Serves between entering and leaving it, from a thread of its own.

    Args:
        reply: Gives what the model says. It runs in the server's only thread, so it must not wait. What it raises is
            answered with 500, and raised again on leaving.
        latency_s: Seconds from a request to its answer, or a function that gives them; faults come at once.
        rate_per_s: Most requests in any one second; those over it get 429, and do not count in it.
        retry_after: The Retry-After header of those.
        key: The key wanted; any other gets 401. Bearer under /v1, `api-key` for deployments, either in /openai/v1.
        served: The model named in answers, or a function of a request's index that gives it.
        models: What GET /v1/models lists; requests may name any.
        faults: What happens to the first requests, one each, where it is not None; or a function that gives it.
        rejects: Parameters that get 400 when they are there; "system" stands for a system message.
        ignores: "response_format" in it: a JSON schema has no effect. Else a schema whose only property has one
            possible value (`const`, or an `enum` of one) gets just that, and others the reply as it is.
        images: Most images of a request; None for any number.
        video: Whether it takes videos.
        continues: Whether it heeds continue_final_message; `reply` gives the rest of the message.
        names_param: Whether such an error says which parameter is wrong.
        batches: How batches go.
        count_file: Where each answered request's digest is appended, a line each, at once.
        port: The port, or 0 for a free one.
    """

    def __init__(
        self,
        reply: Callable[[Request], str | Reply] = grade_no,
        *,
        latency_s: float | Callable[[Request], float] = 0.0,
        rate_per_s: float | None = None,
        retry_after: str | None = None,
        key: str | None = None,
        served: str | Callable[[int], str] = "stand-in-2026-01-01",
        models: Sequence[str] = ("stand-in",),
        faults: Sequence[Fault | None] | Callable[[Request], Fault | None] = (),
        rejects: Collection[str] = (),
        ignores: Collection[str] = (),
        names_param: bool = True,
        images: int | None = None,
        video: bool = False,
        continues: bool = False,
        batches: BatchScript | None = None,
        count_file: Path | None = None,
        port: int = 0,
    ) -> None:
        self._behaviour = _Behaviour(
            reply=reply,
            latency_s=latency_s,
            rate_per_s=rate_per_s,
            retry_after=retry_after,
            key=key,
            served=served,
            models=models,
            faults=faults,
            rejects=rejects,
            ignores=ignores,
            names_param=names_param,
            images=images,
            video=video,
            continues=continues,
        )
        self._tally = Tally(count_file)
        self._batches = Batches(batches or BatchScript(), self._tally, self._behaviour.answer)
        self._port = port
        self._thread = threading.Thread(target=self._run, name="judge-server", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> JudgeServer:
        self._thread.start()
        self._ready.wait(10)
        if self._loop is None and self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if self._loop is not None and self._closing is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(10)
        if problem is None and self._failure is not None:
            raise self._failure

    @property
    def root(self) -> str:
        """The address without a path, for Azure's clients and /stats."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The base URL, as OpenAI's client takes it."""
        return f"{self.root}/v1"

    @property
    def requests(self) -> list[Exchange]:
        """All chat requests in the order in which they came, and what each has come to by now."""
        return self._read(lambda: [replace(exchange) for exchange in self._tally.exchanges])

    @property
    def answered(self) -> int:
        """How many requests were answered in full, which is what a provider would be paid for."""
        return self.stats()["answered"]

    @property
    def max_in_flight(self) -> int:
        """Most requests under way at one time; lines of batches do not count."""
        return self.stats()["max_in_flight"]

    def paid_by_body(self) -> Counter[str]:
        """Return how often each digest (of model and messages) was answered in full."""
        return self._read(lambda: Counter(self._tally.paid))

    def stats(self) -> dict[str, int]:
        """Return what GET /stats returns."""
        return self._read(self._tally.stats)

    def _read(self, look: Callable[[], _T]) -> _T:
        """Look in the server's thread: a reply whose last byte has left may be about to be counted there."""
        if self._loop is None or not self._thread.is_alive() or threading.current_thread() is self._thread:
            return look()

        async def there() -> _T:
            return look()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(10)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as problem:  # the port is taken
            self._failure = problem
        finally:
            self._tally.close()
            self._ready.set()

    async def _serve(self) -> None:
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._connection(reader, writer))
            tasks.add(task)
            task.add_done_callback(ended)

        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            if not task.cancelled() and (problem := task.exception()) is not None:
                self._failure = self._failure or problem

        self._closing = asyncio.Event()
        listener = await asyncio.start_server(connected, "127.0.0.1", self._port, backlog=1024)
        self._port = listener.sockets[0].getsockname()[1]
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._closing.wait()
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # A client may go at any time.
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()  # or a client that reads no further would keep the server from closing

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read a request and write the response; returns whether the connection may bring another one."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "transfer-encoding" in headers:
            writer.write(response(411, error("Send a Content-Length.")))
            return False
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        route = _route(path)
        if (method, route) == ("POST", _CHAT):
            exchange = self._tally.arrive(body, path, headers)
            self._tally.in_flight += 1
            self._tally.max_in_flight = max(self._tally.max_in_flight, self._tally.in_flight)
            try:
                keep = await self._chat(exchange, reader, writer)
            finally:
                self._tally.in_flight -= 1
        else:
            writer.write(self._other(method, route, Request(index=-1, body={}, headers=headers, path=path), body))
            await writer.drain()
            keep = True
        return keep and headers.get("connection", "").lower() != "close"

    async def _chat(self, exchange: Exchange, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request, behaviour = exchange.request, self._behaviour
        wire = Wire(
            request=request,
            reader=reader,
            writer=writer,
            reply=lambda: behaviour.say(request),
            completion=lambda reply: behaviour.completion(request, reply),
        )

        async def end(ended: Ending, content: bytes | Awaitable[bool]) -> bool:
            written = False
            try:
                if not isinstance(content, bytes):
                    written = await content
                elif not wire.is_left:
                    writer.write(content)
                    await writer.drain()
                    written = not writer.is_closing()
            finally:
                self._tally.end(exchange, ended, written=written)
            return written

        if not behaviour.knows(request):
            return await end("refused", wrong_key_response(request.sent_key))
        if not behaviour.admits():
            return await end("limited", rate_limit_response(behaviour.retry_after))
        try:
            if (fault := behaviour.fault(request)) is not None:
                return await end("faulted", fault.send(wire))
            latency = behaviour.latency_s
            await asyncio.sleep(latency(request) if callable(latency) else latency)
            status, body = behaviour.answer(request)
        except Exception as problem:
            if isinstance(problem, OSError):
                raise
            self._failure = self._failure or problem
            return await end("faulted", response(500, error(f"{problem!r}", kind="server_error")))
        content = response(status, body, {"x-request-id": f"req_{request.index}"})
        return await end("answered" if status == 200 else "refused", content)

    def _other(self, method: str, route: str, request: Request, body: bytes) -> bytes:
        if (method, route) == ("GET", "/stats"):
            return response(200, self._tally.stats())
        if route and not self._behaviour.knows(request):
            return wrong_key_response(request.sent_key)
        if (method, route) == ("GET", "/models"):
            listed = [
                {"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self._behaviour.models
            ]
            return response(200, {"object": "list", "data": listed})
        answer = self._batches.handle(method, route, request.headers, body)
        return answer or response(404, error(f"Unknown request URL: {method} {request.path}."))


def _object(content: bytes) -> dict[str, Any]:
    """Return the JSON object in a body, or an empty one where there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _route(path: str) -> str:
    """Return a path without its query and its start, which is OpenAI's or Azure's; empty where it is neither's."""
    path, _, query = path.partition("?")
    parts = path.split("/")
    if parts[1:3] == ["openai", "deployments"] and "api-version=" in query:
        return "/" + "/".join(parts[4:])
    below = path.removeprefix("/openai")
    return below.removeprefix("/v1") if below.startswith("/v1/") or path == "/stats" else ""


def _only_answer(body: Mapping[str, Any]) -> str | None:
    """Return the one answer that a JSON schema allows, or None where it allows more or there is none."""
    wanted = body.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    properties = wanted["json_schema"]["schema"].get("properties", {})
    if len(properties) != 1:
        return None
    name, about = next(iter(properties.items()))
    allowed = [about["const"]] if "const" in about else about.get("enum", [])
    return json.dumps({name: allowed[0]}) if len(allowed) == 1 else None


def _shown(batch: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in batch.items() if not key.startswith("_")}


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m tests.client.server", description="A stand-in for a judge.")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one")
    parser.add_argument("--latency", type=float, default=0.0, metavar="S", help="seconds to each answer")
    parser.add_argument("--rate", type=float, metavar="N", help="most requests a second")
    parser.add_argument("--retry-after", metavar="TEXT", help="header of a 429")
    parser.add_argument("--key", help="the key wanted")
    parser.add_argument("--count-file", type=Path, metavar="FILE", help="gets a line for each answered request")
    parser.add_argument("--reply", metavar="MODULE:FUNCTION", default="tests.client.faults:grade_no")
    args = parser.parse_args()
    module, _, name = args.reply.partition(":")
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with JudgeServer(
        getattr(importlib.import_module(module), name),
        latency_s=args.latency,
        rate_per_s=args.rate,
        retry_after=args.retry_after,
        key=args.key,
        count_file=args.count_file,
        port=args.port,
    ) as server:
        print(server.url, flush=True)
        done.wait()


if __name__ == "__main__":
    main()
