"""A judge behind a server: stored verdicts are reused, other calls are asked and paid for once.

One judge object stands for one served model. The first verdict used settles which one. A server that changes the model
behind a name during a run is not asked further: two judges never mix in one score.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.errors import ConfigError, JudgeError
from eval.judges.bill import Bill, Plan, bill
from eval.judges.calls import JudgeCall, JudgeReply, Respondent, Usage
from eval.judges.client.budget import Budget
from eval.judges.client.outcomes import FINAL
from eval.judges.client.prices import PriceList, load_prices
from eval.judges.client.server import Server, ServerSettings
from eval.judges.client.server_cache import KnownServer
from eval.judges.client.throttle import MOST, START, START_LOCAL, Throttle
from eval.judges.judge import Judge, Listener, Say
from eval.judges.planning import Estimator, Planner, estimator
from eval.judges.requests import Capabilities, Provider, Request, addressed, check_extra, key_of
from eval.judges.sharing import Sharing, turn
from eval.judges.transcript import CallRecord
from eval.judges.verdicts import StoredReply, VerdictStore

if TYPE_CHECKING:
    from eval.judges.client.asking import Asker
    from eval.judges.client.outcomes import RequestOutcome

MOST_OF_ANY = 100_000
"""Maximum of every bound that a user sets, in seconds or as a count."""

CHECK_TIMEOUTS, CHECK_TIMED_OUT = 1, 5
"""In a health check: maximum time-outs of a call, and calls in a row given up for them before nothing more is asked."""

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
        reasoning_tokens: Tokens on top of each reply's bound for a model that reasons; None gives 8,192 to a model that
            shows that it does.
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
        reasoning_tokens: int | None = None,
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
        if reasoning_tokens is not None and not 0 <= reasoning_tokens <= MOST_OF_ANY:
            raise ConfigError(
                f"judge.reasoning_tokens={reasoning_tokens} is out of range; give 0 to {MOST_OF_ANY:,}, or null."
            )
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
        self.known = KnownServer(self.server, revision, self.extra, reasoning_tokens)
        start = START_LOCAL if provider == "local" else START
        self._throttle = Throttle(max_concurrency, start, slow_s=timeout_s / 4)
        self._tries, self._deadline_s = tries, deadline_s
        self.kept_in = self._path = verdicts
        self._billed = 0.0  # the unconfirmed dollars of earlier bills
        self._asker: Asker | None = None
        self._needs_room = False
        """Whether a reply was cut off while its model was still reasoning, with room for the reply alone."""

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

    @property
    def stopped(self) -> str | None:
        """The reason why its server is asked nothing more; None while it is."""
        return None if self._asker is None else self._asker.stopped

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
            self.store.refuse_read_only(f"lacks {len(distinct) - len(replies)} of {len(distinct)} verdicts")
            try:
                asyncio.run(self._ask_server(distinct, stored, replies))
            except JudgeError as error:
                replies = {key: replies.get(key) or JudgeReply.failure(str(error), key=key) for key in distinct}
            if self._needs_room:
                self._needs_room, self._asker = False, None
                self.known.give_room(self.store)
                return self.ask(calls)
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
        self.store.refuse_read_only("does not hold how its server is asked")
        with turn(self.store, f"probe {self.known.key}", lambda: self.known.recall(self.store)) as is_mine:
            if is_mine:
                self.probe()
        self._set_price()
        return is_mine

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
        asker = Asker(throttle=self._throttle, budget=self.budget, patience=patience)
        if self.fresh:  # a health check of a server that is too slow is to say so soon
            asker.patience, asker.most_timed_out = replace(patience, timeouts=CHECK_TIMEOUTS), CHECK_TIMED_OUT
        return asker

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
        share = Sharing(self.store, self.known.identity, alone=self.fresh)

        def take(request: Request, found: list[StoredReply]) -> bool:
            verdict = _of(self.served, found)
            if verdict is not None:
                replies[request.key] = verdict.reply()
            return verdict is not None

        def keep(ended: Sequence[tuple[Request, RequestOutcome]]) -> None:
            replies.update(self._kept(ended))
            # Claims on stored replies end with the round: whoever waits for them looks for the reply first.
            share.release(request.key for request, outcome in ended if outcome.kind not in FINAL)
            if self.on_progress is not None:
                self.on_progress(len(replies), total)

        async with self.server.wire(int(self._throttle.most)) as wire, share.kept():
            if self.served is None:
                # One call goes first: its reply names the served model, which decides which stored replies may be used.
                under_way = {key for keys in self.store.open_batches(self.known.key).values() for key in keys}
                unpaid = [one for one in distinct.values() if one.key not in stored and one.key not in under_way]
                first, served = await share.first(unpaid)
                if served is not None:
                    self._settle(served)
                await asker.ask(wire.send, [first] if first is not None else [], keep)
                replies.update(self._settled(distinct, stored))
            missing = [request for request in distinct.values() if request.key not in replies]
            if self.batch:
                from eval.judges.client.batch import ask_in_batches

                firsts = [request for request in missing if not request.asked["attempt"]]
                firsts = list(share.unpaid(firsts, len(firsts) or 1, take, []))
                await ask_in_batches(wire.client, firsts, self.store, self.known.key, asker, keep, self.say)
                missing = [request for request in missing if request.key not in replies]
            # Shuffled orders make it rare that two runs wait for each other's calls.
            random.shuffle(missing)

            def wait(n: int) -> bool:
                self.say(f"{n} of the calls are under way in another run on {self._path}, and are waited for.")
                return not self._needs_room

            size = max(1, int(self._throttle.limit))
            await share.each(missing, size, take, lambda some: asker.ask(wire.send, some, keep), wait)

    def _kept(self, ended: Sequence[tuple[Request, RequestOutcome]]) -> dict[str, JudgeReply]:
        """Store the paid replies, and return them."""
        settled = self.served or self.known.served
        verdicts: dict[str, StoredReply] = {}
        replies: dict[str, JudgeReply] = {}
        for request, outcome in ended:
            if self._is_cut_thinking(request, outcome):
                self._needs_room = True
                if self._asker is not None:
                    self._asker.stopped = self._asker.stopped or "not asked yet, since the model needs room to reason"
                replies[request.key] = JudgeReply.failure("cut off while it reasoned", key=request.key)
                continue
            verdict = self.server.verdict(request, outcome, self.revision, settled)
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

    def _is_cut_thinking(self, request: Request, outcome: RequestOutcome) -> bool:
        """Whether a model used up a reply's tokens by reasoning, for which it was given none."""
        is_cut = outcome.kind == "replied" and outcome.finish_reason == "length"
        return is_cut and outcome.thinks and request.max_tokens is not None and self.known.may_give_room

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
    """Return the reply of the served model, under this spelling of its name: servers change its letters' case."""
    if served is None:
        return None
    found = next((one for one in verdicts if one.served.casefold() == served.casefold()), None)
    return None if found is None else replace(found, served=served)
