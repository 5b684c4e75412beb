"""Turns a run into rows of the leaderboard; refuses values that a table cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from eval.analysis.leaderboard.cells import check_cell
from eval.analysis.leaderboard.rows import TableRow, instant
from eval.core import OVERALL, FramePolicy, FrameRule, Metric, Result
from eval.errors import DataError
from eval.provenance import digest
from eval.readers.malformed import printable
from eval.runs.folder import RESULT
from eval.runs.result import AGAIN
from eval.runs.scored import ScoredRun


def refuse_untabular(run: ScoredRun) -> None:
    """Refuse a run whose files do not belong to its result, or whose result a table cannot hold.

    Raises:
        DataError: a cell cannot hold a text of the result.
        RunError: a file is not the one that the result was computed from.
    """
    try:
        _check(run.result)
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{run.folder / RESULT} is not a sound result: {error}. {AGAIN}") from error
    run.verify()


def _check(result: Result) -> None:
    """Raise ValueError, TypeError or AttributeError where a table cannot hold a result."""
    about = result.provenance
    texts = [result.benchmark, result.model, result.judge or "", result.protocol or "", result.score_id]
    texts += [text for metric in result.metrics for text in (metric.name, metric.subset)]
    for key in ("split", "data_sha256", "predictions_sha256"):
        if not isinstance(about.get(key), str | None):
            raise TypeError(f"provenance.{key} is not text")
        texts.append(about.get(key) or "")
    for text in texts:
        check_cell(text)
    for date in (about.get("date"), (about.get("scored_with") or {}).get("date")):
        instant(str(date or ""))


def rows_of(scored: ScoredRun, provenance: str, bundle_sha256: str = "") -> list[TableRow]:
    """Return a row for each metric of a result, with control characters of names escaped: a table is printed too.

    Args:
        scored: The folder.
        provenance: Path of the folder or the bundle.
        bundle_sha256: The bundle's hash, if it comes from a bundle.
    """
    result, data, fingerprint = scored.result, _data(scored), scored.fingerprint
    return [
        TableRow(
            origin="run",
            benchmark=printable(result.benchmark),
            split=printable(result.provenance.get("split") or ""),
            subset=printable(metric.subset),
            model=printable(result.model),
            metric=printable(metric.name),
            accounting=metric.accounting,
            judge=printable(result.judge or ""),
            protocol=printable(result.protocol or ""),
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
            frames=_frames(result),
            chance=metric.chance,
        )
        for metric in result.metrics
    ]


def _frames(result: Result) -> str:
    """Return the name of the frame policy of a result's model; "" where it is not recorded."""
    model = result.provenance.get("model")
    told = model if isinstance(model, dict) else {}
    n_frames, fps = told.get("n_frames"), told.get("fps")
    if type(n_frames) is not int or not isinstance(fps, int | float | None):
        return ""
    return FramePolicy(n_frames=n_frames, fps=fps, rule=_rule(told)).name


def _rule(told: Mapping[str, Any]) -> FrameRule:
    """Return the rule by which a model's frames were chosen: recorded for a server's, and that of its kind for others.

    Only Tarsier2 records `min_pixels`, and only `model=hf` an `architecture`.
    """
    known: dict[object, FrameRule] = {rule: rule for rule in get_args(FrameRule)}
    of_kind: FrameRule = "tarsier2" if "min_pixels" in told or "architecture" in told else "tarsier"
    return known.get(str(told.get("frame_rule")), of_kind)


def _coverage(result: Result, metric: Metric) -> float | None:
    parts = [part for part in result.coverage if metric.subset in (OVERALL, part.subset)]
    total = sum(part.total for part in parts)
    return sum(part.present for part in parts) / total if total else None


def _data(scored: ScoredRun) -> str:
    """Return a hash of the scored samples: the run's own, or one over ids and targets of the scores.

    The two kinds are never in one column, since annotations may hold more than the scores do.
    """
    known = scored.result.provenance.get("data_sha256")
    if known:
        return str(known[:12])
    scores = scored.scores.values()
    asked = [[score.id, score.subset, score.cluster, score.target] for score in scores]
    return f"scores {digest(sorted(asked, key=repr), 12)}"
