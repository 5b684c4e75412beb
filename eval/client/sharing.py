"""The calls that several runs on one reply store have in common: each is asked by one run, and the others wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from eval.client.claims import BEAT_S, LOOK_S, Claims
from eval.client.requests import Request
from eval.client.store import Identity, ReplyStore, StoredReply

Take = Callable[[Request, list[StoredReply]], bool]
"""Takes the stored replies to a request; returns whether one of them may be used."""


class Sharing:
    """One model's share of the calls. `alone` ignores other runs and stored replies, as a health check does."""

    def __init__(self, store: ReplyStore, judge: Identity, *, alone: bool) -> None:
        self._store, self._judge, self._alone = store, judge, alone
        self._claims = Claims(store)

    def unpaid(self, requests: Sequence[Request], size: int, take: Take, waiting: list[Request]) -> Iterator[Request]:
        """Yield the requests that this run is to ask, claiming `size` at a time when their turn comes.

        Stored replies go to `take`; requests that another run has under way are added to `waiting`.
        """
        if self._alone:
            yield from requests
            return
        for start in range(0, len(requests), size):
            some = requests[start : start + size]
            mine = self._claimed(some)
            # Looked up after claiming: a reply was stored before its claim was given up.
            found = self._store.find([request.key for request in some], self._judge)
            done = {one.key for one in some if one.key in found and take(one, found[one.key])}
            self.release(mine & done)
            waiting += [one for one in some if one.key not in mine | done]
            yield from (one for one in some if one.key in mine - done)

    async def each(
        self,
        requests: Sequence[Request],
        size: int,
        take: Take,
        ask: Callable[[Iterator[Request]], Awaitable[None]],
        wait: Callable[[int], bool],
    ) -> None:
        """Ask every request, or take another run's reply to it.

        When only calls of other runs are left, `wait` is given their number once, and says whether to wait for them.
        """
        is_told = False
        while requests:
            waiting: list[Request] = []
            await ask(self.unpaid(requests, size, take, waiting))
            if waiting and not is_told and not wait(len(waiting)):
                return
            is_told = is_told or bool(waiting)
            requests = waiting
            if requests:
                await asyncio.sleep(LOOK_S)

    async def first(self, requests: Sequence[Request]) -> tuple[Request | None, str | None]:
        """Return the request to ask before the others; or, if another run has just settled it, the served model."""
        if self._alone or not requests:
            return next(iter(requests), None), None
        keys = [request.key for request in requests]
        while True:
            mine = self._claimed(requests, most=1)
            found = self._store.find(keys, self._judge)
            if found:
                self.release(mine)
                return None, max((one for some in found.values() for one in some), key=lambda one: one.created).served
            if mine:
                return next(request for request in requests if request.key in mine), None
            await asyncio.sleep(LOOK_S)

    def release(self, keys: Iterable[str] | None = None) -> None:
        """Give up the claims on these calls, or on all."""
        self._claims.release(None if keys is None else map(self._name, keys))

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Show other machines, within the block, that the claims are still worked on; give all up at its end."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(BEAT_S)
                self._claims.renew()

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()
            self._claims.release()

    def _claimed(self, requests: Sequence[Request], most: int | None = None) -> set[str]:
        mine = self._claims.take([self._name(request.key) for request in requests], most)
        return {request.key for request in requests if self._name(request.key) in mine}

    def _name(self, key: str) -> str:
        return f"{key} {self._judge.provider} {self._judge.requested} {self._judge.revision}"


@contextmanager
def turn(store: ReplyStore, name: str, is_done: Callable[[], bool]) -> Iterator[bool]:
    """Wait until no other run is at work on something; give whether it is still to be done, by this run then."""
    claims = Claims(store)
    while not claims.take([name]):
        time.sleep(LOOK_S)
        if is_done():
            yield False
            return
    try:
        yield not is_done()
    finally:
        claims.release()
