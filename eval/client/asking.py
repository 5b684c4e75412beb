"""Send many requests at once, with bounds on attempts, waits and total time, so that it always ends.

A request that meets a temporary fault is sent again, after the wait that the server asked for or one that doubles each
time. A refused key or an exhausted quota ends everything at once; so do ten calls in a row that were given up. Calls
that were not sent then state the reason, and a later run asks them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eval.client.budget import Budget
from eval.client.outcomes import FINAL, RequestKind, RequestOutcome
from eval.client.requests import Request
from eval.client.throttle import Signal, Throttle

GIVE_UP_AFTER = 10
"""Number of calls given up in a row, with none answered between, after which nothing more is asked."""
_FORBIDDEN = 5
"""The same, where the last one was forbidden: it is the key, then, and not what was asked."""
GRACE_S = 10.0
"""Seconds to wait for requests under way when the run is interrupted."""
_LOOK_S = 0.1
"""Seconds between checks whether a request may be sent."""
_SIGNALS: Mapping[RequestKind, Signal] = {
    "replied": "answered", "refused": "answered", "filtered": "answered", "rate_limited": "too_many",
    "timed_out": "too_many", "overloaded": "fault", "rejected": "fault", "fatal": "fault",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Bounds on the number of attempts and the time of a call."""

    tries: int = 6
    """Maximum number of requests for one call that meets temporary faults."""
    timeouts: int = 3
    """Maximum number of requests for one call that time out."""
    deadline_s: float = 600.0
    """Maximum seconds from the first request for a call to the last, rate limits included."""
    first_wait_s: float = 0.5
    """Seconds to wait before the second request; the wait then doubles up to 30 s."""

    def wait_s(self, n_sent: int, outcome: RequestOutcome) -> float:
        """Return the seconds to wait before the next request: the server's value, or a doubling wait with jitter."""
        if outcome.retry_after_s is not None:
            return outcome.retry_after_s + random.uniform(0, 0.1)  # noqa: S311 - spreads requests, hides nothing
        doubled = min(30.0, self.first_wait_s * 2.0 ** (n_sent - 1))
        return doubled * random.uniform(0.75, 1.25)  # noqa: S311


Send = Callable[[Mapping[str, Any]], Awaitable[RequestOutcome]]
"""Sends a body once and returns the outcome, as `eval.client.http.Wire` does."""


