"""`tarsier-eval why`: possible reasons why a number differs from another one."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_json_flag, add_settings, write_to

<<<<<<< HEAD
from eval import building
from eval import config as configuration
from eval.analysis.explain.explanation import ExplainInputs, explain
from eval.analysis.explain.graders import JudgePanel, places, same_outputs
from eval.analysis.explain.stored import stored_judges
from eval.analysis.explain.target import Target, by_hand, published
from eval.analysis.explain.view import show_explanation
from eval.analysis.explain.ways import (
    ACCOUNTING,
    AVERAGE,
    BASES,
    BASIS,
    DIGITS,
    TOKENIZER,
    WHOLE,
    MetricKey,
    VariantScores,
    average_of,
)  # fmt: skip
from eval.analysis.leaderboard.finding import opened
from eval.analysis.leaderboard.published import read_published
from eval.cli.leaderboard import PUBLISHED
from eval.config import Settings
from eval.core import OVERALL, Benchmark, Prediction, Sample, Score, Scorer
from eval.errors import ConfigError, DataError, TarsierEvalError
from eval.judges.calls import Respondent
from eval.judges.protocol import JudgeProtocol, ProtocolName, judge_protocol
from eval.judges.replay import ReplayJudge
from eval.running.judge_session import pack_of
from eval.running.rescore import pairs_of, population_of, rescore
from eval.runs.folder import RESULT, write_json
from eval.runs.scored import ScoredRun

Pairs = list[tuple[Sample, Prediction]]

_BROKEN = {True: "left out", False: "kept"}
"""Treatment of a video with one question without a valid answer."""


@dataclass(frozen=True, slots=True)
class _Case:
    """Inputs for scoring a number's predictions again."""

    path: Path
    scored: ScoredRun
    given: argparse.Namespace
    settings: Settings
    benchmark: Benchmark
    pairs: Pairs
    notes: list[str] = field(default_factory=list)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything the scores depend on, from the result."""
        found: Mapping[str, Any] = self.scored.result.provenance["scorer"]
        return found

    def graded(self, judge: Respondent, protocol: JudgeProtocol) -> Scorer:
        """Return the benchmark's scorer with a judge."""
        return _built(self.settings.benchmark["scorer"], {"judge": judge, "protocol": protocol})
=======
HELP = "what could make a number differ from another one, and by how much"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--run", metavar="PLACE", required=True, help="run folder, folder of a score, or bundle")
    parser.add_argument("--published", metavar="ROW", help="row of results/published.csv, or benchmark/model[/subset]")
    parser.add_argument("--value", metavar="NUMBER", help="the other number as tables print it, such as 62.6")
    parser.add_argument(
        "--verdicts", nargs="+", action="extend", metavar="PLACE", help="scores or bundles of other judges"
    )
    parser.add_argument("--data", metavar="DIR", help="root of the annotations, for missing samples and CIDEr")
    add_json_flag(parser)
    add_settings(parser, ", such as verdicts=FILE")
>>>>>>> 6bba723f8006e57f5a131ced577acd1ee5de7346


def run(given: argparse.Namespace) -> bool:
    """Show the possible reasons for the difference between a run's number and a published or given one."""
    from dataclasses import asdict
    from pathlib import Path

    from eval.analysis.explain.view import show_explanation
    from eval.errors import ConfigError
    from eval.running.explaining import explain_run
    from eval.running.request import WhyRequest

    request = WhyRequest(
        run=given.run,
        published=given.published,
        value=given.value,
        verdicts=given.verdicts or (),
        data=given.data,
        overrides=given.overrides,
    )
    if given.to and not Path(given.to).expanduser().parent.is_dir():
        raise ConfigError(f"--to {given.to}: its folder does not exist.")
    explanation = explain_run(request)
    show_explanation(explanation)
    write_to(given.to, asdict(explanation))
    return True
