"""Record judge calls and replies: for the bill, and for `verdicts.jsonl` in the run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from eval.judges.calls import Judge, JudgeCall, JudgeReply


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One recorded call and its reply."""

    call: JudgeCall
    reply: JudgeReply


@dataclass(slots=True)
class Transcript:
    """A judge that records calls and replies in order; otherwise it behaves like the judge it wraps."""

    judge: Judge
    """The wrapped judge."""
    records: list[CallRecord] = field(default_factory=list)
    """All calls so far, with their replies."""

    @property
    def name(self) -> str:
        """Name of the wrapped judge."""
        return self.judge.name

    def describe(self) -> Mapping[str, Any]:
        """Return the wrapped judge's description of itself."""
        return self.judge.describe()

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Pass the calls on, and record them with their replies."""
        replies = self.judge.ask(calls)
        self.records += [CallRecord(call=call, reply=reply) for call, reply in zip(calls, replies, strict=True)]
        return replies


def to_json(record: CallRecord) -> dict[str, Any]:
    """Return one line of verdicts.jsonl: the identity of the call, the raw reply and its origin."""
    call, reply = record.call, record.reply
    which = {"sample": call.sample, "task": call.task, "side": call.inputs.get("side"), "attempt": call.attempt}
    return {**which, **asdict(reply)}
