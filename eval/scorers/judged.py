"""The common part of scorers that ask a judge: their settings, their identity, and the score of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eval.core import Prediction, Sample, Score, Status, StopWhen
from eval.judges.calls import Respondent
from eval.judges.protocol import JudgeProtocol, native_protocol
from eval.readers.upstream import FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedScorer:
    """A judge and the protocol by which it is asked."""

    judge: Respondent
    """The judge."""
    protocol: JudgeProtocol = field(default_factory=native_protocol)
    """The protocol, which also sets how many attempts are made before a sample has failed."""
    name: str
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


def has_output(prediction: Prediction) -> bool:
    """Whether the model gave an output; upstream's files mark a failure by a text in its place."""
    return prediction.output is not None and prediction.output != FAILED


def output_or_marker(prediction: Prediction) -> str:
    """Return the output, or upstream's marker of a failure, which its files hold in its place."""
    return FAILED if prediction.output is None else prediction.output


def judged_score(
    sample: Sample,
    prediction: Prediction,
    values: Mapping[str, float],
    failure: str | None,
    detail: Mapping[str, Any] | None = None,
) -> Score:
    """Return the score of a sample with one target; `failure` is the reason for a missing verdict."""
    is_there = has_output(prediction)
    status: Status = "model_failed" if not is_there else "scored" if failure is None else "judge_failed"
    return Score(
        id=sample.id,
        subset=sample.subset,
        cluster=sample.cluster,
        status=status,
        answer=prediction.output if is_there else None,
        target=sample.targets[0],
        values=values,
        reason=failure if is_there else prediction.error or f"the output is {FAILED}",
        detail=detail or {},
    )
