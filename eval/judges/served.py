"""A judge behind a server: stored verdicts are reused, other calls are asked and paid for once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from eval.client.backed import ServerBacked
from eval.client.round import Ended
from eval.client.served import Listener, Say
from eval.client.settings import Role
from eval.errors import ConfigError, JudgeError
from eval.judges.bill import Bill, Plan, bill
from eval.judges.calls import JudgeCall, JudgeReply, Respondent
from eval.judges.judge import Judge
from eval.judges.planning import Estimator, Planner, estimator
from eval.judges.probing import probe_of
from eval.judges.requests import addressed, key_of
from eval.judges.transcript import CallRecord

JUDGE = Role(
    name="judge",
    chosen_by="judge={provider}",
    asks_for="judge.model",
    store="verdicts",
    result="score",
    done="judged",
    error=JudgeError,
)

_HEALTH = ("n", "accuracy", "lower", "upper", "injection_pass_rate", "unread", "refused", "failed", "created")
"""The fields of a canary check that a result holds."""


class ServedJudge(ServerBacked, Judge):
    """A model behind an OpenAI-compatible server; see `ServerBacked` for its other settings.

    Args:
        name: Name of the judge until the served model is known.
        model: The model to ask for, with its date where it has one; for Azure the deployment. None takes the only model
            that a local server lists.
        batch: Whether first attempts go through OpenAI's Batch API, at half the price and within a day.
        verdicts: The reply store.
    """

    role = JUDGE
    repeats_itself = False

    def __init__(self, *, name: str, model: str | None, batch: bool = False, verdicts: Path, **settings: Any) -> None:
        super().__init__(partial(probe_of, JUDGE), model, verdicts, **settings)
        provider = self.by.server.settings.provider
        if batch and provider != "openai":
            raise ConfigError(
                f"judge.batch=true is for OpenAI's Batch API; {JUDGE.chosen(provider)} has none that works alike."
            )
        self.by.batch = batch
        self.label, self.kept_in = name, verdicts
        self._billed = 0.0  # the unconfirmed dollars of earlier bills

    @property
    def name(self) -> str:
        """The model as served, if known; else the configured name."""
        return self.by.name or self.by.server.settings.model or self.label

    def describe(self) -> Mapping[str, Any]:
        """Return the settings that its verdicts depend on: the model as served and the server's capabilities."""
        by = self.by
        return {
            "name": self.name,
            "provider": by.server.settings.provider,
            "requested": by.server.settings.model,
            "served": by.name,
            "revision": by.revision,
            "takes": None if by.known.takes is None else asdict(by.known.takes),
            "extra": by.extra,
        }

    def check(self) -> bool:
        """Check that the server can be asked, before work is done that only it can complete; return True.

        Raises JudgeError where it can't be reached, refuses the key or has no such model, and ConfigError where
        `max_cost` was given and no price is known.
        """
        self.by.check()
        return True

    def renew(self) -> list[str]:
        """Probe the server anew, and ignore stored verdicts from now on; return what to tell the user."""
        self.by.fresh = True
        takes = self.by.probe()
        found = ", ".join(f"{name}: {str(value).lower()}" for name, value in asdict(takes).items())
        warning = self.by.retired(self.name)
        return [f"The judge at {self.by.server.url}, {self.by.model}: {found}", *([warning] if warning else [])]

    def plan(self, score: Callable[[Respondent], object], prepare: Callable[[], None]) -> Plan:
        """Return the plan of the calls that are not in the store. Nothing is asked, but by `prepare`."""

        def prepared() -> Estimator:
            prepare()
            return estimator(self.by.store.usage(self.by.known.identity))

        planner = Planner(look_up=self.look_up, prepare=prepared)
        score(planner)
        plan = planner.plan(self.by.budget.price, batch=self.by.batch)
        return replace(plan, most=self.by.budget.most, warning=self.by.retired(self.name))

    def watch(self, say: Say, on_progress: Listener) -> None:
        """Show messages about batches and the progress of calls, up to the bill."""
        self.by.say, self.by.on_progress = say, on_progress

    def bill(self, records: Sequence[CallRecord]) -> Bill:
        """Return the cost of these calls, of probes and of requests that broke off since the last bill."""
        self.by.on_progress = None
        unconfirmed, self._billed = self.by.budget.unconfirmed - self._billed, self.by.budget.unconfirmed
        probed, self.by.probed = self.by.probed, ()
        return bill(records, self.by.budget.price, probed=probed, unconfirmed=unconfirmed)

    def keep_health(self, protocol: Mapping[str, Any], health: Mapping[str, Any]) -> None:
        """Keep the result of a canary check in the store."""
        self.by.store.keep_check(self.describe(), protocol, health)

    def health(self, protocol: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a summary of the last canary check under a protocol; None where there was none."""
        found = self.by.store.last_check(self.describe(), protocol)
        return None if found is None else {name: found[name] for name in _HEALTH}

    def look_up(self, calls: Sequence[JudgeCall]) -> list[JudgeReply | None]:
        """Return the stored reply to each call, without asking the server; None where there is none."""
        found = self.by.find(lambda takes: [key_of(call, takes, self.by.extra) for call in calls])
        return [None if reply is None else JudgeReply.of(reply) for reply in found or [None] * len(calls)]

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the reply to each call, in the order given; equal calls are asked once."""
        if not calls:
            return []
        by = self.by
        try:
            ended = by.ask(lambda takes: [addressed(call, by.model, takes, by.extra) for call in calls])
        except JudgeError as error:
            return [JudgeReply.failure(str(error)) for _ in calls]
        return [_reply(end) for end in ended]


def _reply(end: Ended) -> JudgeReply:
    if end.reply is None:
        return JudgeReply.failure(end.error, retries=end.retries, key=end.key)
    return JudgeReply.of(end.reply, asked=end.source == "asked")
