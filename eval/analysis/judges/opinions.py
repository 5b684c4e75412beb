"""Reads a judge's verdicts on a model's predictions from the folder of a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.core import JudgedTraits, Score
from eval.errors import RunError
from eval.readers.malformed import RowError
from eval.readers.rows import Row
from eval.runs.checksums import verify_settings
from eval.runs.folder import SCORES
from eval.runs.result import malformed
from eval.runs.scored import ScoredRun
from eval.scorers.traits import all_traits


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
    """The items that the judge labels, with the label of each; empty where it grades whole answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A folder of scores: one judge's verdicts on one model's predictions."""

    folder: Path
    """The folder that was read."""
    benchmark: str
    """Name of the benchmark."""
    scorer: str
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
        RunError: the folder, or one of its files, is missing, edited or incomplete, or nothing in it was judged.
        DataError: its result, or a line of its scores, does not fit the format.
    """
    run = ScoredRun.read(folder)
    verify_settings(folder, run.raw)
    found = judged_in(run)
    if found is None:
        raise RunError(
            f"{folder} holds scores of {run.scorer['name']!r}, given without a judge. Two judges can be compared on "
            "open questions and descriptions."
        )
    return found


def judged_in(run: ScoredRun) -> Judged | None:
    """Return the verdicts in a run that was read; None where it was scored without a judge. Raises as read_judged."""
    folder, result, scores, identity = run.folder, run.result, run.scores, run.scorer
    traits = all_traits().get(identity["name"])
    if result.judge is None or traits is None or traits.judged is None:
        return None
    try:
        opinions = {key: _opinion(score, traits.judged, folder, traits.renamed) for key, score in scores.items()}
    except RowError as error:
        raise malformed(error) from None
    return Judged(
        folder=folder,
        benchmark=result.benchmark,
        scorer=traits.name,
        judge=f"{result.judge} ({result.protocol})" if result.protocol else result.judge,
        identity=identity,
        opinions=opinions,
        questions={} if traits.judged.items else _questions(run),
    )


def _opinion(score: Score, judged: JudgedTraits, folder: Path, renamed: Mapping[str, str]) -> Opinion:
    values = {name: score.values[name] for name in judged.values if name in score.values}
    is_judged = score.status == "scored" and len(values) == len(judged.values)
    labels: tuple[tuple[str, str], ...] = ()
    if is_judged and judged.items:
        labels = _labels(Row(score.detail, f"{folder / SCORES}: sample {score.id!r}", "detail."), judged, *judged.items)
    return Opinion(
        subset=renamed.get(score.subset, score.subset),
        cluster=score.cluster or score.id,
        output=score.answer,
        target=score.target,
        values=values if is_judged else {},
        labels=labels,
    )


def _labels(detail: Row, judged: JudgedTraits, *places: str) -> tuple[tuple[str, str], ...]:
    rooms = [place.rpartition(".") for place in places]
    items, labels = ((detail.row(room) if room else detail).texts(name) for room, _, name in rooms)
    where, noun = places[1], rooms[0][0]
    if len(items) != len(labels):
        raise detail.error(where, f"has {len(labels)} labels for {len(items)} {noun}")
    for label in labels:
        if label not in judged.labels:
            raise detail.error(where, f"holds {label!r}, expected one of {', '.join(judged.labels)}")
    return tuple(zip(items, labels, strict=True))


def _questions(run: ScoredRun) -> dict[str, str]:
    """Return questions by id: they only make flips readable."""
    asked = {sample.id: sample.metadata.get("question") for sample, _ in run.predictions}
    return {key: question for key, question in asked.items() if isinstance(question, str)}
