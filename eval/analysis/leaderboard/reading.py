"""From a run folder, or that of a score, to rows of the leaderboard.

`eval/runs/result.py` reads the result. Here it is brought together with what the predictions depend on, and with the
hashes of the files beside it, and checked for what no table can hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.analysis.leaderboard.cells import check_cell
from eval.analysis.leaderboard.paths import without_places
from eval.analysis.leaderboard.rows import Row, digest, instant
from eval.core import OVERALL, Metric, Result
from eval.errors import DataError
from eval.runs.checksums import refuse_altered
from eval.runs.folder import PREDICTIONS, RESULT, RUN, SCORES, VERDICTS, read_record
from eval.runs.result import AGAIN, read_result, read_scores

_CIRCUMSTANCES = frozenset({
    "accepted", "annotations", "data", "date", "predictions", "predictions_sha256", "read_from", "rows_passed_over",
    "scored_with", "scorer", "versions",
})  # fmt: skip
"""What a result's provenance says beyond the fingerprint of its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A folder with a result, read and checked."""

    folder: Path
    """Where it lies."""
    result: Result
    """What result.json says."""
    raw: Mapping[str, Any]
    """The same, as it stands there."""
    made_by: Mapping[str, Any]
    """What the predictions depend on, as far as it is known; places on this machine are cut to names."""
    predictions_sha256: str
    """Hash of the predictions: the one that the result names, or that of predictions.jsonl."""
    scores_sha256: str
    """Hash of scores.jsonl."""

    @property
    def date(self) -> str:
        """When it was scored, ISO 8601, or ""."""
        about = self.result.provenance
        again = about.get("scored_with")
        return str((again if isinstance(again, Mapping) else about).get("date") or "")

    @property
    def is_builtin(self) -> bool:
        """Whether it is of the built-in world, as far as the result says."""
        return self.result.provenance.get("data") == "built-in"

    @property
    def fingerprint(self) -> str:
        """Hash of everything that predictions and score depend on."""
        return digest({"made_by": self.made_by, "scored_by": self.result.provenance["scorer"]}, 16)


def read_scored(folder: Path) -> Scored:
    """Read the folder of a run, or of a score.

    Raises:
        DataError: result.json is none of this version, or damaged, or holds what no table can.
        RunError: run.json is damaged, or a file is not the one that the result was computed with.
    """
    result, raw = read_result(folder)
    try:
        _check(result)
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / RESULT} is no sound result: {error}. {AGAIN}") from error
    for name in (SCORES, VERDICTS, PREDICTIONS):
        refuse_altered(folder, raw, name)
    return Scored(
        folder=folder,
        result=result,
        raw=raw,
        made_by=_made_by(folder, result),
        predictions_sha256=_predictions_sha256(folder, result),
        scores_sha256=_sha256(folder / SCORES),
    )


def _check(result: Result) -> None:
    """Raise ValueError, TypeError or AttributeError where a result holds what can be in no table."""
    about = result.provenance
    texts = [result.benchmark, result.model, result.judge or "", result.protocol or "", result.score_id]
    texts += [text for metric in result.metrics for text in (metric.name, metric.subset)]
    for key in ("split", "data_sha256", "predictions_sha256"):
        if not isinstance(about.get(key), str | None):
            raise TypeError(f"provenance.{key} is no text")
        texts.append(about.get(key) or "")
    for text in texts:
        check_cell(text)
    for date in (about.get("date"), (about.get("scored_with") or {}).get("date")):
        instant(str(date or ""))


def _made_by(folder: Path, result: Result) -> Mapping[str, Any]:
    """Return what the predictions depend on.

    A run says it in run.json, and a score of a run repeats that in its result. Of a prediction file from elsewhere
    nothing is known but its content.
    """
    if (folder / RUN).is_file():
        record = read_record(folder)
        made_by, accepted = dict(record.fingerprint), [asdict(each) for each in record.accepted]
    else:
        made_by = {name: value for name, value in result.provenance.items() if name not in _CIRCUMSTANCES}
        made_by = made_by or {"predictions_sha256": result.provenance.get("predictions_sha256")}
        accepted = [dict(each) for each in result.provenance.get("accepted") or ()]
    if accepted:
        # Part of the predictions were made before: a run that was continued so is another one.
        made_by["accepted"] = [{**each, "when": None} for each in accepted]
    found: Mapping[str, Any] = without_places(made_by)
    return found


def _predictions_sha256(folder: Path, result: Result) -> str:
    named = result.provenance.get("predictions_sha256")
    path = folder / PREDICTIONS
    return str(named or "") if named or not path.is_file() else _sha256(path)


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {AGAIN}") from error


def rows_of(scored: Scored, provenance: str, bundle_sha256: str = "") -> list[Row]:
    """Return a row for each metric of a result.

    Args:
        scored: The folder.
        provenance: Where the table finds it: the folder or the bundle.
        bundle_sha256: The bundle's hash, where it comes from one.
    """
    result, data, fingerprint = scored.result, _data(scored), scored.fingerprint
    return [
        Row(
            origin="run",
            benchmark=result.benchmark,
            split=result.provenance.get("split") or "",
            subset=metric.subset,
            model=result.model,
            metric=metric.name,
            accounting=metric.accounting,
            judge=result.judge or "",
            protocol=result.protocol or "",
            value=metric.value,
            stderr=metric.stderr,
            low=None if metric.interval is None else metric.interval[0],
            high=None if metric.interval is None else metric.interval[1],
            n=metric.n,
            n_clusters=metric.n_clusters,
            coverage=_coverage(result, metric),
            complete=result.complete,
            headline=metric.name == result.primary and metric.subset == OVERALL,
            date=scored.date,
            score_id=result.score_id,
            data=data,
            builtin=scored.is_builtin,
            fingerprint=fingerprint,
            predictions_sha256=scored.predictions_sha256,
            scores_sha256=scored.scores_sha256,
            provenance=provenance,
            bundle_sha256=bundle_sha256,
        )
        for metric in result.metrics
    ]


def _coverage(result: Result, metric: Metric) -> float | None:
    parts = [part for part in result.coverage if metric.subset in (OVERALL, part.subset)]
    total = sum(part.total for part in parts)
    return sum(part.present for part in parts) / total if total else None


def _data(scored: Scored) -> str:
    """Return which samples were scored: the hash that the run has of them, or one over ids and targets of the scores.

    The two never meet in a column. Where only the scores know, the annotations may have said more than they do.
    """
    known = scored.result.provenance.get("data_sha256")
    if known:
        return str(known[:12])
    scores = read_scores(scored.folder, scored.raw).values()
    asked = [[score.id, score.subset, score.cluster, score.target] for score in scores]
    return f"scores {digest(sorted(asked, key=repr), 12)}"
