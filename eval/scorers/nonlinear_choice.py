"""Score groups of four questions by the non-linear rules of Video-MME-v2.

Related questions (`relevance`) earn the square of the share that is right; steps of an argument (`logic`) earn by the
steps that are right before the first mistake. The default reading of a reply is that of the leaderboard: without
phrases such as "The answer is", the first capital from A to H, wherever it stands. `reader: tarsier` takes the first
character instead, as in other benchmarks. A reply without a letter scores -1 in the authors' code, which lowers a sum
and passes as a right step: so it does in `upstream`. Source:
evaluation/test_video_mme_v2.py of github.com/MME-Benchmarks/Video-MME-v2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any, ClassVar, Literal

from eval.core import Evidence, MetricTraits, Sample, Score, ScorerTraits, StopWhen, TextMark
from eval.errors import DataError
from eval.scorers import multiple_choice
from eval.scorers.grouped_choice import GroupedChoice, Marks, Rule, with_group
from eval.scorers.multiple_choice import SHOWN, MultipleChoice
from eval.scorers.tolerant import READ

_PHRASES = (
    "Final Answer:", "The best answer is", "The correct answer is", "The answer is", "The answer", "The best option is",
    "The correct option is", "Best answer:", "Best option:", "Answer:", "Option:",
)  # fmt: skip
"""Removed in this order before a letter is looked for."""
_LOGIC: Mapping[str, tuple[int, Sequence[float]]] = {
    "[1,2,3,4]": (-1, (0, 1 / 16, 4 / 16, 9 / 16, 1)),
    "[1,[2,3],4]": (1, (0, 1 / 12, 4 / 12, 7 / 12, 1)),
    "[[1,2],3,4]": (0, (0, 1 / 10, 2 / 10, 5 / 10, 1)),
}
"""By structure: the step for which the next one may stand in, and the value for each number of steps."""


def evidence(sample: Sample, output: str, score: Score) -> Evidence:
    """Return the letter that was read as the answer, and how many questions of the group are right."""
    found = multiple_choice.evidence(sample, output, score)
    at = re.search("[A-H]", re.sub("|".join(_PHRASES), lambda phrase: " " * len(phrase[0]), output))
    if at is not None and at[0] == score.answer and not found.why.startswith("The output begins with"):
        mark = TextMark(start=at.start(), end=at.end(), kind="answer", label=f"read as {score.answer}")
        found = Evidence(why=f"The first letter is {score.answer}, and the target is {score.target}.", output=(mark,))
    return with_group(found, score)


@dataclass(frozen=True, slots=True, kw_only=True)
class NonLinearChoice(GroupedChoice):
    """Groups of four questions in the order of `place`, by the rule of their `group_type` and `group_structure`."""

    traits: ClassVar[ScorerTraits] = ScorerTraits(
        name="nonlinear_choice",
        metrics=(
            MetricTraits(name="nonlinear_score", label="Non-Lin Score", grouped=True), MetricTraits(name="accuracy"),
        ),
        evidence=evidence,
    )  # fmt: skip
    reader: Literal["video_mme_v2", "tarsier"] = "video_mme_v2"
    """The rule that reads a letter: that of the leaderboard, or Tarsier's first character."""
    name: str = traits.name
    """Name of the scorer in results."""

    def describe(self) -> Mapping[str, Any]:
        """Return the identity of a score."""
        return {**MultipleChoice.describe(self), "reader": self.reader}

    def settled(self) -> StopWhen | None:
        """Return the test whether a text is an option's letter that can't become a phrase, or as long as is read."""
        return MultipleChoice.settled(self) if self.reader == "tarsier" else _is_settled

    def read(self, sample: Sample, output: str) -> tuple[str | None, str | None]:
        """Return the letter of an output, and the reason why there is none."""
        if self.reader == "tarsier":
            return MultipleChoice.read(self, sample, output)
        found = re.search("[A-H]", _without_phrases(output))
        return (found[0], None) if found else (None, f"no letter from A to H in {output[:SHOWN]!r}")

    def rules(self, members: Sequence[Sample]) -> Mapping[str, Rule]:
        """Return the rule of a whole group. Raises DataError where its type or structure is not known."""
        last = members[-1]
        sort, structure = (str(last.metadata.get(key, "")) for key in ("group_type", "group_structure"))
        if sort == "relevance":
            rule: Callable[[Marks], float] = _relevance
        elif sort == "logic" and (plain := structure.replace(" ", "")) in _LOGIC:
            rule = partial(_logic, *_LOGIC[plain])
        else:
            raise DataError(
                f"{last.id}: no rule for a group of type {sort[:SHOWN]!r} and structure {structure[:SHOWN]!r}; "
                f"expected relevance, or logic with one of {', '.join(_LOGIC)}; correct its row"
            )
        is_whole = [str(one.metadata.get("place")) for one in members] == ["1", "2", "3", "4"]
        return {"nonlinear_score": (range(4), rule)} if is_whole else {}


def _relevance(marks: Marks) -> float:
    return max(0, sum(marks)) ** 2 / 16


def _logic(either: int, values: Sequence[float], marks: Marks) -> float:
    """Return the value of the steps before the first mistake; the next step may stand in for step `either`."""
    steps = len(list(takewhile(bool, marks)))
    return values[steps + bool(steps == either and marks[either + 1])]


def _without_phrases(text: str) -> str:
    for phrase in _PHRASES:
        text = text.replace(phrase, "")
    return text


def _is_settled(text: str) -> bool:
    begun = _without_phrases(text.strip()).strip()
    is_letter = re.match("[A-H]", begun) is not None and not any(phrase.startswith(begun) for phrase in _PHRASES)
    return is_letter or len(text.strip()) > READ
