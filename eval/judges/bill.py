"""The judge calls of a run, stage by stage: the plan before the run, with an estimated cost, and the bill after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.client.outcomes import Usage
from eval.client.prices import Price
from eval.judges.calls import JudgeTask
from eval.judges.transcript import CallRecord

STAGES: Mapping[JudgeTask, str] = {
    "extract": "list events",
    "entail": "label events",
    "open_qa": "grade answers",
}
"""Display name of each stage, in the order in which the stages run."""


@dataclass(slots=True, kw_only=True)
class StagePlan:
    """The calls of one stage that are left to ask."""

    task: JudgeTask
    calls: int = 0
    """Number of calls. Retries of unreadable replies cannot be foreseen; only stored ones are counted."""
    stored: int = 0
    """Number of those calls that the store answers, or that equal an earlier call."""
    input: int = 0
    """Estimated tokens of the calls that are left."""
    output: int = 0
    """Estimated tokens of their replies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The judge calls that are left to ask before a run is scored."""

    stages: tuple[StagePlan, ...]
    cost: float | None
    """Estimated cost in dollars; None where no price is known."""
    price_as_of: str | None
    """Date of the price."""
    most: float | None = None
    """Dollars that the run may cost at the most; None for no cap."""
    warning: str | None = None
    """A reason not to rely on this judge in the future."""

    @property
    def calls(self) -> int:
        """Total number of calls."""
        return sum(stage.calls for stage in self.stages)

    @property
    def left(self) -> int:
        """Number of calls that are not yet paid for."""
        return sum(stage.calls - stage.stored for stage in self.stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBill:
    """The calls and tokens of one stage, with their cost."""

    task: JudgeTask
    calls: int
    """Number of calls, including retries of unreadable replies."""
    asked: int
    """Number of calls that the server answered in this run."""
    stored: int
    """Number of calls that the store answered, or that equalled an earlier call."""
    again: int
    """Number of calls that repeated one whose reply could not be read."""
    retries: int
    """Number of requests beyond the first for a call, sent after faults and rate limits."""
    refused: int
    """Number of calls that the model declined or a content filter withheld."""
    failed: int
    """Number of calls without a reply."""
    input: int
    """Tokens of the calls asked in this run, where the server counted them."""
    cached: int
    """Number of those tokens that the server's cache held."""
    output: int
    """Tokens of their replies."""
    uncounted: int
    """Number of calls answered in this run without a token count."""
    cost: float | None
    """Cost in dollars; None where no price is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The judge calls of a run with their cost."""

    stages: tuple[StageBill, ...]
    probe: float | None
    """Dollars spent on probing the server's capabilities."""
    unconfirmed: float | None
    """Upper bound in dollars for requests that broke off and may or may not have been billed."""
    cost: float | None
    """Total dollars without the unconfirmed ones; None where no price is known."""
    price_of: str | None
    price_as_of: str | None

    @property
    def is_owed(self) -> bool:
        """Whether the judge uses a server; a judge that computes its replies has no bill."""
        return any(stage.asked or stage.stored or stage.failed for stage in self.stages)


def bill(
    records: Iterable[CallRecord], price: Price | None = None, *, probed: Sequence[Usage] = (), unconfirmed: float = 0.0
) -> Bill:
    """Return the cost of these calls.

    Args:
        records: Calls and replies, as a run kept them.
        price: What tokens cost; None where it is not known.
        probed: Tokens of calls that found out what the server takes.
        unconfirmed: Dollars that broken requests may have cost.
    """
    by_task: dict[JudgeTask, list[CallRecord]] = {}
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


def _stage(task: JudgeTask, records: Sequence[CallRecord], price: Price | None) -> StageBill:
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
