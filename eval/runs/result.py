"""Reads the files of a run or a score: result.json as a Result, scores.jsonl as Scores.

The only reader for code that compares, tabulates or draws results. Everything in a folder is checked: the result field
by field against `Result`, the scores line by line, and each against the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from eval.core import Result, Score, Status
from eval.errors import DataError, RunError
from eval.files import read_regular
from eval.readers.malformed import RowError
from eval.readers.rows import Row, by_label, read_jsonl
from eval.runs.bundle import refuse_bundle
from eval.runs.checksums import verify
from eval.runs.fields import About, checked, told
from eval.runs.folder import RESULT, RUN, SCORES, runs_inside
from eval.runs.record import Accepted

MAX_RESULT = 256 << 20
"""Most bytes of a result.json; one with a few hundred subsets has some 200 kB."""
AGAIN = "Restore it, or score the predictions again."
"""Remedy for a damaged file of a result."""

_STATUSES: tuple[Status, ...] = get_args(Status)
_GIVE = "Give a folder that `tarsier-eval score` or `eval` has written."


def read_result(folder: Path) -> tuple[Result, Mapping[str, Any]]:
    """Return the result.json of a folder, as a Result and as raw JSON.

    Raises:
        RunError: there is no such folder, or no result in it.
        DataError: the result is of another version, or damaged.
    """
    path = folder / RESULT
    refuse_bundle(folder)
    try:
        if path.stat().st_size > MAX_RESULT:
            raise DataError(f"{path} is too large for a result. {AGAIN}")
        content = read_regular(path)
    except FileNotFoundError:
        if inside := runs_inside(folder):
            raise RunError(f"{folder} holds no result.json itself; give one of the runs in it: {inside}.") from None
        if (folder / RUN).exists():
            again = "Run its command again, which goes on where it stopped"
            raise RunError(f"{folder} is a run that is not through: it has no {RESULT}. {again}.") from None
        raise RunError(f"{path if folder.exists() else folder} does not exist. {_GIVE}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {AGAIN}") from error
    return _parsed(content, path)


def accepted_in(provenance: Mapping[str, Any], place: Path | str) -> tuple[Accepted, ...]:
    """Return the accepted differences with which a run was continued, as its result records them.

    Args:
        provenance: The result's.
        place: Where the result is, for messages.

    Raises:
        DataError: they are damaged.
    """
    try:
        return tuple(checked(each, Accepted) for each in provenance.get("accepted") or ())
    except (TypeError, DataError) as error:
        raise DataError(f"{place}: provenance.accepted is damaged: {error}. {AGAIN}") from error


def read_scores(folder: Path, raw: Mapping[str, Any]) -> dict[str, Score]:
    """Return the scores in a folder by sample id, in the order of the file.

    Args:
        folder: Folder of a run or a score.
        raw: Its raw result.json, which holds the checksum of the scores.

    Raises:
        RunError: there are none, or not those that the result was computed from.
        DataError: a line does not fit the format.
    """
    path = folder / SCORES
    if not path.exists():
        raise RunError(f"{path} does not exist. {_GIVE}")
    try:
        rows = by_label(read_jsonl(path), "id")
        # After reading the lines, whose errors say more; but scores cut between two lines read without error.
        verify(folder, raw, SCORES)
        return {key: _score(row) for key, row in rows.items()}
    except RowError as error:
        raise malformed(error) from None


def malformed(error: RowError) -> DataError:
    """Return the error about a score that does not fit the format."""
    return DataError(f"{error}; or score the predictions again with this version")


def _parsed(content: bytes, path: Path) -> tuple[Result, Mapping[str, Any]]:
    try:
        result = _shape().validate_json(content, strict=True)
        raw = json.loads(content)
        _check(result)
    except ValidationError as error:
        raise DataError(f"{path} is not a result of this version: {told(error)}. {AGAIN}") from error
    except (ValueError, TypeError, RecursionError, DataError) as error:
        raise DataError(f"{path} is not a sound result: {error}. {AGAIN}") from error
    return result, raw


@cache
def _shape() -> TypeAdapter[Result]:
    return TypeAdapter(Result)


def _check(result: Result) -> None:
    """Raise ValueError or TypeError where a result holds an impossible value of the right type."""
    scorer = result.provenance.get("scorer")
    if not isinstance(scorer, Mapping) or not isinstance(scorer.get("name"), str):
        raise TypeError("its provenance names no scorer")
    checked(result.provenance, About, "provenance")
    if not result.benchmark or not result.model or not result.score_id:
        raise ValueError("benchmark, model or score_id is empty")
    seen = set()
    for metric in result.metrics:
        name = (metric.name, metric.accounting, metric.subset)
        if name in seen:
            raise ValueError(f"the metric {' '.join(name)} comes twice")
        seen.add(name)
        numbers = (metric.value, metric.stderr, *(metric.interval or ()))
        if not all(number is None or math.isfinite(number) for number in numbers):
            raise ValueError(f"the metric {' '.join(name)} is not finite")


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
        groups=row.texts("groups") if row.has("groups") else (),
        chance=row.number("chance"),
        reason=row.text_or_none("reason"),
        detail=row.row("detail").fields if row.has("detail") else {},
    )
