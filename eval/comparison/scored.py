"""Reads what was scored, and how, out of the folder of a run or of a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.agreement.opinions import malformed, open_scores, predictions_at_hand
from eval.core import Score, Status
from eval.readers.malformed import RowError
from eval.readers.rows import Row

_STATUSES: tuple[Status, ...] = ("scored", "invalid", "model_failed", "judge_failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A folder of scores of one model's predictions."""

    folder: Path
    """Where it was read from."""
    benchmark: str
    """Name of the benchmark."""
    model: str
    """Name of the model."""
    primary: str
    """The metric that the benchmark is known by."""
    score_id: str
    """Hash of what makes a score what it is."""
    complete: bool
    """Whether enough samples ended with an output and a verdict."""
    scorer: Mapping[str, Any]
    """What the scores depend on, as the scorer describes itself."""
    provenance: Mapping[str, Any]
    """What the predictions depend on, as far as the folder says."""
    scores: Mapping[str, Score]
    """By sample id, in the order of the file."""
    outputs: Mapping[str, str]
    """Raw outputs by sample id, where predictions are at hand: for people to read, nothing is computed from them."""


def read_scored(folder: Path) -> Scored:
    """Read what `tarsier-eval score` or `eval` left in a folder.

    Raises:
        RunError: the folder, or one of its files, is missing, damaged or not whole.
        DataError: a line of its scores, or its result, does not fit the format.
    """
    result, rows = open_scores(folder)
    try:
        provenance = result.row("provenance")
        predictions = predictions_at_hand(folder, provenance.fields.get("predictions"))
        return Scored(
            folder=folder,
            benchmark=result.text("benchmark"),
            model=result.text("model"),
            primary=result.text("primary"),
            score_id=result.text("score_id"),
            complete=result.fields.get("complete") is True,
            scorer=provenance.row("scorer").fields,
            provenance={key: value for key, value in provenance.fields.items() if key != "scorer"},
            scores={key: _score(row) for key, row in rows.items()},
            outputs={sample.id: said.output for sample, said in predictions if said.output is not None},
        )
    except RowError as error:
        raise malformed(error) from None


def _score(row: Row) -> Score:
    given = row.text("status")
    status = next((each for each in _STATUSES if each == given), None)
    if status is None:
        raise row.error("status", f"holds {given!r}, expected one of {', '.join(_STATUSES)}")
    values = row.row("values")
    return Score(
        id=row.text("id"),
        subset=row.text("subset"),
        cluster=row.text("cluster"),
        status=status,
        answer=row.text_or_none("answer"),
        target=row.text("target"),
        values={name: value for name in values.fields if (value := values.number(name)) is not None},
        reason=row.text_or_none("reason"),
    )
