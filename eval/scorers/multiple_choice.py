"""Score multiple-choice answers by upstream's rule: the first character that is no bracket is the answer.

The rule is crude but kept unchanged, because published numbers use it: "Answer: C" is read as A, and any
capital letter, of any alphabet, is a valid answer. Lower-case letters and prose that begins in lower case hold no
answer; nothing is guessed. What a person would read is in `tolerant.py`; where it differs for any sample, the
accounting `tolerant` stands beside the others, never in their place. Source: evaluation/metrics/evaluate_qa_mc.py of
github.com/bytedance/tarsier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_uppercase
from typing import Any, ClassVar, Literal

from eval.core import Evidence, Metric, MetricTraits, Prediction, Sample, Score, ScorerTraits, StopWhen, TextMark
from eval.errors import DataError
from eval.scorers.accounting import ACCOUNTINGS, Average, averages, over_samples
from eval.scorers.tolerant import READ, read_answer

Digits = Literal["tarsier", "tarsier2"]
"""Rule for digits: `tarsier` reads 1..5 as B..F (upstream's off-by-one error), `tarsier2` reads 0..5 as A..F."""

_DIGITS: dict[Digits, dict[str, str]] = {
    "tarsier": dict(zip("12345", "BCDEF", strict=True)),
    "tarsier2": dict(zip("012345", "ABCDEF", strict=True)),
}


TOLERANT = "tolerant"
"""Name of the value by the reading of `tolerant.py`, where it differs."""
SHOWN = 40
"""Maximum characters of an output without an answer that its reason quotes."""


def first_character(text: str) -> str:
    """Return the first character that is neither a bracket nor surrounding space, or "" where there is none."""
    return text.replace("(", "").replace(")", "").strip()[:1]


def read_letter(output: str, digits: Digits = "tarsier") -> str | None:
    """Return the option letter at the beginning of an output, or None where it holds no answer."""
    character = first_character(output)
    letter = _DIGITS[digits].get(character, character)
    return letter if letter.isupper() and letter.isalpha() else None


def evidence(sample: Sample, output: str, score: Score) -> Evidence:
    """Return the character that was read as the answer."""
    del sample
    if score.answer is None:
        return Evidence(why=f"No answer: {score.reason}.")
    at = next((i for i, character in enumerate(output) if character not in "()" and not character.isspace()), None)
    if at is None:  # not the output that was scored
        return Evidence(why="")
    said = f"The output begins with {score.answer}" if output[at] == score.answer else f"{output[at]} is {score.answer}"
    compared = "as the target is" if score.answer == score.target else f"and the target is {score.target}"
    doubt = f" ({score.reason})" if score.reason else ""
    mark = TextMark(start=at, end=at + 1, kind="answer", label=f"read as {score.answer}")
    return Evidence(why=f"{said}, {compared}{doubt}.", output=(mark,))


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipleChoice:
    """Accuracy of option letters, by the rules of either upstream branch."""

    traits: ClassVar[ScorerTraits] = ScorerTraits(
        name="multiple_choice", metrics=(MetricTraits(name="accuracy"),), evidence=evidence
    )
    digits: Digits = "tarsier"
    """The upstream branch whose rules for digits and targets apply."""
    headline: Average = "micro"
    """The average that is reported for a benchmark with subsets."""
    also_by: Mapping[str, str] = field(default_factory=dict)
    """Further groupings to report: name in results, and key of the sample's metadata, a value or a list of them."""
    whole_videos: bool = False
    """Whether upstream's accounting drops all questions of a video with an invalid answer (Video-MME)."""
    name: str = traits.name
    """Name of the scorer in results."""

    def describe(self) -> Mapping[str, Any]:
        """Return the identity of a score."""
        settings = {"digits": self.digits, "headline": self.headline, "whole_videos": self.whole_videos}
        return {"name": self.name, **settings}

    def settled(self) -> StopWhen | None:
        """Return the test whether a text is an option's letter, or as long as is read of it.

        Later text can't change upstream's reading of it: decoding only adds at the end. What begins with a word goes
        on, so that it can be read as a person would. A letter that becomes a word of its own, as in "A man runs", is
        cut there: with `full_output` it is not.
        """
        return self._is_settled

    def _is_settled(self, text: str) -> bool:
        letter = text.replace("(", "").replace(")", "").strip()
        return (len(letter) == 1 and letter.isupper() and letter.isalpha()) or len(text.strip()) > READ

    def score(self, pairs: Sequence[tuple[Sample, Prediction]], population: Sequence[Sample] = ()) -> list[Score]:  # noqa: ARG002
        """Return the score of each pair. Raises DataError where a sample has no target."""
        return [self.score_one(sample, prediction) for sample, prediction in pairs]

    def score_one(self, sample: Sample, prediction: Prediction) -> Score:
        """Compare the letter of an output with the target's. Raises DataError where the sample has no target."""
        if not sample.targets or not sample.targets[0].strip():
            raise DataError(f"{sample.id}: no target to compare with; score a split whose answers are public")
        target = self._target(sample)
        answer, reason = (None, prediction.error) if prediction.output is None else self.read(sample, prediction.output)
        status: Literal["scored", "invalid", "model_failed"] = "invalid" if answer is None else "scored"
        return Score(
            id=sample.id,
            subset=sample.subset,
            cluster=sample.cluster,
            status="model_failed" if prediction.output is None else status,
            answer=answer,
            target=target,
            values=_values(sample, prediction, answer, target),
            groups=tuple(
                f"{label}: {each}" for label, key in self.also_by.items() for each in _listed(sample.metadata.get(key))
            ),
            chance=1 / len(sample.options) if sample.options else None,
            reason=reason,
        )

    def read(self, sample: Sample, output: str) -> tuple[str | None, str | None]:
        """Return the letter of an output, and the reason why there is none, or why it may be none."""
        letter = read_letter(output, self.digits)
        if letter is None:
            return None, f"no option letter at the beginning of {output[:SHOWN]!r}"
        return letter, _doubt(sample, output, letter)

    def _target(self, sample: Sample) -> str:
        """Return the letter to compare with; branch tarsier2 reads it like an output, so that its rows may say "(A) x".

        Raises DataError where there is no such option, which no output could equal.
        """
        known = ascii_uppercase[: len(sample.options) or 26]
        target = sample.targets[0]
        letter = first_character(target) if self.digits == "tarsier2" else target.strip().strip("()").strip()
        if len(letter) != 1 or letter not in known:
            raise DataError(
                f"{sample.id}: the answer to compare with is {target[:SHOWN]!r}, expected a letter from A to "
                f"{known[-1]}; correct its row"
            )
        return letter

    def aggregate(self, scores: Sequence[Score]) -> list[Metric]:
        """Return accuracy overall, by subset and by each further grouping, under each accounting."""
        tolerant: list[Metric] = []
        if any(TOLERANT in score.values for score in scores):
            found = self._averages([_tolerant(score) for score in scores])
            tolerant = [replace(metric, accounting="tolerant") for metric in found if metric.accounting == "strict"]
        return [*self._upstream_and_strict(scores), *tolerant]

    def _upstream_and_strict(self, scores: Sequence[Score]) -> list[Metric]:
        if not self.whole_videos:
            return self._averages(scores)
        broken = {score.cluster for score in scores if score.status != "scored"}
        kept = self._averages([score for score in scores if score.cluster not in broken])
        values = {(metric.name, metric.subset): metric for metric in kept if metric.accounting == "upstream"}
        return [
            metric if metric.accounting == "strict" else _dropped(metric, values.get((metric.name, metric.subset)))
            for metric in self._averages(scores)
        ]

    def _averages(self, scores: Sequence[Score]) -> list[Metric]:
        grouped: dict[str, list[Score]] = {}
        for score in scores:
            for group in score.groups:
                grouped.setdefault(group, []).append(score)
        metrics = averages(scores, self.headline)
        for accounting in ACCOUNTINGS:
            metrics += [over_samples(part, accounting, "accuracy", group) for group, part in grouped.items()]
        return metrics


def _listed(value: Any) -> Sequence[Any]:
    """Return the values of a grouping that a sample has: those in a list, or the one, or none."""
    return value if isinstance(value, list | tuple) else [value] if value else ()


def _doubt(sample: Sample, output: str, answer: str) -> str | None:
    """Return why an answer may be none: its letter begins a word, or is none of the options."""
    begun = output.replace("(", "").lstrip()
    if begun[1:2].isalpha():
        return f"begins with a word: {output[:SHOWN]!r}"
    if sample.options and answer not in ascii_uppercase[: len(sample.options)]:
        return f"begins with no option's letter: {output[:SHOWN]!r}"
    return None


def _values(sample: Sample, prediction: Prediction, answer: str | None, target: str) -> dict[str, float]:
    """Return the value by upstream's rule, if it reads an answer, and that of another reading where it differs."""
    values = {} if answer is None else {"accuracy": float(answer == target)}
    if prediction.output is not None:
        read = float(read_answer(prediction.output, sample.options) == target)
        if read != values.get("accuracy", 0.0):
            values[TOLERANT] = read
    return values


def _tolerant(score: Score) -> Score:
    """Return a score with the value of the other reading."""
    value = score.values.get(TOLERANT, score.values.get("accuracy"))
    return replace(score, values={} if value is None else {"accuracy": value})


def _dropped(metric: Metric, kept: Metric | None) -> Metric:
    """Return a metric of the remaining videos; bounds for failures are unknown in that case.

    Its error is that of the remaining videos, as if they were the whole sample.
    """
    if kept is None:
        kept = replace(metric, value=None, n=0, stderr=None, interval=None, n_clusters=None, n_effective=None)
    return replace(kept, n_invalid=metric.n_invalid, n_failed=metric.n_failed, lower=None, upper=None)
