"""Score open answers: a judge grades each against the reference, beside plain comparisons of words.

As in upstream, the judge sees the question unchanged, and answer and output in lower case. The protocol decides the
wording, the number of attempts and the parsing of replies. Upstream drops a sample without a verdict, as does the
accounting `upstream` here; `strict` counts it as wrong. A sample without an output has the text `<error>` in upstream's
files, which upstream has judged like any answer: so does its protocol here, and the others count it as wrong unasked.
Source: evaluation/metrics/evaluate_qa_oe_gpt.py of
github.com/bytedance/tarsier.

The question is `metadata["question"]` of a sample, as in upstream's rows and the official files. A sample has exactly
one target.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from eval.core import (
    OVERALL,
    Evidence,
    JudgedTraits,
    Metric,
    MetricTraits,
    Prediction,
    Sample,
    Score,
    ScorerTraits,
    TextMark,
)
from eval.errors import DataError
from eval.judges.calls import Grade
from eval.judges.protocol import Question
from eval.judges.rounds import NoAnswer, ask
from eval.scorers.accounting import averages
from eval.scorers.judged import JudgedScorer, has_output, judged_score, output_or_marker
from eval.scorers.matching import MATCHES, compare, says_nothing


def evidence(sample: Sample, output: str, score: Score) -> Evidence:
    """Return the judge's grade beside the plain comparisons of words, and where the target occurs in the output."""
    if "accuracy" not in score.values:
        return Evidence(why=f"No verdict: {score.reason}.")
    grade = "correct" if score.values["accuracy"] else "wrong"
    points = f", with {score.values['score']:g} of 5 points" if "score" in score.values else ""
    plain = [name.replace("_", " ") for name in MATCHES if score.values.get(name)]
    words = f"plain comparison agrees ({', '.join(plain)})" if plain else "no plain comparison finds the target in it"
    target = sample.targets[0].strip() if sample.targets else ""
    found = re.search(rf"(?<!\w){re.escape(target)}(?!\w)", output, re.IGNORECASE) if target else None
    marks = [TextMark(start=found.start(), end=found.end(), kind="answer", label="the target")] if found else []
    return Evidence(why=f"The judge calls it {grade}{points}; {words}.", output=tuple(marks))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQA(JudgedScorer):
    """Accuracy and mean score by a judge's verdicts, with exact match, lemma match and containment."""

    traits: ClassVar[ScorerTraits] = ScorerTraits(
        name="open_qa",
        metrics=(
            MetricTraits(name="accuracy"),
            MetricTraits(name="score", best=5.0, unit="points"),
            *(MetricTraits(name=name) for name in MATCHES),
        ),
        judged=JudgedTraits(values=("accuracy", "score")),
        evidence=evidence,
    )
    name: str = traits.name
    """Name of the scorer in results."""

    def score(self, pairs: Sequence[tuple[Sample, Prediction]], population: Sequence[Sample] = ()) -> list[Score]:  # noqa: ARG002
        """Return the score of each pair, in the order given; the judge receives all questions at once.

        Raises DataError, before the judge is asked, where a sample lacks a question or exactly one target, and
        ConfigError where the protocol does not support the task.
        """
        self.protocol.require("open_qa", "open questions")
        asked = [self._question(sample, prediction) for sample, prediction in pairs]
        questions = [question for question in asked if question is not None]
        answers = iter(ask(self.judge, questions))
        return [
            _score(sample, prediction, None if question is None else next(answers))
            for (sample, prediction), question in zip(pairs, asked, strict=True)
        ]

    def aggregate(self, scores: Sequence[Score]) -> list[Metric]:
        """Return every metric overall and by subset, under both accountings."""
        metrics = [
            metric for each in self.traits.metrics for metric in averages(scores, name=each.name, full=each.best)
        ]
        return sorted(metrics, key=lambda metric: (metric.accounting == "strict", metric.subset != OVERALL))

    def _question(self, sample: Sample, prediction: Prediction) -> Question[Grade] | None:
        """Return the question about a pair, or None where the judge need not be asked."""
        asked = sample.metadata.get("question")
        if not isinstance(asked, str) or not asked.strip():
            raise DataError(
                f"{sample.id}: no question to show to the judge; give annotations or predictions with text.question"
            )
        if len(sample.targets) != 1:
            there = f"{len(sample.targets)} answers" if sample.targets else "no answer"
            raise DataError(f"{sample.id}: {there} to compare with; an open question has one, so correct its row")
        if not sample.targets[0].strip():
            raise DataError(f"{sample.id}: the answer to compare with is empty; fill it in, or leave the row out")
        said = output_or_marker(prediction)
        if not self.protocol.ask_even_if_trivial and (not has_output(prediction) or says_nothing(said, asked)):
            return None
        return self.protocol.grade(sample.id, asked, sample.targets[0].lower(), said.lower())


def _score(sample: Sample, prediction: Prediction, answer: Grade | NoAnswer | None) -> Score:
    """Return the score; there is no answer where the judge was not asked: no output, or one that is plainly wrong."""
    values: Mapping[str, float] = {}
    if not isinstance(answer, NoAnswer):
        correct, score = (False, 0.0) if answer is None else (answer.correct, answer.score)
        values = {"accuracy": float(correct), "score": score}
    values = {**values, **compare(output_or_marker(prediction), sample.targets[0])}
    return judged_score(sample, prediction, values, answer.reason if isinstance(answer, NoAnswer) else None)
