"""One round of requests to a served model: what the store lacks is asked, each call by one run only."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from eval.client.asking import Asker
from eval.client.outcomes import FINAL, RequestOutcome
from eval.client.requests import Request
from eval.client.sharing import Sharing
from eval.client.stored import StoredReply

if TYPE_CHECKING:
    from eval.client.served import Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a request came to: a reply, or the reason why there is none."""

    key: str | None
    """Key of the request; None where it is not known how the server is asked."""
    reply: StoredReply | None = None
    """The reply, as the store holds it."""
    source: Literal["asked", "stored"] = "stored"
    """Whether it was asked of the server in this run, or was there."""
    error: str = ""
    """The reason why there is no reply."""
    retries: int = 0
    """Number of requests before the one that failed."""


class Round:
    """The distinct requests of a round, by key, with the stored replies to them, and what they have come to so far."""

    def __init__(
        self,
        model: Served,
        asker: Asker,
        distinct: Mapping[str, Request],
        stored: Mapping[str, list[StoredReply]],
        ended: dict[str, Ended],
    ) -> None:
        self._model, self._asker, self._distinct, self._stored = model, asker, distinct, stored
        self.ended = ended
        self.needs_room = False
        """Whether a reply was cut off while its model was still reasoning, with room for the reply alone."""

    async def ask(self) -> None:
        """Ask the requests without a stored reply, and add what they came to."""
        model, distinct, ended, asker = self._model, self._distinct, self.ended, self._asker
        share = Sharing(model.store, model.known.identity, alone=model.fresh)

        def take(request: Request, found: list[StoredReply]) -> bool:
            reply = reply_of(model.name, found)
            if reply is not None:
                ended[request.key] = Ended(key=request.key, reply=reply)
            return reply is not None

        def keep(outcomes: Sequence[tuple[Request, RequestOutcome]]) -> None:
            ended.update(self._kept(outcomes))
            # Claims on stored replies end with the round: whoever waits for them looks for the reply first.
            share.release(request.key for request, outcome in outcomes if outcome.kind not in FINAL)
            if model.on_progress is not None:
                model.on_progress(len(ended), len(distinct))

        async with model.server.wire(int(asker.throttle.most)) as wire, share.kept():
            if model.name is None:
                # One goes first: its reply names the served model, which decides which stored replies may be used.
                under_way = {key for keys in model.store.open_batches(model.known.key).values() for key in keys}
                unpaid = [one for one in distinct.values() if one.key not in self._stored and one.key not in under_way]
                first, served = await share.first(unpaid)
                if served is not None:
                    model.settle(served)
                await asker.ask(wire.send, [first] if first is not None else [], keep)
                ended.update(model.settled(distinct, self._stored))
            missing = [request for request in distinct.values() if request.key not in ended]
            if model.batch:
                from eval.client.batch import ask_in_batches

                firsts = [request for request in missing if not request.asked["attempt"]]
                firsts = list(share.unpaid(firsts, len(firsts) or 1, take, []))
                await ask_in_batches(wire.client, firsts, model.store, model.known.key, asker, keep, model.say)
                missing = [request for request in missing if request.key not in ended]
            # Shuffled orders make it rare that two runs wait for each other's calls.
            random.shuffle(missing)

            def wait(n: int) -> bool:
                model.say(f"{n} of the calls are under way in another run on {model.path}, and are waited for.")
                return not self.needs_room

            size = max(1, int(asker.throttle.limit))
            await share.each(missing, size, take, lambda some: asker.ask(wire.send, some, keep), wait)

    def _kept(self, outcomes: Sequence[tuple[Request, RequestOutcome]]) -> dict[str, Ended]:
        """Store the paid replies, and return what each request came to."""
        model, settled = self._model, self._model.last_name
        replies: dict[str, StoredReply] = {}
        ended: dict[str, Ended] = {}
        for request, outcome in outcomes:
            if self._is_cut_thinking(request, outcome):
                self.needs_room = True
                self._asker.stopped = self._asker.stopped or "not asked yet, since the model needs room to reason"
                ended[request.key] = Ended(key=request.key, error="cut off while it reasoned")
                continue
            reply = model.server.stored(request, outcome, model.revision, settled)
            if reply is None:
                ended[request.key] = Ended(key=request.key, error=outcome.detail, retries=outcome.retries)
            else:
                replies[request.key] = reply
        # Written to disk before anything else, since the replies are paid for.
        model.store.put(list(replies.values()))
        for key, reply in replies.items():
            if model.name is None:
                model.settle(reply.served)
            is_it = reply.served == model.name
            ended[key] = Ended(key=key, reply=reply, source="asked") if is_it else self._stop(reply)
        return ended

    def _is_cut_thinking(self, request: Request, outcome: RequestOutcome) -> bool:
        """Whether a model used up a reply's tokens by reasoning, for which it was given none."""
        is_cut = outcome.kind == "replied" and outcome.finish_reason == "length"
        return is_cut and outcome.thinks and request.max_tokens is not None and self._model.known.may_give_room

    def _stop(self, reply: StoredReply) -> Ended:
        """Stop asking, since another model answered; return the end of the call."""
        model, role = self._model, self._model.role
        setting = f"{role.name}.served"
        changed = (
            f"answered by {reply.served!r}, and {setting} asks for {model.name!r}: correct it, or leave it out"
            if model.wanted
            else f"answered by {reply.served!r}, and this {role.result} is by {model.name!r}: the server changed the "
            f"model behind {reply.requested!r}. Ask for a dated model, or set {setting}={reply.served!r} to have "
            f"everything {role.done} by it"
        )
        self._asker.stopped = self._asker.stopped or f"not asked, since one call was {changed}"
        if not model.wanted:
            model.known.remember(model.store, reply.served)
        return Ended(key=reply.key, error=changed)


def reply_of(served: str | None, replies: Iterable[StoredReply]) -> StoredReply | None:
    """Return the reply of the served model, under this spelling of its name: servers change its letters' case."""
    if served is None:
        return None
    found = next((one for one in replies if one.served.casefold() == served.casefold()), None)
    return None if found is None else replace(found, served=served)
