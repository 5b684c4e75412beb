"""Plan a judge's calls: a scorer is taken through all its stages without asking anybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from eval.client.outcomes import Usage
from eval.client.prices import Price
from eval.judges.bill import STAGES, Plan, StagePlan
from eval.judges.calls import JudgeCall, JudgeReply, JudgeTask
from eval.judges.offline import OfflineJudge

CHARS_PER_TOKEN = 4.0
"""Approximate characters of English in a token; usage of earlier calls replaces it where it is known."""
ENVELOPE = 12
"""Approximate number of tokens that a chat template adds to a call."""

Estimator = Callable[[JudgeCall, str], Usage]
"""Estimates the tokens of a call and of a reply with this text."""


@dataclass(slots=True)
class Planner:
    """A judge that only counts calls. It replies from the store, or with the offline judge's reply where there is none.

    These replies take a scorer through all its stages, so that every call it will make is counted.
    """

    look_up: Callable[[Sequence[JudgeCall]], list[JudgeReply | None]]
    """Return the stored reply to each call, or None."""
    prepare: Callable[[], Estimator]
    """Prepare for asking, once, when the first call without a stored reply is met. It may find out in which form the
    server has to be asked, which is part of a stored reply's key, so that call is looked up again."""
    stages: dict[JudgeTask, StagePlan] = field(default_factory=dict)
    """The calls so far, by task."""
    seen: set[tuple[str, str, int, int]] = field(default_factory=set)
    """Calls counted so far; equal calls are asked once."""
    estimate: Estimator | None = None
    """The estimator that `prepare` returned."""
    name: str = "planner"

    def describe(self) -> Mapping[str, object]:
        """Return an empty description, since these replies are never scored."""
        return {}

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Count the calls; return the stored reply to each, or the offline judge's."""
        replies = self.look_up(calls)
        if self.estimate is None and None in replies:
            self.estimate = self.prepare()
            replies = self.look_up(calls)
        return [self._count(call, reply) for call, reply in zip(calls, replies, strict=True)]

    def _count(self, call: JudgeCall, stored: JudgeReply | None) -> JudgeReply:
        stage = self.stages.setdefault(call.task, StagePlan(task=call.task))
        stage.calls += 1
        [reply] = [stored] if stored is not None else OfflineJudge().ask([call])
        which = (call.system, call.user, call.attempt, call.judging)
        if stored is not None or which in self.seen or self.estimate is None:
            stage.stored += 1
            return reply
        self.seen.add(which)
        usage = self.estimate(call, reply.text or "")
        stage.input += usage.input
        stage.output += usage.output
        return reply

    def plan(self, price: Price | None, *, batch: bool = False) -> Plan:
        """Return the counts with their estimated cost."""
        stages = tuple(self.stages[task] for task in STAGES if task in self.stages)
        usage = Usage(input=sum(stage.input for stage in stages), output=sum(stage.output for stage in stages))
        return Plan(
            stages=stages,
            cost=None if price is None else price.cost(usage, batch=batch),
            price_as_of=None if price is None else price.as_of,
        )


def estimator(known: Mapping[str, tuple[float, float]]) -> Estimator:
    """Return the estimator of a call's tokens: by the mean usage of earlier calls of the kind, otherwise by length.

    Args:
        known: By task and form: tokens per character sent, tokens per reply.
    """

    def estimate(call: JudgeCall, reply: str) -> Usage:
        chars = len(call.system) + len(call.user)
        per_char, output = known.get(f"{call.task}/{call.form}", (1 / CHARS_PER_TOKEN, None))
        bound = call.max_tokens or len(reply)
        guess = output if output is not None else min(bound, len(reply) / CHARS_PER_TOKEN + ENVELOPE)
        return Usage(input=round(chars * per_char) + ENVELOPE, output=round(guess))

    return estimate
