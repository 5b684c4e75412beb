"""Labelled items as the questions that a score asks of a judge, and the judge's verdicts on them.

An answer is graded as open questions are: question unchanged, answer and prediction in lower case, several references
joined by `or`. A relation, a unit and a fact are an event that is labelled against a description, as AutoDQ does for
recall: the description in lower case, the events unchanged, all events of a group in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from eval.analysis.card.items import LABELS_OF, Item, Kind, one_call_each
from eval.judges.calls import Grade, JudgeTask, Label, Respondent
from eval.judges.protocol import JudgeProtocol, Question
from eval.judges.rounds import NoAnswer, ask
from eval.scorers.matching import says_nothing

TASKS: Mapping[Kind, JudgeTask] = {"answer": "open_qa", "relation": "entail", "unit": "entail", "fact": "entail"}
"""The task by which a judge is asked about each kind."""

_MADE_FOR: Mapping[JudgeTask, str] = {"open_qa": "answers", "entail": "events", "extract": "descriptions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A judge's verdict on an item, or the reason why there is none."""

    label: str | None
    """A label of the item's kind."""
    score: float | None = None
    """The points from 0 to 5 that go with a grade."""
    missing: str | None = None
    """The outcome where there is no label: failed, unreadable, refused or filtered."""
    reason: str | None = None
    """The reason in words."""


def unfit(kind: Kind, protocol: JudgeProtocol) -> str | None:
    """Return the reason why a judge that is asked by this protocol has no verdict on a kind; None where it has."""
    task = TASKS[kind]
    if task in protocol.tasks:
        return None
    return f"not asked: the protocol {protocol.name!r} is not made for {_MADE_FOR[task]}"


def verdicts(items: Sequence[Item], judge: Respondent, protocol: JudgeProtocol) -> dict[str, Verdict]:
    """Return the judge's verdict on each item, by id; all calls are made at once, so that a judge can share them out.

    Items of a kind that the protocol is not made for are left out. As in a score, an answer without words, or with
    only the question's, is wrong unasked, unless the protocol asks about such answers too.
    """
    calls = [group for group in one_call_each(items) if unfit(group[0].kind, protocol) is None]
    plain = [group for group in calls if _is_plainly_wrong(group[0], protocol)]
    asked = [group for group in calls if not _is_plainly_wrong(group[0], protocol)]
    questions = [_question(group, protocol) for group in asked]
    found = {group[0].id: Verdict(label="no", score=0.0) for group in plain}
    for group, answer in zip(asked, ask(judge, questions), strict=True):
        found |= _read(group, answer)
    return found


def planned(items: Sequence[Item], protocol: JudgeProtocol) -> Callable[[Respondent], object]:
    """Return what puts the items to a judge that only counts calls."""
    return lambda judge: verdicts(items, judge, protocol)


def _is_plainly_wrong(item: Item, protocol: JudgeProtocol) -> bool:
    return item.kind == "answer" and not protocol.ask_even_if_trivial and says_nothing(item.prediction, item.question)


def _question(group: Sequence[Item], protocol: JudgeProtocol) -> Question[Grade | tuple[Label, ...]]:
    first = group[0]
    if first.kind == "answer":
        answers = [reference.lower() for reference in first.references]
        question = protocol.grade(first.id, first.question, " or ".join(answers), first.prediction.lower())
        # For judges that read no message.
        return replace(question, call=replace(question.call, inputs={**question.call.inputs, "answers": answers}))
    description = "\n".join(first.references).lower()
    return protocol.label_events(first.group, "reference", description, [item.prediction for item in group], "")


def _read(group: Sequence[Item], answer: Grade | tuple[Label, ...] | NoAnswer) -> dict[str, Verdict]:
    if isinstance(answer, NoAnswer):
        return {item.id: Verdict(label=None, missing=answer.outcome, reason=answer.reason) for item in group}
    if isinstance(answer, Grade):
        return {group[0].id: Verdict(label="yes" if answer.correct else "no", score=answer.score)}
    return {item.id: Verdict(label=_as(item.kind, said)) for item, said in zip(group, answer, strict=True)}


def _as(kind: Kind, said: Label) -> str:
    """Return a relation as the label of a kind: of two labels, the first where the event is entailed."""
    return said if kind == "relation" else LABELS_OF[kind][0 if said == "entailment" else 1]
