"""Reads what a judge made of a model's predictions out of the folder of a score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from eval.core import Prediction, Sample
from eval.errors import DataError, RunError
from eval.judges.calls import LABELS
from eval.readers.malformed import RowError
from eval.readers.predictions import read_run
from eval.readers.rows import Row, by_label, read_jsonl
from eval.seals import refuse_altered
from eval.store import PREDICTIONS, RESULT, SCORES

Kind = Literal["open_qa", "autodq"]
"""The scorers that a judge serves, by name."""

VALUES: Mapping[Kind, tuple[str, ...]] = {"open_qa": ("accuracy", "score"), "autodq": ("recall", "precision")}
"""The values of a sample that come from its judge; one that has them all is judged."""

_AGAIN = "score the predictions again with this version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a judge made of one prediction."""

    subset: str
    """What the sample is reported under."""
    cluster: str
    """Its source video; where none is known, the sample's own id."""
    output: str | None
    """What was judged; None where the model failed."""
    target: str
    """What it was judged by."""
    values: Mapping[str, float]
    """The judge's values by metric; empty where one is missing, since there is no verdict then."""
    labels: tuple[tuple[str, str], ...] = ()
    """The reference's events and what each was labelled, for descriptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A folder of scores: one judge's opinions of one model's predictions."""

    folder: Path
    """Where it was read from."""
    benchmark: str
    """Name of the benchmark."""
    scorer: Kind
    """Name of the scorer."""
    judge: str
    """The judge's name, with the protocol's where it has one."""
    identity: Mapping[str, Any]
    """What its scores depend on, as the scorer describes itself."""
    opinions: Mapping[str, Opinion]
    """By sample id."""
    questions: Mapping[str, str]
    """What was asked, by sample id, where predictions are at hand: for people to read, nothing is computed from it."""


def read_judged(folder: Path) -> Judged:
    """Read what `tarsier-eval score` or `eval` left in a folder.

    Raises:
        RunError: the folder, or one of its files, is missing, damaged or not whole, or nothing in it was judged.
        DataError: a line of its scores does not fit the format.
    """
    result, rows = open_scores(folder)
    try:
        identity = result.row("provenance").row("scorer")
        name, judge = identity.text("name"), result.text_or_none("judge")
        kind = next((kind for kind in VALUES if kind == name), None)
        if judge is None or kind is None:
            raise RunError(
                f"{folder} holds scores of {name!r}, given without a judge. Two judges can be compared on open "
                "questions and descriptions."
            )
        protocol = identity.row("protocol").text_or_none("name") if identity.has("protocol") else None
        opinions = {key: _opinion(row, kind) for key, row in rows.items()}
    except RowError as error:
        raise malformed(error) from None
    source = result.row("provenance").fields.get("predictions")
    return Judged(
        folder=folder,
        benchmark=result.text("benchmark"),
        scorer=kind,
        judge=f"{judge} ({protocol})" if protocol else judge,
        identity=identity.fields,
        opinions=opinions,
        questions=_questions(folder, source) if kind == "open_qa" else {},
    )


def open_scores(folder: Path) -> tuple[Row, dict[str, Row]]:
    """Return result.json of a folder, and the lines of its scores.jsonl by sample id.

    Raises:
        RunError: the folder, or one of its files, is missing, damaged or not whole, or there are no scores.
        DataError: a line of its scores does not fit the format.
    """
    for path in (folder, folder / RESULT, folder / SCORES):
        if not path.exists():
            raise RunError(f"{path} does not exist. Give a folder that `tarsier-eval score` or `eval` has written.")
    result = _read_result(folder / RESULT)
    try:
        rows = by_label(read_jsonl(folder / SCORES), "id")
        # After the lines are read, which says more of a damaged one: scores cut between two lines read as whole.
        refuse_altered(folder, result.fields, SCORES)
    except RowError as error:
        raise malformed(error) from None
    if not rows:
        raise RunError(f"{folder / SCORES} is empty. Choose another folder, or {_AGAIN}.")
    return result, rows


def malformed(error: RowError) -> DataError:
    """Return what to tell a user of a line that does not fit the format."""
    return DataError(f"{error}; or {_AGAIN}")


def _read_result(path: Path) -> Row:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}). Choose another folder, or {_AGAIN}.") from None
    if not isinstance(result, dict):
        raise RunError(f"{path} is damaged (no JSON object). Choose another folder, or {_AGAIN}.")
    return Row(result, str(path))


def _opinion(row: Row, kind: Kind) -> Opinion:
    given = row.row("values")
    values = {name: value for name in VALUES[kind] if (value := given.number(name)) is not None}
    is_judged = len(values) == len(VALUES[kind])
    return Opinion(
        subset=row.text("subset"),
        cluster=row.text("cluster") or row.text("id"),
        output=row.text_or_none("answer"),
        target=row.text("target"),
        values=values if is_judged else {},
        labels=_labels(row.row("detail")) if is_judged and kind == "autodq" else (),
    )


def _labels(detail: Row) -> tuple[tuple[str, str], ...]:
    events, labels = (detail.row(name).texts("reference") for name in ("events", "labels"))
    if len(events) != len(labels):
        raise detail.error("labels.reference", f"has {len(labels)} labels for {len(events)} events")
    for label in labels:
        if label not in LABELS:
            raise detail.error("labels.reference", f"holds {label!r}, expected one of {', '.join(LABELS)}")
    return tuple(zip(events, labels, strict=True))


def _questions(folder: Path, source: object) -> dict[str, str]:
    """Return questions by id: they only make flips readable."""
    asked = {sample.id: sample.metadata.get("question") for sample, _ in predictions_at_hand(folder, source)}
    return {key: question for key, question in asked.items() if isinstance(question, str)}


def predictions_at_hand(folder: Path, source: object) -> list[tuple[Sample, Prediction]]:
    """Return the predictions in a folder, or those that its scores say they were made from.

    Args:
        folder: Of a run or a score.
        source: What its provenance names as `predictions`.

    Predictions which moved, or are of another format, take nothing away: then there are none.
    """
    places = [folder / PREDICTIONS]
    if isinstance(source, str):
        places += [Path(source) / PREDICTIONS, Path(source)]
    for path in places:
        with suppress(DataError, ValueError):
            return read_run(path)
    return []
