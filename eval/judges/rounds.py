"""Ask a judge until its replies can be read: in rounds, so that a judge can work on all calls of a round at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from eval.judges.calls import JudgeReply, Respondent, UnreadableReplyError
from eval.judges.protocol import Question

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """A question without an answer."""

    outcome: Literal["unreadable", "refused", "filtered", "failed"]
    """The reply could not be read; the model declined; a content filter withheld the reply; there was no reply."""
    reason: str
    """The reason why there is no answer."""


def ask(judge: Respondent, questions: Sequence[Question[T]]) -> list[T | NoAnswer]:
    """Return the answer to each question, in the order given.

    A question whose reply cannot be read is asked again in the next round, with `attempt` increased, up to its number
    of temperatures; other questions are not. A refused one is asked again only where the question says so. A call
    without a reply is never asked again: the judge has made its own attempts, and gives the reason as the reply's
    error.
    """
    answers: dict[int, T | NoAnswer] = {}
    waiting = list(range(len(questions)))
    attempt = 0
    while waiting:
        calls = [questions[i].attempt(attempt) for i in waiting]
        answers |= {
            i: _answer(questions[i], reply, attempt + 1) for i, reply in zip(waiting, judge.ask(calls), strict=True)
        }
        attempt += 1
        waiting = [
            i for i in waiting if attempt < len(questions[i].temperatures) and _is_open(questions[i], answers[i])
        ]
    return [answers[i] for i in range(len(questions))]


def _answer(question: Question[T], reply: JudgeReply, attempts: int) -> T | NoAnswer:
    times = f"asked {attempts} times; " if attempts > 1 else "asked once; "
    if reply.outcome == "failed":
        why = reply.error or "no reason given"
        said = f"was {why}" if why.startswith("not asked") else f"did not reply: {why}"
        return NoAnswer(outcome="failed", reason=f"the judge {said}")
    if reply.outcome != "replied" or reply.text is None:
        filtered = reply.outcome == "filtered"
        what = "a content filter withheld the reply" if filtered else "the judge refused"
        said = f": {reply.text[:200]!r}" if reply.text else ""
        return NoAnswer(outcome="filtered" if filtered else "refused", reason=f"{times}{what}{said}")
    try:
        return question.read(reply.text)
    except UnreadableReplyError as error:
        cut = (
            "; it was cut off at the bound on tokens, which judge.reasoning_tokens raises"
            if reply.finish_reason == "length"
            else ""
        )
        reason = f"{times}the reply {reply.text[:80]!r} cannot be read: {error}{cut}"
        return NoAnswer(outcome="unreadable", reason=reason)


def _is_open(question: Question[T], answer: T | NoAnswer) -> bool:
    """Whether to ask a question again."""
    if not isinstance(answer, NoAnswer):
        return False
    return answer.outcome == "unreadable" or (question.retry_refusals and answer.outcome in ("refused", "filtered"))