@dataclass(slots=True)
class Asker:
    """Send requests through one connection pool, and remember over several rounds the load that the server accepts."""

    throttle: Throttle
    budget: Budget = field(default_factory=Budget)
    patience: RetryPolicy = field(default_factory=RetryPolicy)
    stopped: str | None = None
    """The reason why nothing more is asked; None while requests are still sent."""
    most_timed_out: int = GIVE_UP_AFTER
    """Number of calls given up in a row after which nothing more is asked, where the last one timed out."""
    is_admitted: bool = False
    """Whether the server was seen to answer with this key: what it then forbids is a request of its own."""
    _given_up: int = 0

    async def ask(
        self, send: Send, requests: Iterable[Request], done: Callable[[list[tuple[Request, RequestOutcome]]], None]
    ) -> None:
        """Send every request, and pass outcomes to `done` as they arrive, in bundles of those that ended together.

        `requests` may be lazy. `done` may set `stopped` to prevent further requests. An exception from `done`
        ends the asking and is raised here.
        """
        ended: list[tuple[Request, RequestOutcome]] = []
        raised: list[Exception] = []

        def hand_over() -> None:
            try:
                done(ended.copy())
            except Exception as error:  # noqa: BLE001 - raised below, once what is under way has ended
                self.stopped = self.stopped or f"not asked, since a reply could not be kept: {error}"
                raised.append(error)
            ended.clear()  # but not where the user's second Ctrl-C came in between: then it is handed over again

        async def work(waiting: Iterator[Request]) -> None:
            for request in waiting:
                outcome = await self._one(send, request)
                if not ended:
                    # Outcomes that arrive while others are being read are stored with them, in one transaction.
                    asyncio.get_running_loop().call_soon(hand_over)
                ended.append((request, outcome))

        waiting = iter(requests)
        workers = [asyncio.create_task(work(waiting)) for _ in range(int(self.throttle.most))]
        try:
            # Unlike gather, this leaves the tasks running when it is cancelled itself.
            await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError:
            await self._wind_up()
            raise
        finally:
            raised += await _end(workers)
            if ended:
                hand_over()
            if raised:
                raise raised[0]

    async def _wind_up(self) -> None:
        """Wait briefly for requests under way when the user stops the run, since they are already paid for."""
        self.stopped = "not asked, since the run was interrupted"
        until = time.monotonic() + GRACE_S
        while self.throttle.in_flight and time.monotonic() < until:
            await asyncio.sleep(0.05)

    async def _one(self, send: Send, request: Request) -> RequestOutcome:
        begun: float | None = None
        n_sent = n_timeouts = 0
        worst_case_cost = self.budget.worst_case_cost(request.most_input, request.max_tokens)
        while True:
            refusal = await self._place(worst_case_cost)
            if refusal is not None:
                return RequestOutcome(kind="fatal", detail=refusal, retries=max(0, n_sent - 1))
            sent_at = time.monotonic()
            begun = sent_at if begun is None else begun
            outcome = RequestOutcome(kind="timed_out", detail="broken off", may_be_billed=True)
            try:
                outcome = await send(request.body)
            finally:
                # A wait longer than this call's remaining time must not hold back the others.
                told = outcome.retry_after_s or 0.0
                held = told if told <= self.patience.deadline_s else 0.0
                self.throttle.release(sent_at, _SIGNALS[outcome.kind], held)
                self.budget.settle(worst_case_cost, outcome.usage, may_be_billed=outcome.may_be_billed)
            if outcome.is_forbidden and self.is_admitted:
                outcome = replace(outcome, kind="rejected")
            n_sent += 1
            n_timeouts += outcome.kind == "timed_out"
            wait = self.patience.wait_s(n_sent, outcome)
            if self._is_last(outcome, n_sent, n_timeouts, time.monotonic() + wait - begun):
                return replace(outcome, retries=n_sent - 1)
            await self._rest(wait)

    async def _rest(self, wait_s: float) -> None:
        """Wait before a request is sent again, or until nothing more is asked."""
        until = time.monotonic() + wait_s
        while self.stopped is None and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _LOOK_S))

    async def _place(self, worst_case_cost: float) -> str | None:
        """Wait until a request may be sent; return the reason if it may not, else None."""
        while True:
            if self.stopped is not None:
                return self.stopped
            if held := self.throttle.held_s:
                await asyncio.sleep(min(held, _LOOK_S))
                continue
            await self.throttle.acquire()
            if self.stopped is None:
                room = self.budget.reserve(worst_case_cost)
                if room == "go":
                    return None
                if room == "stop":
                    self.stopped = f"not asked, since max_cost={self.budget.most:g} leaves no room for another call"
            self.throttle.release(0.0, "fault")
            if self.stopped is None:
                await asyncio.sleep(_LOOK_S)

    def _is_last(self, outcome: RequestOutcome, n_sent: int, n_timeouts: int, elapsed_s: float) -> bool:
        """Whether a call ends with this outcome; if it failed, record the consequence for other calls."""
        if outcome.kind in FINAL:
            self._given_up = 0
            return True
        if outcome.kind == "fatal":
            self.stopped = self.stopped or f"not asked, since the server said: {outcome.detail}"
            return True
        patience = self.patience
        tries_left = outcome.kind == "rate_limited" or n_sent < patience.tries
        out_of_time = n_timeouts >= patience.timeouts or elapsed_s > patience.deadline_s
        if outcome.kind == "rejected" or not tries_left or out_of_time:
            self._given_up += 1
            most = self.most_timed_out if outcome.kind == "timed_out" else GIVE_UP_AFTER
            if self._given_up >= (_FORBIDDEN if outcome.is_forbidden else most):
                self.stopped = self.stopped or (
                    f"not asked, since {self._given_up} calls in a row had failed, the last one with: {outcome.detail}"
                )
            return True
        return self.stopped is not None


async def _end(workers: Sequence[asyncio.Task[None]]) -> list[Exception]:
    """Cancel the workers that have not ended, and return the exceptions that were raised."""
    for worker in workers:
        worker.cancel()
    ended = await asyncio.gather(*workers, return_exceptions=True)
    return [error for error in ended if isinstance(error, Exception)]
