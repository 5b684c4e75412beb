"""A judge with scripted replies: for tests and demonstrations, and for checking the pipeline itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from eval.errors import ConfigError
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.judge import Judge


def script_keys(call: JudgeCall) -> tuple[str, ...]:
    """Return the keys under which a script may hold the replies to a call, the most specific first.

    `{sample} {task} {side}`, `{sample} {task}`, `{sample}`, `{task} {side}`, `{task}`, where `side` is the side whose
    events a call is about, `prediction` or `reference`; calls without one have the keys without it.
    """
    side = call.inputs.get("side")
    tasks = ([f"{call.task} {side}"] if side else []) + [call.task]
    return (*(f"{call.sample} {task}" for task in tasks), call.sample, *tasks)


class ScriptedJudge(Judge):
    """Gives replies from a list or a mapping, without reading the question.

    Args:
        name: what results call the judge.
        replies: texts to give in turn, from the first again when they are used up; or a mapping of script_keys to
            one text, which is given at every attempt, or to a list with one text an attempt. Calls for which the
            mapping holds nothing stay without a reply. It keeps no count of its own, so calls may come in any order.
    """

    name: str = ""

    def __init__(
        self, *, name: str = "scripted", replies: Sequence[str] | Mapping[str, str | Sequence[str]] = ("",)
    ) -> None:
        if not replies:
            raise ConfigError("judge.replies is empty: a scripted judge needs at least one reply.")
        if isinstance(replies, str):
            raise ConfigError(f"judge.replies is the text {replies[:40]!r}: put it in a list.")
        self.name = name
        self._script = dict(replies) if isinstance(replies, Mapping) else None
        self._turns = () if isinstance(replies, Mapping) else tuple(replies)
        self._next = cycle(self._turns)

    def describe(self) -> Mapping[str, Any]:
        """Return the settings that its verdicts depend on: the script."""
        return {"name": self.name, "replies": list(self._turns) if self._script is None else dict(self._script)}

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the scripted reply to each call, in the order given."""
        return [self._reply(call) for call in calls]

    def _reply(self, call: JudgeCall) -> JudgeReply:
        if self._script is None:
            return JudgeReply(text=next(self._next))
        found = next((self._script[key] for key in script_keys(call) if key in self._script), ())
        attempts = [found] * (call.attempt + 1) if isinstance(found, str) else list(found)
        if call.attempt >= len(attempts):
            where = f"{script_keys(call)[0]!r}, attempt {call.attempt + 1}"
            return JudgeReply.failure(f"the script holds no reply for {where}")
        return JudgeReply(text=attempts[call.attempt])
