"""`tarsier-eval why`: possible reasons why a number differs from another one."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_json_flag, add_settings, write_to

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


def run(given: argparse.Namespace) -> bool:
    """Show the possible reasons for the difference between a run's number and a published or given one."""
    from dataclasses import asdict

    from eval.analysis.explain.view import show_explanation
    from eval.errors import ConfigError
    from eval.files import expanded
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
    if given.to and not expanded(given.to).parent.is_dir():
        raise ConfigError(f"--to {given.to}: its folder does not exist.")
    explanation = explain_run(request)
    show_explanation(explanation)
    write_to(given.to, asdict(explanation))
    return True
