"""Scores a run again from its recorded verdicts, asking nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from eval import config as configuration
from eval.analysis.leaderboard.finding import opened
from eval.core import Result
from eval.errors import RunError
from eval.files import absolute, make_folder, read_regular
from eval.judges.replay import ReplayJudge
from eval.readers.predictions import to_json
from eval.readers.rows import read_jsonl
from eval.report.failures import show_failures
from eval.report.terminal import show_result
from eval.running.outcome import is_whole, origin, stamp
from eval.running.request import Place, ScoreRequest
from eval.running.rescore import build_benchmark, pairs_of, rescore
from eval.running.score_file import score
from eval.runs.bundle import ALLOWED, POPULATION, WORDING
from eval.runs.checksums import write_scored
from eval.runs.folder import (
    CONFIG,
    PREDICTIONS,
    RUN,
    VERDICTS,
    holds_only,
    write_bytes_atomically,
    write_jsonl,
)
from eval.runs.lock import FolderLock
from eval.runs.scored import ScoredRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A score from recorded verdicts."""

    is_complete: bool
    """Whether nothing failed and nothing is missing."""
    differences: Sequence[str] | None
    """A line for each number that differs from the bundle's; None where other predictions were scored."""


def replay(
    bundle: Place,
    *,
    predictions: Place | None = None,
    data: str | None = None,
    out: Place | None = None,
    overrides: Sequence[str] = (),
) -> Replayed:
    """Score from a bundle without new judge calls, and compare with the bundle's own result.

    Args:
        bundle: A bundle, or a run folder.
        predictions: Predictions to score instead of the bundle's own.
        data: Root of the annotations, for metrics that need all samples of the split; None: the run's own.
        out: Folder for the result; None: a new one in results/runs/.
        overrides: Further settings of conf/, as `key=value`.

    Raises:
        TarsierEvalError: the bundle is damaged, holds no verdicts of a server, or cannot be scored again.
    """
    configuration.refuse_unused("judge replay", overrides, ["data"] if data else [])
    with opened(absolute(bundle)) as scored:
        ReplayJudge(bundle=scored.folder).require_served()
        bench = scored.result.benchmark
        to = absolute(out) if out else configuration.RUNS / f"{stamp()}-replay-{bench}"
        if predictions:
            request = ScoreRequest(
                predictions=predictions,
                bench=bench,
                judge=f"replay:{scored.folder}",
                data=data,
                out=to,
                overrides=overrides,
            )
            return Replayed(is_complete=score(request)[1], differences=None)
        again = _again(scored, to, data, overrides)
        return Replayed(is_complete=is_whole(again), differences=_differences(scored.result, again))


def _again(scored: ScoredRun, out: Path, data: str | None, overrides: Sequence[str]) -> Result:
    """Score a run again into a new folder, with copies of the run's own files, so that its origin stays known.

    Raises:
        RunError: the folder exists and holds something else.
    """
    if out.exists() and not (out.is_dir() and holds_only(out, ALLOWED)):
        raise RunError(f"{out} is there already and is not the folder of a replay. Choose another OUT.")
    scores, result = rescore(scored, data, overrides)
    result = replace(result, provenance={**result.provenance, "scored_with": origin(scored.settings)})
    pairs = pairs_of(scored, build_benchmark(scored))
    verdicts = scored.folder / VERDICTS
    make_folder(out)
    with FolderLock(out):
        for name in (RUN, CONFIG, WORDING, POPULATION):
            if (scored.folder / name).exists():
                write_bytes_atomically(out / name, read_regular(scored.folder / name))
        write_jsonl(out / PREDICTIONS, (to_json(*pair) for pair in pairs))
        said = [{**row.fields, "source": "stored"} for row in read_jsonl(verdicts)] if verdicts.exists() else None
        write_scored(out, (asdict(score) for score in scores), said, asdict(result))
    show_result(result, notes=[f"Written to {out}"])
    show_failures([prediction for _, prediction in pairs], scores)
    return result


def _differences(then: Result, now: Result) -> list[str]:
    """Return a line for each number that differs from the bundle's."""
    lines = []
    missing = now.counts.judge_failed - then.counts.judge_failed
    if missing > 0:
        lines.append(f"{missing} samples lack verdicts that were there when the bundle was made: it is not whole.")
    if then.score_id != now.score_id:
        lines.append(
            f"The score's identity is {now.score_id}, and was {then.score_id}: parser or protocol changed since."
        )
    before, after = (
        {(metric.name, metric.accounting, metric.subset): metric.value for metric in result.metrics}
        for result in (then, now)
    )
    differing = [
        key
        for key in dict.fromkeys([*after, *before])
        if (key in before, before.get(key)) != (key in after, after.get(key))
    ]
    lines += [f"{' '.join(key)} is {after.get(key)}, and was {before.get(key)} in the bundle." for key in differing]
    return lines
