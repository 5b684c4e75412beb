"""A model behind a server: stored replies are reused, other requests are asked and paid for once.

One object stands for one served model. The first reply used settles which one. A server that changes the model behind a
name during a run is not asked further: two models never mix in one result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from eval.client.asking import Asker, RetryPolicy
from eval.client.budget import Budget
from eval.client.outcomes import Usage
from eval.client.prices import PriceList, load_prices, price_missing
from eval.client.probe import Look
from eval.client.requests import Capabilities, Request, check_extra
from eval.client.round import Ended, Round, reply_of
from eval.client.server import Server
from eval.client.server_cache import KnownServer
from eval.client.settings import Bounds, ServerSettings, refuse_out_of_range
from eval.client.sharing import turn
from eval.client.store import ReplyStore
from eval.client.stored import StoredReply
from eval.client.throttle import START, START_LOCAL, Throttle
from eval.errors import ConfigError, ServerError

CHECK_TIMEOUTS, CHECK_TIMED_OUT = 1, 5
"""In a health check: maximum time-outs of a call, and calls in a row given up for them before nothing more is asked."""

Say = Callable[[str], None]
"""Shows a message to the user."""
Listener = Callable[[int, int], None]
"""Receives the number of calls of a round that have ended, and the number of all calls in it."""


class Served:
    """A model behind an OpenAI-compatible server, and the reply store.

    Args:
        settings: The server.
        bounds: Bounds on its requests.
        look: Finds out what the server takes.
        store: The file of the reply store.

    The other arguments are settings of `ServerBacked`.
    """

    def __init__(
        self,
        settings: ServerSettings,
        bounds: Bounds,
        look: Look,
        *,
        revision: str,
        served: str | None,
        extra: Mapping[str, Any],
        reasoning_tokens: int | None,
        store: Path,
        prices: Path,
    ) -> None:
        self.role = settings.role
        refuse_out_of_range(settings, bounds, reasoning_tokens)
        self.extra = dict(extra)
        check_extra(self.extra, self.role.name)
        self.server = Server(settings)
        self.revision = revision
        self.batch = False
        """Whether first attempts go through OpenAI's Batch API, at half the price and within a day."""
        self.price_list: PriceList = load_prices(prices)
        self.budget = Budget(most=bounds.max_cost)
        self.probed: tuple[Usage, ...] = ()
        """Tokens of the probe's calls, whose replies are not used."""
        self.on_progress: Listener | None = None
        self.say: Say = lambda _: None
        """Receives messages about the progress of batches, which take hours."""
        self.fresh = False
        """Whether stored replies are ignored: a health check measures the model as it is now."""
        self.name = served
        """The model as the server names it, once a reply has settled it."""
        self.wanted = served
        """The name that the user accepts alone; None for any."""
        self.known = KnownServer(self.server, revision, self.extra, look, reasoning_tokens)
        start = START_LOCAL if settings.provider == "local" else START
        self._throttle = Throttle(bounds.max_concurrency, start, slow_s=settings.timeout_s / 4)
        self.bounds = bounds
        self.path = store
        self._asker: Asker | None = None

    @cached_property
    def store(self) -> ReplyStore:
        """The reply store, opened when it is first needed."""
        return ReplyStore(self.path, self.role.store)

    @property
    def model(self) -> str:
        """The model as requested; a server whose only model was not named is asked for it."""
        return self.server.model

    @property
    def last_name(self) -> str:
        """The model as the server names it, as settled, or as it was when the server was last asked."""
        return self.name or self.known.served

    @property
    def stopped(self) -> str | None:
        """The reason why its server is asked nothing more; None while it is."""
        return None if self._asker is None else self._asker.stopped

    def check(self) -> bool:
        """Check that the server can be asked, before work is done that only it can complete.

        Returns whether its capabilities had to be found out.

        Raises ServerError where it can't be reached, refuses the key or has no such model, and ConfigError where
        `max_cost` was given and no price is known.
        """
        was_asked = self.learn()
        if not was_asked:
            asyncio.run(self.server.look())
        self.require_price()
        return was_asked

    def learn(self) -> bool:
        """Find out the server's capabilities if they are not known; return whether it was asked."""
        if self.known.recall(self.store):
            self._set_price()
            return False
        self.store.refuse_read_only("does not hold how its server is asked")
        with turn(self.store, f"probe {self.known.key}", lambda: self.known.recall(self.store)) as is_mine:
            if is_mine:
                self.probe()
        self._set_price()
        return is_mine

    def probe(self) -> Capabilities:
        """Probe the server's capabilities anew. Raises ServerError where it can't be asked."""
        self._set_price()
        had_price = self.budget.price is not None
        usages = self.known.probe(self.store, self._new_asker(self.bounds.probe_tries))
        self.probed += usages
        self._set_price()
        if self.budget.price is not None and not had_price:
            self.budget.spent += sum(self.budget.price.cost(usage) for usage in usages)
        assert self.known.takes is not None
        return self.known.takes

    def retired(self, name: str) -> str | None:
        """Return a warning of a model whose retirement date is known and near, which is called `name`."""
        settings = self.server.settings
        if settings.provider != "openai":
            return None
        return self.price_list.warning(f"{self.role.name} {name}", self.last_name, settings.model)

    def find(self, requests: Callable[[Capabilities], Sequence[str]]) -> list[StoredReply | None] | None:
        """Return the stored reply to each of these keys, without asking the server; None where there is none.

        `requests` is given the server's capabilities. None for all, where these are not known.
        """
        if not self.known.recall(self.store):
            return None
        assert self.known.takes is not None
        keys = requests(self.known.takes)
        found = self.store.find(keys, self.known.identity)
        return [reply_of(self.last_name, found.get(key, ())) for key in keys]

    def ask(self, requests: Callable[[Capabilities], Sequence[Request]]) -> list[Ended]:
        """Return what each request came to, in the order given; equal ones are asked once.

        `requests` is given the server's capabilities, and is called again where they turn out to be others. Raises
        ServerError where these cannot be found out.
        """
        self.learn()
        assert self.known.takes is not None
        asked = requests(self.known.takes)
        distinct = {one.key: one for one in asked}
        stored = {} if self.fresh else self.store.find(distinct, self.known.identity)
        ended = self.settled(distinct, stored)
        if len(ended) < len(distinct):
            self.require_price()
            self.store.refuse_read_only(f"lacks {len(distinct) - len(ended)} of {len(distinct)} {self.store.holds}")
            self._asker = self._asker or self._new_asker()
            one_round = Round(self, self._asker, distinct, stored, ended)
            try:
                asyncio.run(one_round.ask())
            except ServerError as error:
                ended = {key: ended.get(key) or Ended(key=key, error=str(error)) for key in distinct}
            if one_round.needs_room:
                self._asker = None
                self.known.give_room(self.store)
                ended |= self._with_room(requests, asked, ended)
        given: set[str] = set()
        ordered = []
        for one in asked:
            end = ended[one.key]
            # An equal request earlier in the round has paid for this one.
            ordered.append(replace(end, source="stored") if one.key in given and end.reply is not None else end)
            given.add(one.key)
        return ordered

    def _with_room(
        self,
        requests: Callable[[Capabilities], Sequence[Request]],
        asked: Sequence[Request],
        ended: Mapping[str, Ended],
    ) -> dict[str, Ended]:
        """Return what the requests without a whole reply came to with room to reason, by their keys without it."""
        still: dict[str, int] = {}
        for i, one in enumerate(asked):
            reply = ended[one.key].reply if one.key in ended else None
            if reply is None or reply.finish_reason == "length":
                still.setdefault(one.key, i)

        def again(takes: Capabilities) -> list[Request]:
            roomy = requests(takes)
            return [roomy[i] for i in still.values()]

        return dict(zip(still, self.ask(again), strict=True))

    def _set_price(self) -> None:
        prices = self.price_list
        self.budget.price = prices.price(self.last_name) or prices.price(self.model) or self.budget.price

    def require_price(self) -> None:
        """Raise ConfigError where nothing may be asked, because a cap was given and no price is known."""
        if self.budget.most is not None and self.budget.price is None:
            raise ConfigError(price_missing(self.price_list.path, self.last_name or self.model))

    def _new_asker(self, tries: int | None = None) -> Asker:
        patience = RetryPolicy(
            tries=min(tries or self.bounds.tries, self.bounds.tries), deadline_s=self.bounds.deadline_s
        )
        is_admitted = tries is None  # or its capabilities are still to be found out
        asker = Asker(throttle=self._throttle, budget=self.budget, patience=patience, is_admitted=is_admitted)
        if self.fresh:  # a health check of a server that is too slow is to say so soon
            asker.patience, asker.most_timed_out = replace(patience, timeouts=CHECK_TIMEOUTS), CHECK_TIMED_OUT
        return asker

    def settled(self, distinct: Mapping[str, Request], stored: Mapping[str, list[StoredReply]]) -> dict[str, Ended]:
        """Return the stored replies that may be used: those of the settled model.

        Where none is settled, the model that this server had when it was last asked may answer, if it answers all.
        """
        if self.name is None:
            if not all(reply_of(self.known.served, stored.get(key, [])) for key in distinct):
                return {}  # the server settles it, with its first reply
            self.settle(self.known.served)
        found = {key: reply_of(self.name, some) for key, some in stored.items()}
        return {key: Ended(key=key, reply=reply) for key, reply in found.items() if reply is not None}

    def settle(self, served: str) -> None:
        """Take this model, as the server names it, for the one that all replies have to come from."""
        self.name = served
        self._set_price()
        if served != self.known.served:
            self.known.remember(self.store, served)
