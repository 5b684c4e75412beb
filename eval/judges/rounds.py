"""Asks a judge until its replies can be read: in rounds, so that a judge can work on all calls of a round at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from eval.core import Judge, JudgeCall
from eval.judges.literals import UnreadableReplyError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[T_co]):
    """A call, and how its reply is read."""

    call: JudgeCall
    """What is asked at the first attempt."""
    read: Callable[[str], T_co]
    """Returns the answer in a reply. Raises UnreadableReplyError where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """A question that stays open."""

    reason: str
    """Why there is no answer."""


def ask(judge: Judge, questions: Sequence[Question[T]], max_attempts: int) -> list[T | NoAnswer]:
    """Return the answer to each question, in the order given.

    A question whose reply cannot be read is asked again in the next round, with `attempt` counted up, and up to
    `max_attempts` times in all; the others are not. A call without a reply is not asked again: a judge has made
    its own attempts before it gives up, and says so as the reply's error.
    """
    answers: dict[int, T | NoAnswer] = {}
    for attempt in range(max_attempts):
        waiting = [i for i in range(len(questions)) if i not in answers]
        if not waiting:
            break
        calls = [replace(questions[i].call, attempt=attempt) for i in waiting]
        for i, reply in zip(waiting, judge.ask(calls), strict=True):
            if reply.text is None:
                answers[i] = NoAnswer(reason=f"the judge did not reply: {reply.error or 'no reason given'}")
                continue
            try:
                answers[i] = questions[i].read(reply.text)
            except UnreadableReplyError as error:
                if attempt + 1 == max_attempts:
                    times = f"{max_attempts} times" if max_attempts > 1 else "once"
                    excerpt = f"the reply {reply.text[:80]!r} cannot be read"
                    answers[i] = NoAnswer(reason=f"asked {times}; {excerpt}: {error}")
    return [answers[i] for i in range(len(questions))]
