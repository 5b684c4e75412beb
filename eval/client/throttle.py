"""Limit the number of requests under way to the load that the server accepts, found by trying.

The bound starts at 20, or at 4 for a user's own server, which may process one request at a time. It grows with every
full round of answers, as TCP's window does. When the server reports a rate limit, the bound falls to 0.8 of what it
was, at most once per round trip, then grows quickly to near its former value, and slowly beyond that. Requests are
spread over the round trip: those of one wave would otherwise be answered together and sent again together, and four
waves would fall into a second that has capacity for three and a third. A reply that took several times as long as the
quickest one, and a good part of the time limit, means the same as a rate limit: the server queues requests, and more of
them would only wait there until they time out.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from typing import Literal

Signal = Literal["answered", "too_many", "fault"]
"""A request's sign of the server's load: no objection; a rate limit; a fault, which says nothing about load."""

START, START_LOCAL, LEAST, MOST = 20, 4, 1.0, 100
_SPREAD = 0.9
"""Share of a round trip over which its requests are spread; the rest is leeway, or a place would never have to wait."""
_FIRST_S = 0.2
"""Assumed seconds of a round trip before one is measured."""
_QUEUED = 3.0
"""A reply that takes this many times the quickest reply's time counts as having queued."""
_FALL = 0.8
"""Factor applied to the bound after a rate limit."""
_NEAR = 0.95
"""Share of the bound at the last rate limit up to which the bound grows quickly again."""
_QUICK, _SLOW = 1.0, 0.05
"""Growth of the bound in one round of replies: quick, slow."""
_HOLD_S = 2.0
"""A wait longer than this many seconds concerns the account, not a burst, and holds back every request."""


class Throttle:
    """Counts the requests under way, and makes further ones wait for a place."""

    def __init__(self, most: int = MOST, start: int = START, slow_s: float = 30.0) -> None:
        self.limit = float(min(start, most))
        self.slow_s = slow_s
        self._quickest = math.inf
        self._usual = _FIRST_S  # smoothed time of a reply
        self._next = 0.0
        self.most = float(most)
        self.in_flight = 0
        self._met = float(most)  # the bound at the last rate limit
        self._changed = 0.0
        self._held_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def held_s(self) -> float:
        """Remaining seconds in which nothing is to be sent, as the server asked."""
        return max(0.0, self._held_until - time.monotonic())

    async def acquire(self) -> float:
        """Wait for a place; return the time at which it was taken, in monotonic seconds."""
        while self.in_flight >= int(self.limit):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                place.cancel()
                self._wake()  # the place may have been handed over just before
                raise
        self.in_flight += 1
        now = time.monotonic()
        wait = self._next - now
        self._next = max(now, self._next) + _SPREAD * self._usual / self.limit
        if wait > 0.001:
            await self._pause(wait)
        return time.monotonic()

    def release(self, sent_at: float, signal: Signal, hold_s: float = 0.0) -> None:
        """Free the place of a request, and adapt to its result."""
        full = self.in_flight >= int(self.limit)
        self.in_flight -= 1
        if signal == "answered":
            took = time.monotonic() - sent_at
            self._quickest = min(self._quickest, took)
            self._usual += 0.1 * (took - self._usual)
            signal = "too_many" if took > max(self.slow_s, _QUEUED * self._quickest) else "answered"
        if signal == "too_many":
            self._shrink(sent_at, hold_s)
        elif signal == "answered" and full:
            growth = _QUICK if self.limit < _NEAR * self._met else _SLOW
            self.limit = min(self.most, self.limit + growth / self.limit)
        self._wake()

    def _shrink(self, sent_at: float, hold_s: float) -> None:
        if hold_s > _HOLD_S:
            self._held_until = max(self._held_until, time.monotonic() + hold_s)
        if sent_at < self._changed + min(self._quickest, self._usual):
            return  # it was sent before the new bound took effect, and says nothing about it
        self._changed = time.monotonic()
        self._met = self.limit
        self.limit = max(LEAST, _FALL * self.limit)

    async def _pause(self, wait: float) -> None:
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            self.in_flight -= 1
            self._wake()
            raise

    def _wake(self) -> None:
        free = int(self.limit) - self.in_flight
        while self._waiting and free > 0:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1
