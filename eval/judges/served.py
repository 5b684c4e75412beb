"""A judge behind a server: stored verdicts are reused, other calls are asked and paid for once.

One judge object stands for one served model. The first verdict used settles which one. A server that changes the model
behind a name during a run is not asked further: two judges never mix in one score.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.errors import ConfigError, JudgeError
from eval.judges.bill import Bill, Plan, bill
from eval.judges.calls import JudgeCall, JudgeReply, Respondent, Usage
from eval.judges.client.budget import Budget
from eval.judges.client.prices import PriceList, load_prices
from eval.judges.client.server import Server, ServerSettings
from eval.judges.client.server_cache import KnownServer
from eval.judges.client.throttle import MOST, START, START_LOCAL, Throttle
from eval.judges.judge import Judge, Listener, Say
from eval.judges.planning import Estimator, Planner, estimator
from eval.judges.requests import Capabilities, Provider, Request, addressed, check_extra, key_of
from eval.judges.transcript import CallRecord
from eval.judges.verdicts import StoredReply, VerdictStore

if TYPE_CHECKING:
    from eval.judges.client.asking import Asker
    from eval.judges.client.outcomes import RequestOutcome

MOST_OF_ANY = 100_000
"""Maximum of every bound that a user sets, in seconds or as a count."""

_HEALTH = ("n", "accuracy", "lower", "upper", "injection_pass_rate", "unread", "refused", "failed", "created")
"""The fields of a canary check that a result holds."""


class ServedJudge(Judge):
    """A model behind an OpenAI-compatible server.

    Args:
        name: Name of the judge until the served model is known.
        provider: `openai`, `azure` or `local`.
        model: The model to ask for, with its date where it has one; for Azure the deployment. None takes the only model
            that a local server lists.
        url: Base URL; None takes OPENAI_BASE_URL or OpenAI's own, for Azure AZURE_OPENAI_ENDPOINT.
        key_env: Name of the environment variable with the key; None for a server that asks for none.
        api_version: Azure's version of its API.
        revision: Distinguishes this model from others of the same name (a commit, a quantisation).
        served: Only verdicts of the model that is served under this name count; None accepts any model.
        extra: Further parameters of each request, such as {reasoning_effort: low}.
        max_concurrency: Most requests under way at once.
        timeout_s: Bound on one request.
        tries: Maximum requests for one call that meets temporary faults.
        deadline_s: Bound on all requests for one call.
        batch: Whether first attempts go through OpenAI's Batch API, at half the price and within a day.
        verdicts: The verdict store.
        prices: The price file.
        max_cost: Dollars that one run may cost; needs a price.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of conf/judge/
        self,
        *,
        name: str,
        provider: Provider,
        model: str | None,
        url: str | None = None,
        key_env: str | None = None,
        api_version: str | None = None,
        revision: str = "",
        served: str | None = None,
        extra: Mapping[str, Any] | None = None,
        max_concurrency: int = MOST,
        timeout_s: float = 120.0,
        tries: int = 6,
        deadline_s: float = 600.0,
        batch: bool = False,
        verdicts: Path,
        prices: Path,
        max_cost: float | None = None,
    ) -> None:
        bounds = {"max_concurrency": max_concurrency, "tries": tries, "timeout_s": timeout_s, "deadline_s": deadline_s}
        for setting, value in bounds.items():
            if not 0 < value <= MOST_OF_ANY:
                raise ConfigError(f"judge.{setting}={value:g} is out of range; give a number up to {MOST_OF_ANY:,}.")
        if max_cost is not None and not 0 <= max_cost < math.inf:
            raise ConfigError(f"max_cost must be at least 0 and finite, got {max_cost:g}.")
        if batch and provider != "openai":
            raise ConfigError(
                f"judge.batch=true is for OpenAI's Batch API; judge={provider} has none that works alike."
            )
        self.extra = dict(extra or {})
        check_extra(self.extra)
        self.server = Server(
            ServerSettings(
                provider=provider, model=model, url=url, key_env=key_env, api_version=api_version, timeout_s=timeout_s
            )
        )
        self.label, self.revision, self.batch = name, revision, batch
        self.price_list: PriceList = load_prices(prices)
        self.budget = Budget(most=max_cost)
        self.probed: tuple[Usage, ...] = ()
        """Tokens of the probe's calls, whose replies are no verdicts."""
        self.on_progress: Listener | None = None
        self.say: Say = lambda _: None
        """Receives messages about the progress of batches, which take hours."""
        self.fresh = False
        """Whether stored verdicts are ignored: a health check measures the judge as it is now."""
        self.served = self._wanted = served
        """The model as the server names it, once a verdict has settled it."""
        self.known = KnownServer(self.server, revision, self.extra)
        start = START_LOCAL if provider == "local" else START
        self._throttle = Throttle(max_concurrency, start, slow_s=timeout_s / 4)
        self._tries, self._deadline_s = tries, deadline_s
        self.kept_in = self._path = verdicts
        self._billed = 0.0  # the unconfirmed dollars of earlier bills
        self._asker: Asker | None = None

    @property
    def name(self) -> str:
        """The model as served, if known; else the configured name."""
        return self.served or self.server.settings.model or self.label

    @cached_property
    def store(self) -> VerdictStore:
        """The verdict store, opened when it is first needed."""
        return VerdictStore(self._path)

    def describe(self) -> Mapping[str, Any]:
        """Return the settings that its verdicts depend on: the model as served and the server's capabilities."""
        return {
            "name": self.name,
            "provider": self.server.settings.provider,
            "requested": self.server.settings.model,
            "served": self.served,
            "revision": self.revision,
            "takes": None if self.known.takes is None else asdict(self.known.takes),
            "extra": self.extra,
        }

    def check(self) -> bool:
        """Check that the server can be asked, before work is done that only it can complete; return True.

        Raises JudgeError where it can't be reached, refuses the key or has no such model, and ConfigError where
        `max_cost` was given and no price is known.
        """
        if not self._learn():
            asyncio.run(self.server.look())
        self._require_price()
        return True

    def renew(self) -> list[str]:
        """Probe the server anew, and ignore stored verdicts from now on; return what to tell the user."""
        self.fresh = True
        takes = self.probe()
        found = ", ".join(f"{name}: {str(value).lower()}" for name, value in asdict(takes).items())
        warning = self._warning()
        return [f"The judge at {self.server.url}, {self.server.model}: {found}", *([warning] if warning else [])]

    def plan(self, score: Callable[[Respondent], object], prepare: Callable[[], None]) -> Plan:
        """Return the plan of the calls that are not in the store. Nothing is asked, but by `prepare`."""

        def prepared() -> Estimator:
            prepare()
            return estimator(self.store.usage(self.known.identity))

        planner = Planner(look_up=self.look_up, prepare=prepared)
        score(planner)
        plan = planner.plan(self.budget.price, batch=self.batch)
        return replace(plan, most=self.budget.most, warning=self._warning())

    def watch(self, say: Say, on_progress: Listener) -> None:
        """Show messages about batches and the progress of calls, up to the bill."""
        self.say, self.on_progress = say, on_progress

    def bill(self, records: Sequence[CallRecord]) -> Bill:
        """Return the cost of these calls, of probes and of requests that broke off since the last bill."""
        self.on_progress = None
        unconfirmed, self._billed = self.budget.unconfirmed - self._billed, self.budget.unconfirmed
        probed, self.probed = self.probed, ()
        return bill(records, self.budget.price, probed=probed, unconfirmed=unconfirmed)

    def keep_health(self, protocol: Mapping[str, Any], health: Mapping[str, Any]) -> None:
        """Keep the result of a canary check in the store."""
        self.store.keep_check(self.describe(), protocol, health)

    def health(self, protocol: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a summary of the last canary check under a protocol; None where there was none."""
        found = self.store.last_check(self.describe(), protocol)
        return None if found is None else {name: found[name] for name in _HEALTH}

    def _warning(self) -> str | None:
        """Return a warning of a model whose retirement date is known and near."""
        if self.server.settings.provider != "openai":
            return None
        # No verdict of this run has shown yet which model is served.
        return self.price_list.warning(self.name, self.served or self.known.served, self.server.settings.model)

    def look_up(self, calls: Sequence[JudgeCall]) -> list[JudgeReply | None]:
        """Return the stored reply to each call, without asking the server; None where there is none."""
        if not self.known.recall(self.store):
            return [None] * len(calls)
        assert self.known.takes is not None
        keys = [key_of(call, self.known.takes, self.extra) for call in calls]
        found = self.store.find(keys, self.known.identity)
        verdicts = (_of(self.served or self.known.served, found.get(key, ())) for key in keys)
        return [None if verdict is None else verdict.reply() for verdict in verdicts]

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the reply to each call, in the order given; equal calls are asked once."""
        if not calls:
            return []
        try:
            self._learn()
        except JudgeError as error:
            return [JudgeReply.failure(str(error)) for _ in calls]
        assert self.known.takes is not None
        asked = [addressed(call, self.server.model, self.known.takes, self.extra) for call in calls]
        distinct = {one.key: one for one in asked}
        stored = {} if self.fresh else self.store.find(distinct, self.known.identity)
        replies = self._settled(distinct, stored)
        if len(replies) < len(distinct):
            self._require_price()
            try:
                asyncio.run(self._ask_server(distinct, stored, replies))
            except JudgeError as error:
                replies = {key: replies.get(key) or JudgeReply.failure(str(error), key=key) for key in distinct}
        given: set[str] = set()
        ordered = []
        for one in asked:
            reply = replies[one.key]
            # An equal call earlier in the round has paid for this one.
            ordered.append(replace(reply, source="stored", retries=0) if one.key in given and reply.text else reply)
            given.add(one.key)
        return ordered

    def _learn(self) -> bool:
        """Find out the server's capabilities if they are not known; return whether it was asked."""
        if self.known.recall(self.store):
            self._set_price()
            return False
        self.probe()
        return True

    def probe(self) -> Capabilities:
        """Probe the server's capabilities anew. Raises JudgeError where it can't be asked."""
        self._set_price()
        had_price = self.budget.price is not None
        usages = self.known.probe(self.store, self._new_asker())
        self.probed += usages
        self._set_price()
        if self.budget.price is not None and not had_price:
            self.budget.spent += sum(self.budget.price.cost(usage) for usage in usages)
        assert self.known.takes is not None
        return self.known.takes

    def _set_price(self) -> None:
        prices, served = self.price_list, self.served or self.known.served
        self.budget.price = prices.price(served) or prices.price(self.server.model) or self.budget.price

    def _require_price(self) -> None:
        """Raise ConfigError where nothing may be asked, because a cap was given and no price is known."""
        prices, served = self.price_list, self.served or self.known.served
        if self.budget.most is not None and self.budget.price is None:
            raise ConfigError(
                f"max_cost needs a price, and {prices.path} has none for {served or self.server.model!r}; add one "
                "there, or leave max_cost out."
            )

    def _new_asker(self) -> Asker:
        from eval.judges.client.asking import Asker, RetryPolicy

        patience = RetryPolicy(tries=self._tries, deadline_s=self._deadline_s)
        return Asker(throttle=self._throttle, budget=self.budget, patience=patience)

    def _settled(
        self, distinct: Mapping[str, Request], stored: Mapping[str, list[StoredReply]]
    ) -> dict[str, JudgeReply]:
        """Return the stored replies that may be used: those of the settled model.

        Where none is settled, the model that this server had when it was last asked may answer, if it answers all.
        """
        if self.served is None:
            if not all(_of(self.known.served, stored.get(key, [])) for key in distinct):
                return {}  # the server settles it, with its first reply
            self._settle(self.known.served)
        found = {key: _of(self.served, some) for key, some in stored.items()}
        return {key: verdict.reply() for key, verdict in found.items() if verdict is not None}

    def _settle(self, served: str) -> None:
        self.served = served
        self._set_price()
        if served != self.known.served:
            self.known.remember(self.store, served)

    async def _ask_server(
        self,
        distinct: Mapping[str, Request],
        stored: Mapping[str, list[StoredReply]],
        replies: dict[str, JudgeReply],
    ) -> None:
        """Ask the calls without a stored reply, and add the replies."""
        self._asker = self._asker or self._new_asker()
        asker, total = self._asker, len(distinct)

        def keep(ended: Sequence[tuple[Request, RequestOutcome]]) -> None:
            replies.update(self._kept(ended))
            if self.on_progress is not None:
                self.on_progress(len(replies), total)

        async with self.server.wire(int(self._throttle.most)) as wire:
            if self.served is None:
                # One call goes first: its reply names the served model, which decides which stored replies may be used.
                under_way = {key for keys in self.store.open_batches(self.known.key).values() for key in keys}
                unpaid = [one for one in distinct.values() if one.key not in stored and one.key not in under_way]
                await asker.ask(wire.send, unpaid[:1], keep)
                replies.update(self._settled(distinct, stored))
            missing = [request for request in distinct.values() if request.key not in replies]
            if self.batch:
                from eval.judges.client.batch import ask_in_batches

                firsts = [request for request in missing if not request.asked["attempt"]]
                await ask_in_batches(wire.client, firsts, self.store, self.known.key, asker, keep, self.say)
                missing = [request for request in missing if request.key not in replies]
            # Another run on the same store may have paid for a call by now; shuffled orders make this rare.
            random.shuffle(missing)
            await asker.ask(wire.send, self._unpaid(missing, replies), keep)

    def _unpaid(self, requests: Iterable[Request], replies: dict[str, JudgeReply]) -> Iterator[Request]:
        """Yield the requests that no run has paid for when their turn comes; add the replies to the others."""
        for request in requests:
            found = {} if self.fresh else self.store.find([request.key], self.known.identity)
            verdict = _of(self.served, found.get(request.key, []))
            if verdict is None:
                yield request
            else:
                replies[request.key] = verdict.reply()

    def _kept(self, ended: Sequence[tuple[Request, RequestOutcome]]) -> dict[str, JudgeReply]:
        """Store the paid replies, and return them."""
        unnamed = self.served or self.known.served
        verdicts: dict[str, StoredReply] = {}
        replies: dict[str, JudgeReply] = {}
        for request, outcome in ended:
            verdict = self.server.verdict(request, outcome, self.revision, unnamed)
            if verdict is None:
                replies[request.key] = JudgeReply.failure(outcome.detail, retries=outcome.retries, key=request.key)
            else:
                verdicts[request.key] = verdict
        # Written to disk before anything else, since the replies are paid for.
        self.store.put(list(verdicts.values()))
        for key, verdict in verdicts.items():
            if self.served is None:
                self._settle(verdict.served)
            replies[key] = verdict.reply(asked=True) if verdict.served == self.served else self._stop(verdict)
        return replies

    def _stop(self, verdict: StoredReply) -> JudgeReply:
        """Stop asking, since another model answered; return the failed reply of the call."""
        changed = (
            f"answered by {verdict.served!r}, and judge.served asks for {self.served!r}: correct it, or leave it out"
            if self._wanted
            else f"answered by {verdict.served!r}, and this score is by {self.served!r}: the server changed the model "
            f"behind {verdict.requested!r}. Ask for a dated model, or set judge.served={verdict.served!r} to have "
            "everything judged by it"
        )
        if self._asker is not None:
            self._asker.stopped = self._asker.stopped or f"not asked, since one call was {changed}"
        return JudgeReply.failure(changed, key=verdict.key)


def _of(served: str | None, verdicts: Iterable[StoredReply]) -> StoredReply | None:
    return next((verdict for verdict in verdicts if verdict.served == served), None)
