"""Score groups of multiple-choice questions: a rule over which of its questions are right gives a group's value.

A group is the questions of one cluster. Its value stands at the last of them (`MetricTraits.grouped`), and a metric is
the mean over groups, each of which counts once. Single questions are read and reported as by `MultipleChoice`. A group
without exactly its questions, as in a part of a benchmark, has no value in any accounting; diagnoses tell how many
there are. A question without an answer is in its group all the same: wrong in `strict`, in `upstream` what its authors'
code gives. One whose output failed is wrong in `strict`; `upstream` leaves its group out, where that code would take a
failure for a reply, and Video-MME-v2's even for a right step. Bounds are unknown then.

`TextVideoChoice` is for Vinoground: two questions that choose a caption (text score), two that choose a segment (video
score), and all four (group score). Any reply that does not begin with the right letter is wrong in both accountings, as
in get_score_all.py of github.com/Vinoground/Vinoground. That code takes the very first character in any case. Tarsier's
rule, used here, passes over brackets and space before it ("(A)"), reads digits as letters, and no lower-case letter,
which `tolerant` does. An empty or missing reply to a question about texts ends that code's count of the group, which
loses its video score, too; here each score goes by its own questions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any, ClassVar

from eval.core import (
    OVERALL,
    Accounting,
    Diagnosis,
    Evidence,
    Metric,
    MetricTraits,
    Prediction,
    Sample,
    Score,
    ScorerTraits,
)
from eval.scorers import multiple_choice
from eval.scorers.accounting import over_samples, video_of
from eval.scorers.multiple_choice import TOLERANT, MultipleChoice

Marks = Sequence[int]
"""Of each question: 1 for right, 0 for wrong, -1 for no answer."""
Rule = tuple[Sequence[int], Callable[[Marks], float]]
"""Places of the questions in their group, from 0, and the value for their marks."""


def evidence(sample: Sample, output: str, score: Score) -> Evidence:
    """Return the character that was read as the answer, and how many questions of the group are right."""
    return with_group(multiple_choice.evidence(sample, output, score), score)


def with_group(found: Evidence, score: Score) -> Evidence:
    """Return the evidence of a score, with how many questions of the group are right where its value stands there."""
    told = [f"{name.replace('_', ' ')}: {one['right']} of {one['of']} right" for name, one in _groups(score).items()]
    return replace(found, why=f"{found.why} Of its group, {'; '.join(told)}.") if told else found


def diagnoses(scores: Sequence[Score], metrics: Sequence[Metric]) -> tuple[Diagnosis, ...]:
    """Return the share of the groups that lack questions or have more than theirs, where there are any."""
    primary = next(metric.name for metric in metrics)
    groups = {video_of(score) for score in scores}
    odd = len(groups) - sum(primary in _groups(score) for score in scores)
    of = primary.replace("_", " ")
    name = f"groups without exactly their questions, left out of {of}: {odd} of {len(groups)}, a share of"
    return (Diagnosis(name=name, value=odd / len(groups), unit="percent"),) if odd else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedChoice(MultipleChoice, ABC):
    """Accuracy of option letters, and metrics over groups of questions.

    The traits of a subclass get `evidence` and `diagnoses` from here where they have none.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        """Complete the traits of a subclass."""
        # A class with slots is made twice, so that super() without arguments would look for the first one.
        super(MultipleChoice, cls).__init_subclass__(**more)
        traits = cls.traits
        cls.traits = replace(traits, evidence=traits.evidence or evidence, diagnoses=traits.diagnoses or diagnoses)

    @abstractmethod
    def rules(self, members: Sequence[Sample]) -> Mapping[str, Rule]:
        """Return the rule of each metric for which a group has all questions; they are in order of their `place`."""

    def score(self, pairs: Sequence[tuple[Sample, Prediction]], population: Sequence[Sample] = ()) -> list[Score]:  # noqa: ARG002
        """Return the score of each pair. Raises DataError where a sample has no target, or a group no rule."""
        scores = [self.score_one(sample, prediction) for sample, prediction in pairs]
        groups: dict[str, list[int]] = {}
        for i, score in enumerate(scores):
            groups.setdefault(video_of(score), []).append(i)
        for places in groups.values():
            places.sort(key=lambda i: (str(pairs[i][0].metadata.get("place", "")), pairs[i][0].id))
            rules = self.rules([pairs[i][0] for i in places])
            scores[places[-1]] = _with_values(scores[places[-1]], [scores[i] for i in places], rules)
        return scores

    def aggregate(self, scores: Sequence[Score]) -> list[Metric]:
        """Return the metrics over groups and accuracy, under each accounting, overall and by each grouping."""
        plain = MultipleChoice.aggregate(self, scores)
        subsets = {OVERALL: scores} | {
            label: [score for score in scores if label in score.groups]
            for label in dict.fromkeys(label for score in scores for label in score.groups)
        }
        found = [
            _over_groups(part, metric, accounting, subset)
            for accounting in dict.fromkeys(metric.accounting for metric in plain)
            for subset, part in subsets.items()
            for metric in self.traits.metrics
            if metric.grouped
        ]
        return sorted([*found, *plain], key=lambda metric: metric.subset != OVERALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextVideoChoice(GroupedChoice):
    """Groups of questions that choose a text or a video (`asked` in their metadata), all of which have to be right."""

    traits: ClassVar[ScorerTraits] = ScorerTraits(
        name="text_video_choice",
        metrics=(
            *(MetricTraits(name=name, grouped=True) for name in ("group_score", "text_score", "video_score")),
            MetricTraits(name="accuracy"),
        ),
    )
    name: str = traits.name
    """Name of the scorer in results."""

    def rules(self, members: Sequence[Sample]) -> Mapping[str, Rule]:
        """Return the rules: two questions of each sort, and all four."""
        asked = [one.metadata.get("asked") for one in members]
        by_sort = {sort: [i for i, one in enumerate(asked) if one == sort] for sort in ("text", "video")}
        rules = {f"{sort}_score": (places, _all_right) for sort, places in by_sort.items() if len(places) == 2}
        return rules | ({"group_score": (range(4), _all_right)} if len(rules) == 2 and len(asked) == 4 else {})


def _all_right(marks: Marks) -> float:
    return float(all(mark == 1 for mark in marks))


def _groups(score: Score) -> Mapping[str, Any]:
    """Return what is known of the groups whose values stand at a sample, by metric."""
    found: Mapping[str, Any] = score.detail.get("groups") or {}
    return found


def _with_values(score: Score, members: Sequence[Score], rules: Mapping[str, Rule]) -> Score:
    """Return a group's last score with the values of the group."""
    values, about = dict(score.values), {}
    marks = [int(one.values.get("accuracy", -1)) for one in members]
    read = [int(one.values.get(TOLERANT, max(0, mark))) for one, mark in zip(members, marks, strict=True)]
    for name, (places, rule) in rules.items():
        upstream, strict, tolerant = (
            rule([of[i] for i in places]) for of in (marks, [max(0, mark) for mark in marks], read)
        )
        is_whole = all(members[i].status != "model_failed" for i in places)
        values |= {name: upstream} if is_whole else {}
        others = {f"{name}_strict": strict, f"{name}_{TOLERANT}": tolerant}
        values |= {key: value for key, value in others.items() if not is_whole or value != upstream}
        of = [members[i] for i in places]
        about[name] = {
            "right": sum(marks[i] == 1 for i in places),
            "of": len(of),
            "invalid": sum(one.status == "invalid" for one in of),
            "failed": sum(one.status == "model_failed" for one in of),
            "chance": _chance([one.chance for one in of], rule),
        }
    return replace(score, values=values, detail={"groups": about}) if about else score


def _chance(chances: Sequence[float | None], rule: Callable[[Marks], float]) -> float | None:
    """Return the expected value of independent blind guesses; None where the number of options is not known."""
    known = [one for one in chances if one is not None]
    if len(known) < len(chances):
        return None
    ways = product((1, 0), repeat=len(known))
    return sum(rule(way) * prod(p if mark else 1 - p for p, mark in zip(known, way, strict=True)) for way in ways)


def _over_groups(scores: Sequence[Score], metric: MetricTraits, accounting: Accounting, subset: str) -> Metric:
    """Return the mean of a value over the groups that have it, each of which counts once."""
    about = [(score, _groups(score)[metric.name]) for score in scores if metric.name in _groups(score)]
    units = [
        replace(score, status="scored", values={metric.name: value}, chance=one["chance"])
        for score, one in about
        if (value := metric.of_group(score.values, accounting)) is not None
    ]
    failed = sum(one["failed"] for _, one in about)
    found = over_samples(units, "strict", metric.name, subset)
    found = replace(found, accounting=accounting, n_invalid=sum(one["invalid"] for _, one in about), n_failed=failed)
    return replace(found, lower=None, upper=None) if failed else found
