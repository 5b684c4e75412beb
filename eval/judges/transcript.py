"""Keeps what a judge was asked and what it replied: for the bill, and for `verdicts.jsonl` in the run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from eval.judges.calls import Judge, JudgeCall, JudgeReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One call and its reply, as a run keeps them."""

    call: JudgeCall
    reply: JudgeReply


@dataclass(slots=True)
class Transcript:
    """A judge that keeps what it was asked and what it replied, in order; otherwise the judge that it wraps."""

    judge: Judge
    """Who answers."""
    records: list[Record] = field(default_factory=list)
    """Every call so far."""

    @property
    def name(self) -> str:
        """The wrapped judge's."""
        return self.judge.name

    def describe(self) -> Mapping[str, Any]:
        """Return what the wrapped judge says of itself."""
        return self.judge.describe()

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Pass the calls on, and keep them with their replies."""
        replies = self.judge.ask(calls)
        self.records += [Record(call=call, reply=reply) for call, reply in zip(calls, replies, strict=True)]
        return replies


def to_json(record: Record) -> dict[str, Any]:
    """Return one line of verdicts.jsonl: which call it was, and the raw reply with where it is from."""
    call, reply = record.call, record.reply
    which = {"sample": call.sample, "task": call.task, "side": call.inputs.get("side"), "attempt": call.attempt}
    return {**which, **asdict(reply)}
