"""`tarsier-eval judge compare`: the agreement of two judges."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_json_flag, write_to

HELP = "two judges on the same predictions: agreement, offset, flips"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--first", metavar="DIR", required=True, help="folder of a score by one judge")
    parser.add_argument(
        "--second", metavar="DIR", required=True, help="folder of a score of the same predictions by another"
    )
    add_json_flag(parser)


def run(given: argparse.Namespace) -> bool:
    """Show the agreement of two judges on the same predictions."""
    from dataclasses import asdict

    from eval.analysis.judges.comparison import compare_judges
    from eval.analysis.judges.opinions import read_judged
    from eval.analysis.judges.view import show_agreement
    from eval.runs.folder import result_folder

    agreement = compare_judges(read_judged(result_folder(given.first)), read_judged(result_folder(given.second)))
    show_agreement(agreement)
    write_to(given.to, asdict(agreement))
    return True
