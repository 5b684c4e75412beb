"""Reads a judge's verdicts on a model's predictions from the folder of a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from eval.core import Score
from eval.errors import RunError
from eval.judges.calls import LABELS
from eval.readers.malformed import RowError
from eval.readers.rows import Row
from eval.runs.folder import SCORES
from eval.runs.result import malformed
from eval.runs.scored import ScoredRun

JudgedScorer = Literal["open_qa", "autodq"]
"""Names of the scorers that use a judge."""

VALUES: Mapping[JudgedScorer, tuple[str, ...]] = {"open_qa": ("accuracy", "score"), "autodq": ("recall", "precision")}
"""The values that the judge gives a sample; a sample with all of them is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One judge's verdict on one prediction."""

    subset: str
    """The subset under which the sample is reported."""
    cluster: str
    """The sample's source video; where none is known, the sample's own id."""
    output: str | None
    """The judged output; None where the model failed."""
    target: str
    """The target that the output was judged by."""
    values: Mapping[str, float]
    """The judge's values by metric; empty where one is missing, since there is no verdict then."""
    labels: tuple[tuple[str, str], ...] = ()
    """The reference's events with the label of each, for descriptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A folder of scores: one judge's verdicts on one model's predictions."""

    folder: Path
    """The folder that was read."""
    benchmark: str
    """Name of the benchmark."""
    scorer: JudgedScorer
    """Name of the scorer."""
    judge: str
    """The judge's name, with the protocol's name where it has one."""
    identity: Mapping[str, Any]
    """Everything the scores depend on, as the scorer describes itself."""
    opinions: Mapping[str, Opinion]
    """By sample id."""
    questions: Mapping[str, str]
    """Question texts by sample id, where predictions are available: shown to people, not used in any computation."""


def read_judged(folder: Path) -> Judged:
    """Read a folder that `tarsier-eval score` or `eval` wrote.

    Raises:
        RunError: the folder, or one of its files, is missing, damaged or incomplete, or nothing in it was judged.
        DataError: its result, or a line of its scores, does not fit the format.
    """
    run = ScoredRun.read(folder)
    result, scores = run.result, run.scores
    identity = result.provenance["scorer"]
    kind = next((kind for kind in VALUES if kind == identity["name"]), None)
    if result.judge is None or kind is None:
        raise RunError(
            f"{folder} holds scores of {identity['name']!r}, given without a judge. Two judges can be compared on "
            "open questions and descriptions."
        )
    try:
        opinions = {key: _opinion(score, kind, folder) for key, score in scores.items()}
    except RowError as error:
        raise malformed(error) from None
    return Judged(
        folder=folder,
        benchmark=result.benchmark,
        scorer=kind,
        judge=f"{result.judge} ({result.protocol})" if result.protocol else result.judge,
        identity=identity,
        opinions=opinions,
        questions=_questions(run) if kind == "open_qa" else {},
    )


def _opinion(score: Score, kind: JudgedScorer, folder: Path) -> Opinion:
    values = {name: score.values[name] for name in VALUES[kind] if name in score.values}
    is_judged = len(values) == len(VALUES[kind])
    labels: tuple[tuple[str, str], ...] = ()
    if is_judged and kind == "autodq":
        labels = _labels(Row(score.detail, f"{folder / SCORES}: sample {score.id!r}", "detail."))
    return Opinion(
        subset=score.subset,
        cluster=score.cluster or score.id,
        output=score.answer,
        target=score.target,
        values=values if is_judged else {},
        labels=labels,
    )


def _labels(detail: Row) -> tuple[tuple[str, str], ...]:
    events, labels = (detail.row(name).texts("reference") for name in ("events", "labels"))
    if len(events) != len(labels):
        raise detail.error("labels.reference", f"has {len(labels)} labels for {len(events)} events")
    for label in labels:
        if label not in LABELS:
            raise detail.error("labels.reference", f"holds {label!r}, expected one of {', '.join(LABELS)}")
    return tuple(zip(events, labels, strict=True))


def _questions(run: ScoredRun) -> dict[str, str]:
    """Return questions by id: they only make flips readable."""
    asked = {sample.id: sample.metadata.get("question") for sample, _ in run.predictions}
    return {key: question for key, question in asked.items() if isinstance(question, str)}
