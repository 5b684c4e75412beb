"""`tarsier-eval compare`: two models, or two settings of one, on the same samples."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_json_flag, write_to

HELP = "two runs or scores on the same samples: difference, interval, flips"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--first", metavar="DIR", required=True, help="folder of a run, a score, or several runs")
    parser.add_argument("--second", metavar="DIR", required=True, help="folder of another on the same samples")
    add_json_flag(parser)
    parser.add_argument(
        "--accept", nargs="+", action="extend", metavar="FIELD", help="differences in what was measured to put up with"
    )


def run(given: argparse.Namespace) -> bool:
    """Show the differences between two systems on the same samples of a benchmark, or of each of several."""
    from dataclasses import asdict

    from eval.analysis.compare.several import compare_several
    from eval.analysis.compare.view import show_comparison, show_comparisons
    from eval.api import compare, load
    from eval.files import absolute
    from eval.runs.folder import runs_in

    several = [runs_in(absolute(each)) for each in (given.first, given.second)]
    if all(several) and max(map(len, several)) > 1:
        first, second = ([load(run) for run in runs] for runs in several)
        compared = compare_several(first, second, given.accept or ())
        show_comparisons(compared)
        write_to(given.to, asdict(compared))
        return True
    comparison = compare(given.first, given.second, accept=given.accept or ())
    show_comparison(comparison)
    write_to(given.to, asdict(comparison))
    return True
