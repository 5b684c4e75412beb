"""A judge without a model that compares words: a placeholder.

It lets a user try and test everything around a judge without a server. Its numbers mean nothing beyond this project's
own checks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eval.judges.calls import Grade, JudgeCall, JudgeReply, Label
from eval.judges.forms import form
from eval.judges.judge import Judge
from eval.judges.words import lemmas, stands_in, words

MAX_EVENTS = 10
"""Maximum number of events that a description is split into."""

_FILLERS = frozenset(
    words(
        "and or but of in on at to from by with into onto over under as then while after before his her their its he "
        "she it they them him who which that this these those there here is are was were be been being has have had "
        "do does did will would can could video camera scene shot also very first next finally subsequently"
    )
)
_NEGATIONS = frozenset(words("no not never without nobody nothing none"))
_EXCLUSIVE = (
    frozenset(words("red green blue yellow orange purple pink black white brown gray grey cyan magenta")),
    frozenset(words("left right")),
    frozenset(words("up down upward downward upwards downwards")),
    frozenset(words("circle square triangle star cross ring")),
    frozenset(str(number) for number in range(21)),
)
"""Sets of mutually exclusive words, when they describe the same thing."""


class OfflineJudge(Judge):
    """Replies to every call from its inputs by comparing words, deterministically.

    Args:
        name: what results call the judge.

    open_qa: yes with score 5 where the answer's words stand in a row in the prediction, whatever their inflection;
    otherwise no, with up to 2 for the share of them that it holds; of several answers, by the best. extract: the
    description's sentences, ten at the most. entail: every sentence of the description is compared with the event;
    entailment where one holds at least 60% of its content words and conflicts with none, contradiction where one
    conflicts (another colour, direction, number or shape, or only one of both is negated) and holds half of the others,
    neutral otherwise.
    """

    name: str = ""

    def __init__(self, *, name: str = "offline") -> None:
        self.name = name

    def describe(self) -> Mapping[str, Any]:
        """Return the settings that its verdicts depend on, with a note on their value."""
        note = "a placeholder that compares words; its numbers mean nothing beyond this project's own checks"
        return {"name": self.name, "model": None, "version": 1, "note": note}

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the reply to each call, in the order given."""
        return [JudgeReply(text=self._answer(call)) for call in calls]

    def _answer(self, call: JudgeCall) -> str:
        asked = form(call.form)
        if call.task == "open_qa":
            answers = call.inputs.get("answers") or (call.inputs["answer"],)
            grades = [_grade(answer, call.inputs["prediction"]) for answer in answers]
            return asked.write_verdict(call, max(grades, key=lambda grade: grade.score))
        if call.task == "extract":
            return asked.write_events(call, _sentences(call.inputs["description"])[:MAX_EVENTS])
        sentences = [words(sentence) for sentence in _sentences(call.inputs["description"])]
        return asked.write_labels(call, [_label(words(event), sentences) for event in call.inputs["events"]])


def _sentences(text: str) -> list[str]:
    parts = re.split(r"(?<=[.!?;])\s+|\n+", text)
    return [part.strip() for part in parts if words(part)]


def _grade(answer: str, prediction: str) -> Grade:
    wanted, said = words(answer), words(prediction)
    if stands_in(said, wanted):
        return Grade(correct=True, score=5)
    lemmas_said = {lemma for word in said for lemma in lemmas(word)}
    held = sum(not lemmas(word).isdisjoint(lemmas_said) for word in wanted)
    return Grade(correct=False, score=round(2 * held / len(wanted)) if wanted else 0)


def _label(event: Sequence[str], sentences: Sequence[Sequence[str]]) -> Label:
    found: set[Label] = {_compare(event, sentence) for sentence in sentences}
    order: tuple[Label, ...] = ("entailment", "contradiction")
    return next((label for label in order if label in found), "neutral")


def _compare(event: Sequence[str], sentence: Sequence[str]) -> Label:
    said = {lemma for word in sentence for lemma in lemmas(word)}
    content = [word for word in event if word not in _FILLERS and word not in _NEGATIONS]
    held = [word for word in content if not lemmas(word).isdisjoint(said)]
    excluded = [word for word in content if word not in held and _is_excluded(lemmas(word), said)]
    rest = len(content) - len(excluded)
    if excluded or _NEGATIONS.isdisjoint(event) != _NEGATIONS.isdisjoint(sentence):
        return "contradiction" if rest and len(held) >= rest / 2 else "neutral"
    return "entailment" if content and len(held) >= 0.6 * len(content) else "neutral"


def _is_excluded(word: frozenset[str], said: set[str]) -> bool:
    """Whether a word missing from a sentence is ruled out by one that the sentence contains."""
    return any(not word.isdisjoint(group) and not said.isdisjoint(group) for group in _EXCLUSIVE)
