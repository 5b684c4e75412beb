"""What a judged run asks of its judge, stage by stage: before it what is left to pay for, after it what was paid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from eval.judges.calls import JudgeCall, JudgeReply, JudgeTask, Usage
from eval.judges.client.prices import Price
from eval.judges.offline import OfflineJudge
from eval.judges.transcript import Record

STAGES: Mapping[JudgeTask, str] = {
    "extract": "list events",
    "entail": "label events",
    "open_qa": "grade answers",
}
"""What the stages are called, in the order in which they run."""

CHARS_PER_TOKEN = 4.0
"""Characters of English in a token, about; where earlier calls tell it better, they do."""
ENVELOPE = 12
"""Tokens that a chat template adds to a call, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """What is left to ask in one stage."""

    task: JudgeTask
    calls: int
    """Calls in all. Which replies will have to be asked for again is not foreseen, only what is stored of it."""
    stored: int
    """Of those, calls that the store answers, or that equal an earlier one."""
    input: int
    """Tokens of the calls that are left, estimated."""
    output: int
    """Tokens of their replies, estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is left to ask before a run is scored."""

    stages: tuple[StagePlan, ...]
    cost: float | None
    """Dollars, estimated; None where no price is known."""
    price_of: str | None
    """Whose price it is."""
    price_as_of: str | None
    """The date of the price."""

    @property
    def calls(self) -> int:
        """Calls in all."""
        return sum(stage.calls for stage in self.stages)

    @property
    def left(self) -> int:
        """Calls that are not yet paid for."""
        return sum(stage.calls - stage.stored for stage in self.stages)


@dataclass(slots=True)
class Planner:
    """A judge that only counts: it answers from the store, and where that holds nothing stands in for the judge.

    With the offline judge's replies a scorer goes through all its stages, and so shows what it will ask.
    """

    look_up: Callable[[Sequence[JudgeCall]], list[JudgeReply | None]]
    """What the store holds for each call."""
    tokens: Callable[[JudgeCall, str], Usage]
    """Estimates the tokens of a call and of a reply such as this."""
    stages: dict[JudgeTask, list[int]]
    """Calls, stored ones, tokens in and out by stage."""
    seen: set[tuple[str, str, int]] = field(default_factory=set)
    """What was counted; an equal call is asked once."""
    name: str = "planner"

    def describe(self) -> Mapping[str, object]:
        """Return nothing: its replies are never scored."""
        return {}

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Count the calls; return the stored reply to each, or a stand-in."""
        stored = self.look_up(calls)
        stand_ins = OfflineJudge().ask([call for call, reply in zip(calls, stored, strict=True) if reply is None])
        waiting = iter(stand_ins)
        replies = []
        for call, reply in zip(calls, stored, strict=True):
            counts = self.stages.setdefault(call.task, [0, 0, 0, 0])
            counts[0] += 1
            if reply is not None:
                counts[1] += 1
                replies.append(reply)
                continue
            stand_in = next(waiting)
            replies.append(stand_in)
            if (call.system, call.user, call.attempt) in self.seen:
                counts[1] += 1
                continue
            self.seen.add((call.system, call.user, call.attempt))
            usage = self.tokens(call, stand_in.text or "")
            counts[2] += usage.input
            counts[3] += usage.output
        return replies

    def plan(self, price: Price | None, *, batch: bool = False) -> Plan:
        """Return what was counted, with what it costs."""
        stages = tuple(
            StagePlan(task=task, calls=counts[0], stored=counts[1], input=counts[2], output=counts[3])
            for task in STAGES
            if (counts := self.stages.get(task))
        )
        usage = Usage(input=sum(stage.input for stage in stages), output=sum(stage.output for stage in stages))
        return Plan(
            stages=stages,
            cost=None if price is None else price.cost(usage, batch=batch),
            price_of=None if price is None else price.model,
            price_as_of=None if price is None else price.as_of,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBill:
    """What one stage asked and paid."""

    task: JudgeTask
    calls: int
    """Calls in all, those that were asked again included."""
    asked: int
    """Calls that the server answered now."""
    stored: int
    """Calls that the store answered, or that equalled an earlier one."""
    again: int
    """Calls that repeated one whose reply could not be read."""
    retries: int
    """Requests beyond the first for one call, for faults and rate limits."""
    refused: int
    """Calls that the model declined, or a content filter withheld."""
    failed: int
    """Calls without a reply."""
    input: int
    """Tokens of the calls that were asked now, where the server counted them."""
    cached: int
    """Of those, tokens that the server's cache held."""
    output: int
    """Tokens of their replies."""
    uncounted: int
    """Calls answered now without a count of tokens."""
    cost: float | None
    """Dollars; None where no price is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a judged run asked and paid."""

    stages: tuple[StageBill, ...]
    probe: float | None
    """Dollars for finding out what the server takes."""
    unconfirmed: float | None
    """Dollars at the most for requests that broke off, which may have been billed or not."""
    cost: float | None
    """Dollars in all, without the unconfirmed ones; None where no price is known."""
    price_of: str | None
    price_as_of: str | None

    @property
    def is_owed(self) -> bool:
        """Whether a server was or would have been asked: a judge that computes has no bill."""
        return any(stage.asked or stage.stored or stage.failed for stage in self.stages)


def bill(
    records: Iterable[Record], price: Price | None = None, *, probed: Sequence[Usage] = (), unconfirmed: float = 0.0
) -> Bill:
    """Return what these calls cost.

    Args:
        records: Calls and replies, as a run kept them.
        price: What tokens cost; None where it is not known.
        probed: Tokens of calls that found out what the server takes.
        unconfirmed: Dollars that broken requests may have cost.
    """
    by_task: dict[JudgeTask, list[Record]] = {}
    for record in records:
        by_task.setdefault(record.call.task, []).append(record)
    stages = tuple(_stage(task, by_task[task], price) for task in STAGES if task in by_task)
    probe = None if price is None else sum(price.cost(usage) for usage in probed)
    return Bill(
        stages=stages,
        probe=probe,
        unconfirmed=None if price is None else unconfirmed,
        cost=None if probe is None else probe + sum(stage.cost or 0.0 for stage in stages),
        price_of=None if price is None else price.model,
        price_as_of=None if price is None else price.as_of,
    )


def _stage(task: JudgeTask, records: Sequence[Record], price: Price | None) -> StageBill:
    replies = [record.reply for record in records]
    asked = [reply for reply in replies if reply.source == "asked"]
    counted = [(reply, reply.usage) for reply in asked if reply.usage is not None]
    return StageBill(
        task=task,
        calls=len(replies),
        asked=len(asked),
        stored=sum(reply.source == "stored" for reply in replies),
        again=sum(record.call.attempt > 0 for record in records),
        retries=sum(reply.retries for reply in replies),
        refused=sum(reply.outcome in ("refused", "filtered") for reply in replies),
        failed=sum(reply.outcome == "failed" for reply in replies),
        input=sum(usage.input for _, usage in counted),
        cached=sum(usage.cached for _, usage in counted),
        output=sum(usage.output for _, usage in counted),
        uncounted=len(asked) - len(counted),
        cost=None if price is None else sum(price.cost(usage, batch=reply.batch) for reply, usage in counted),
    )
