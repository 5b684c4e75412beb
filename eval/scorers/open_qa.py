"""Score open answers: a judge grades each against the reference, beside plain comparisons of words.

As in upstream, the judge sees the question unchanged, and answer and output in lower case. The protocol decides the
wording, the number of attempts and the parsing of replies. Upstream drops a sample without a verdict, as does the
accounting `upstream` here; `strict` counts it as wrong. Source: evaluation/metrics/evaluate_qa_oe_gpt.py of
github.com/bytedance/tarsier.

The question is `metadata["question"]` of a sample, as in upstream's rows and the official files. A sample has exactly
one target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from eval.core import OVERALL, Metric, Prediction, Sample, Score, StopWhen
from eval.errors import DataError
from eval.judges.calls import Grade, Respondent
from eval.judges.protocol import JudgeProtocol, Question, native_protocol
from eval.judges.rounds import NoAnswer, ask
from eval.readers.upstream import FAILED
from eval.scorers.accounting import averages
from eval.scorers.matching import MATCHES, compare, says_nothing

_FULL_MARKS = {"accuracy": 1.0, "score": 5.0, **dict.fromkeys(MATCHES, 1.0)}
"""The metrics, with the maximum value of a sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQA:
    """Accuracy and mean score by a judge's verdicts, with exact match, lemma match and containment."""

    judge: Respondent
    """The judge that grades answers."""
    protocol: JudgeProtocol = field(default_factory=native_protocol)
    """The protocol."""
    name: str = "open_qa"
    """Name of the scorer in results."""

    def describe(self) -> Mapping[str, Any]:
        """Return the identity of a score: never compare two that differ in it."""
        return {
            "name": self.name,
            "protocol": self.protocol.describe(),
            "judge": dict(self.judge.describe()),
        }

    def settled(self) -> StopWhen | None:
        """Return None, since the whole output counts."""
        return None

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
        metrics = [metric for name, full in _FULL_MARKS.items() for metric in averages(scores, name=name, full=full)]
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
        if _failed(prediction) or (
            not self.protocol.ask_even_if_trivial and says_nothing(prediction.output or "", asked)
        ):
            return None
        said = (prediction.output or "").lower()
        return self.protocol.grade(sample.id, asked, sample.targets[0].lower(), said)


def _failed(prediction: Prediction) -> bool:
    return prediction.output is None or prediction.output == FAILED


def _score(sample: Sample, prediction: Prediction, answer: Grade | NoAnswer | None) -> Score:
    """Return the score; there is no answer where the judge was not asked: no output, or one that is plainly wrong."""
    output, reason = prediction.output, None
    status: Literal["scored", "model_failed", "judge_failed"] = "scored"
    values: dict[str, float] = {}
    if output is None or _failed(prediction):
        output, status, reason = None, "model_failed", prediction.error or f"the output is {FAILED}"
    elif isinstance(answer, NoAnswer):
        status, reason = "judge_failed", answer.reason
    elif answer is None:
        values = {"accuracy": 0.0, "score": 0.0}
    else:
        values = {"accuracy": float(answer.correct), "score": answer.score}
    if output is not None:
        values |= compare(output, sample.targets[0])
    return Score(
        id=sample.id,
        subset=sample.subset,
        cluster=sample.cluster,
        status=status,
        answer=output,
        target=sample.targets[0],
        values=values,
        reason=reason,
    )
