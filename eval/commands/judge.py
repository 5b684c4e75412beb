"""`tarsier-eval judge`: check a judge's health, export and replay its verdicts, compare it with another one."""

from __future__ import annotations

import argparse
import re
import tempfile
from dataclasses import asdict
from pathlib import Path

from eval import building
from eval import config as configuration
from eval.agreement.comparison import compare_judges
from eval.agreement.opinions import read_judged
from eval.commands.bundle import result_folder, write_bundle
from eval.commands.judging import Judging, judge_overrides, protocol_overrides
from eval.commands.outcome import say, stamp
from eval.commands.rescoring import build_benchmark, pairs_of
from eval.commands.score import score
from eval.core import Result
from eval.judges.replay import ReplayJudge
from eval.judges.served import ServedJudge
from eval.leaderboard.finding import opened
from eval.leaderboard.reading import read_scored
from eval.readers.predictions import to_json
from eval.report.agreement import show_agreement
from eval.results import read_result
from eval.store import write_json, write_jsonl

SHOWN = 5
"""Differences that are listed."""


def run(given: argparse.Namespace) -> bool:
    """Carry out one of the actions."""
    actions = {"check": check, "compare": compare, "export": export, "replay": replay}
    return actions[given.action](given)


def check(given: argparse.Namespace) -> bool:
    """Ask a server anew what it takes, then put the canary set to the judge; return whether every reply was read."""
    overrides = [*judge_overrides(given.judge), *protocol_overrides(given.protocol), *given.overrides]
    settings = configuration.load_settings(overrides)
    judging = Judging(settings)
    judge = judging.judge
    if isinstance(judge, ServedJudge):
        judge.fresh = True
        takes = judge.probe()
        found = ", ".join(f"{name}: {str(value).lower()}" for name, value in asdict(takes).items())
        say(f"The judge at {judge.server.url}, {judge.server.model}: {found}")
        judging.warn()
    return judging.show_health(building.build(settings.protocol, "protocol"))


def compare(given: argparse.Namespace) -> bool:
    """Show how far two judges agree on the same predictions."""
    first, second = (read_judged(result_folder(name)) for name in (given.first, given.second))
    agreement = compare_judges(first, second)
    show_agreement(agreement)
    if given.to:
        write_json(Path(given.to).expanduser(), asdict(agreement))
    return True


def export(given: argparse.Namespace) -> bool:
    """Write a run whose judge was a server as one bundle, verdicts and all."""
    scored = read_scored(result_folder(given.run))
    judge = ReplayJudge(bundle=scored.folder)
    judge.require_served()
    write_bundle(scored, given.to, given.overrides)
    say(f"They hold {judge.n_served} verdicts of {judge.name} on {scored.result.counts.total} predictions.")
    return True


def replay(given: argparse.Namespace) -> bool:
    """Score from a bundle, asking nobody, and compare with what the bundle says came of it."""
    path = Path(given.bundle).expanduser().resolve()
    with opened(path) as scored, tempfile.TemporaryDirectory(prefix="tarsier-eval-") as folder:
        bench = scored.result.benchmark
        out = Path(given.out).expanduser().resolve() if given.out else configuration.RUNS / f"{stamp()}-replay-{bench}"
        # A prediction file gives its model its name.
        name = re.sub(r"[^\w.-]", "_", scored.result.model)
        predictions = Path(folder) / f"{name}.jsonl"
        if not given.pred:
            write_jsonl(predictions, (to_json(*pair) for pair in pairs_of(scored, build_benchmark(scored))))
        whole = score(
            argparse.Namespace(
                pred=given.pred or str(predictions),
                bench=bench,
                judge=f"replay:{scored.folder}",
                protocol=None,
                data=given.data,
                out=str(out),
                overrides=given.overrides,
            )
        )
        differences = [] if given.pred else _differences(scored.result, read_result(out)[0])
    for line in differences[:SHOWN]:
        say(line)
    if len(differences) > SHOWN:
        say(f"... and {len(differences) - SHOWN} more numbers differ.")
    if not given.pred and not differences:
        say("Every number equals the one in the bundle.")
    return whole and not differences


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
