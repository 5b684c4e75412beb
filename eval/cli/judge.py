"""`tarsier-eval judge`: check a judge's health, export and replay its verdicts, compare it with another one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from eval import building
from eval import config as configuration
from eval.analysis.judges.comparison import compare_judges
from eval.analysis.judges.opinions import read_judged
from eval.analysis.judges.view import show_agreement
from eval.analysis.leaderboard.finding import opened
from eval.analysis.leaderboard.reading import refuse_untabular
from eval.cli.bundle import result_folder, write_bundle
from eval.core import Result
from eval.errors import RunError
from eval.files import make_folder
from eval.judges.replay import ReplayJudge
from eval.readers.predictions import to_json
from eval.readers.rows import read_jsonl
from eval.report.terminal import show_failures, show_result
from eval.running.judge_session import Judging, judge_overrides, protocol_overrides
from eval.running.outcome import is_whole, origin, say, stamp
from eval.running.request import ScoreRequest
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
    write_json,
    write_jsonl,
)
from eval.runs.lock import FolderLock
from eval.runs.scored import ScoredRun

SHOWN = 5
"""Number of differences listed."""


def run(given: argparse.Namespace) -> bool:
    """Carry out one of the actions."""
    actions = {"check": check, "compare": compare, "export": export, "replay": replay}
    return actions[given.action](given)


def check(given: argparse.Namespace) -> bool:
    """Probe a server's accepted fields again, then send the canary set; return whether every reply could be read."""
    overrides = [*judge_overrides(given.judge), *protocol_overrides(given.protocol), *given.overrides]
    settings = configuration.load_settings(overrides)
    judging = Judging(settings)
    for line in judging.judge.renew():
        say(line)
    return judging.show_health(building.build(settings.protocol, "protocol"))


def compare(given: argparse.Namespace) -> bool:
    """Show the agreement of two judges on the same predictions."""
    first, second = (read_judged(result_folder(name)) for name in (given.first, given.second))
    agreement = compare_judges(first, second)
    show_agreement(agreement)
    if given.to:
        write_json(Path(given.to).expanduser(), asdict(agreement))
    return True


def export(given: argparse.Namespace) -> bool:
    """Write a run judged by a server as one bundle, verdicts included."""
    scored = ScoredRun.read(result_folder(given.run))
    refuse_untabular(scored)
    judge = ReplayJudge(bundle=scored.folder)
    judge.require_served()
    write_bundle(scored, given.to, given.overrides)
    say(f"They hold {judge.n_served} verdicts of {judge.name} on {scored.result.counts.total} predictions.")
    return True


def replay(given: argparse.Namespace) -> bool:
    """Score from a bundle without new judge calls, and compare with the bundle's own result."""
    path = Path(given.bundle).expanduser().resolve()
    with opened(path) as scored:
        ReplayJudge(bundle=scored.folder).require_served()
        bench = scored.result.benchmark
        out = Path(given.out).expanduser().resolve() if given.out else configuration.RUNS / f"{stamp()}-replay-{bench}"
        if given.pred:
            request = ScoreRequest(
                predictions=given.pred,
                bench=bench,
                judge=f"replay:{scored.folder}",
                data=given.data,
                out=out,
                overrides=given.overrides,
            )
            return score(request)[1]
        again = _again(scored, out, given.data, given.overrides)
        differences = _differences(scored.result, again)
    for line in differences[:SHOWN]:
        say(line)
    if len(differences) > SHOWN:
        say(f"... and {len(differences) - SHOWN} more numbers differ.")
    if not differences:
        say("Every number equals the one in the bundle.")
    return is_whole(again) and not differences


def _again(scored: ScoredRun, out: Path, data: str | None, overrides: Sequence[str]) -> Result:
    """Score a run again into a new folder, with copies of the run's own files, so that its origin stays known.

    Raises:
        RunError: the folder exists and holds something else.
    """
    if out.exists() and not (out.is_dir() and holds_only(out, ALLOWED)):
        raise RunError(f"{out} is there already and is not the folder of a replay. Choose another OUT.")
    scores, result = rescore(scored, data, overrides)
    result = replace(result, provenance={**result.provenance, "scored_with": origin()})
    pairs = pairs_of(scored, build_benchmark(scored))
    verdicts = scored.folder / VERDICTS
    make_folder(out)
    with FolderLock(out):
        for name in (RUN, CONFIG, WORDING, POPULATION):
            if (scored.folder / name).is_file():
                write_bytes_atomically(out / name, (scored.folder / name).read_bytes())
        write_jsonl(out / PREDICTIONS, (to_json(*pair) for pair in pairs))
        said = [{**row.fields, "source": "stored"} for row in read_jsonl(verdicts)] if verdicts.is_file() else None
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
