"""Send calls through OpenAI's Batch API: at half the price, within a day, resumable by the next run.

No call may be paid for twice, even if the run is killed, so each step is on disk before the next one begins:

    the file is uploaded        costs nothing; a file without a batch is never asked
    the store has the intent    the keys, under a name that no other batch has
    the batch is created        with that name in its metadata
    the store has its id        in place of the name
    the replies are kept        some hundreds at a time
    the batch is marked as read

A run that finds an intent looks for its name among the server's batches. A run that finds a batch waits for it, and
does not ask the calls in it again.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval.client.asking import Asker
from eval.client.batch_api import PASSING, BatchApi, FaultError, chunks_of, first_error, loaded, outcome_of
from eval.client.outcomes import RequestOutcome
from eval.client.requests import Request
from eval.client.store import ReplyStore

POLL_S, DEADLINE_S = 10.0, 26 * 3600.0
_BUNDLE = 500
"""Number of replies that are stored in one transaction."""
_READS = 3
"""Number of times that a batch's replies are fetched while some are missing, since a download may be cut short."""
_INTENT = "intent-"
_AGAIN = "the same command asks it again"

Keep = Callable[[Sequence[tuple[Request, RequestOutcome]]], None]
"""Stores final results."""


async def ask_in_batches(
    client: Any,
    requests: Sequence[Request],
    store: ReplyStore,
    judge: str,
    asker: Asker,
    keep: Keep,
    say: Callable[[str], None] = lambda _: None,
    poll_s: float = POLL_S,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Send every request through the Batch API, and pass the final result of each to `keep`, once.

    Replies in a batch of an earlier run are taken from there. Where the cap allows only some of the other requests, the
    first of them are asked. A permanent fault sets `asker.stopped`. A batch that could not be waited for or read stays
    in the store, and the next run resumes it.

    Args:
        client: An `AsyncOpenAI` or `AsyncAzureOpenAI` that retries nothing.
        requests: The requests, with distinct keys.
        store: The store that records batches.
        judge: Key of the judge whose batches they are.
        asker: Its budget, patience and reason to stop are used and set.
        keep: Receives final results; an exception from it ends everything and is raised here.
        say: Receives progress messages, one sentence each.
        poll_s: Seconds between the first looks at a batch; they grow to six times as many.
        deadline_s: Seconds for everything.
    """
    if not requests:
        return
    api = BatchApi(client, asker.patience, poll_s, time.monotonic() + deadline_s)
    run = _Run(api, store, judge, asker, keep, say)
    await run.ask(requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Handed:
    """A batch that the server has, or may have."""

    id: str
    """Id of the batch, or name of the intent."""
    keys: Sequence[str]
    """Keys of all calls in it."""
    mine: Mapping[str, Request]
    """The requests of this run that it answers."""


class _Run:
    """Waits for existing and new batches, all at the same time."""

    def __init__(
        self, api: BatchApi, store: ReplyStore, judge: str, asker: Asker, keep: Keep, say: Callable[[str], None]
    ) -> None:
        self._api, self._store, self._judge, self._asker, self._say = api, store, judge, asker, say
        self._keep = keep
        self._reserved: dict[str, float] = {}
        """Reserved cost of each open request."""
        self._uploading = asyncio.Lock()

    async def ask(self, requests: Sequence[Request]) -> None:
        """Send every request and wait for its end."""
        if self._asker.stopped is not None:
            self._refuse(requests, self._asker.stopped)
            return
        tasks: list[asyncio.Task[None]] = []
        try:
            earlier, new = await self._earlier(requests)
            chunks = chunks_of(self._affordable(new), self._api.endpoint)
            works = [*(self._finish(handed) for handed in earlier), *(self._hand_over(chunk) for chunk in chunks)]
            tasks += [asyncio.create_task(work) for work in works]
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # After an interruption, later calls must not wait for reservations that will never be settled.
            for worst_case_cost in self._reserved.values():
                self._asker.budget.settle(worst_case_cost, None, may_be_billed=True)
            self._reserved.clear()

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
            except FaultError as fault:
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
        """Return the id of a batch in the store, or None for an intent that never became a batch."""
        if not name.startswith(_INTENT):
            return name
        batch = await self._api.find(name)
        if batch is None:
            self._store.keep_batch(name, self._judge, keys, "read")
        else:
            self._store.name_batch(name, batch)
        return batch

    def _reserve_spent(self, requests: Iterable[Request]) -> None:
        """Reserve the cost of calls that an earlier run handed over, regardless of the cap."""
        budget = self._asker.budget
        for request in requests:
            self._reserved[request.key] = budget.worst_case_cost(request.most_input, request.max_tokens, batch=True)
            budget.reserved += self._reserved[request.key]

    def _affordable(self, requests: Sequence[Request]) -> Sequence[Request]:
        """Reserve the cost of as many requests as the cap allows, and return those; the others end here."""
        budget = self._asker.budget
        for n, request in enumerate(requests):
            worst_case_cost = budget.worst_case_cost(request.most_input, request.max_tokens, batch=True)
            if budget.reserve(worst_case_cost) != "go":
                # To wait for the others' bill would be to wait for their batch.
                self._say(f"max_cost={budget.most:g} has room for {n} of {len(requests)} calls.")
                self._refuse(requests[n:], f"not asked, since max_cost={budget.most:g} leaves no room for another call")
                return requests[:n]
            self._reserved[request.key] = worst_case_cost
        return requests

    async def _hand_over(self, requests: Sequence[Request]) -> None:
        """Create a batch from requests, and wait for its end."""
        name, keys = f"{_INTENT}{uuid.uuid4().hex}", [request.key for request in requests]
        may_be_there = False
        try:
            async with self._uploading:  # one file in memory is enough
                if self._asker.stopped is not None:
                    self._refuse(requests, self._asker.stopped)
                    return
                file = await self._api.upload(requests)
                self._store.keep_batch(name, self._judge, keys, "open")
                may_be_there = True
                batch = await self._api.create(file, name)
                self._store.name_batch(name, batch)
        except FaultError as fault:
            what = f"it could not be handed over in a batch; {_AGAIN}"
            self._give_up(requests, fault, what, may_be_billed=may_be_there and fault.outcome.kind in PASSING)
            return
        self._say(
            f"{len(requests)} calls were handed over as batch {batch}, which may take a day. The run may be stopped: "
            "the same command goes on with it."
        )
        await self._finish(_Handed(id=batch, keys=keys, mine={request.key: request for request in requests}))

    async def _finish(self, handed: _Handed) -> None:
        """Wait for a batch, and read it."""
        try:
            batch = await self._api.ended(handed.id, self._say)
            rest = await self._read(handed, batch)
        except FaultError as fault:
            self._give_up(
                handed.mine.values(),
                fault,
                f"it is in batch {handed.id}, where the same command looks again; judge.batch=false asks without it",
            )
            return
        self._end([(request, rest) for request in handed.mine.values() if request.key in self._reserved])
        # A run with fewer samples leaves the others' replies for a later run that needs them.
        others = [key for key in handed.keys if key not in handed.mine]
        is_read = not others or batch["status"] == "failed"
        self._store.keep_batch(
            handed.id, self._judge, handed.keys if is_read else others, "read" if is_read else "open"
        )

    async def _read(self, handed: _Handed, batch: Mapping[str, Any]) -> RequestOutcome:
        """Store the replies of an ended batch; return the outcome of its calls without a reply."""
        status = batch["status"]
        if status == "failed":
            return RequestOutcome(kind="rejected", detail=first_error(self._api.redact.json(batch) or {}))
        for n in range(1, _READS + 1):
            try:
                is_whole = await self._take(handed, batch)
            except FaultError as fault:
                if fault.is_gone:
                    return RequestOutcome(
                        kind="overloaded", detail=f"the batch's replies are no longer there; {_AGAIN}"
                    )
                raise
            is_missing = any(key in self._reserved for key in handed.mine)
            if not is_missing or (is_whole and status != "completed"):
                break
            if n < _READS:
                await asyncio.sleep(self._api.patience.wait_s(n, RequestOutcome(kind="overloaded")))
        if status == "completed":
            return RequestOutcome(
                kind="overloaded", detail=f"the batch has no reply to it; {_AGAIN}", may_be_billed=True
            )
        ended = "expired" if status == "expired" else "was cancelled"
        return RequestOutcome(kind="overloaded", detail=f"the batch {ended}; the same command asks the rest again")

    async def _take(self, handed: _Handed, batch: Mapping[str, Any]) -> bool:
        """Store the replies in a batch's files; return whether every line could be read."""
        ended: dict[str, tuple[Request, RequestOutcome]] = {}
        is_whole = True

        def take(line: bytes) -> None:
            nonlocal is_whole
            if not line.strip():
                return
            found = self._api.redact.json(loaded(line))
            key = None if found is None else found.get("custom_id")
            is_whole = is_whole and found is not None
            # Lines may come twice, and may belong to calls that this run did not ask for.
            if found is None or not isinstance(key, str) or key not in handed.mine or key not in self._reserved:
                return
            outcome = outcome_of(found)
            if outcome is not None and key not in ended:
                ended[key] = handed.mine[key], outcome
            if len(ended) >= _BUNDLE:
                hand_over()

        def hand_over() -> None:
            bundle = list(ended.values())
            ended.clear()
            self._end(bundle)

        for kind in ("output_file_id", "error_file_id"):
            if batch.get(kind):
                await self._api.download(batch[kind], take)
                hand_over()
        return is_whole

    def _end(self, ended: Sequence[tuple[Request, RequestOutcome]]) -> None:
        """Settle the cost of final outcomes and store them."""
        for request, outcome in ended:
            worst_case_cost = self._reserved.pop(request.key, 0.0)
            self._asker.budget.settle(worst_case_cost, outcome.usage, may_be_billed=outcome.may_be_billed, batch=True)
        if ended:
            self._keep([(request, replace(outcome, batch=True)) for request, outcome in ended])

    def _refuse(self, requests: Sequence[Request], why: str) -> None:
        self._end([(request, RequestOutcome(kind="fatal", detail=why)) for request in requests])

    def _give_up(
        self, requests: Iterable[Request], fault: FaultError, what: str, *, may_be_billed: bool = True
    ) -> None:
        """End the open requests among these with a fault, and end everything if the fault concerns all requests."""
        said = fault.outcome
        if said.kind == "fatal":
            self._asker.stopped = self._asker.stopped or f"not asked, since the server said: {said.detail}"
        outcome = RequestOutcome(kind=said.kind, detail=f"{said.detail}; {what}", may_be_billed=may_be_billed)
        self._end([(request, outcome) for request in requests if request.key in self._reserved])
