"""`tarsier-eval data`: what benchmarks expect of a data folder, and what is there."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_settings

HELP = "look over a data folder: what is missing, broken or misnamed, and how to get it"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument(
        "--bench", metavar="NAMES", required=True, help="benchmarks, groups or subsets, as eval takes them"
    )
    parser.add_argument("--data", metavar="DIR", help="the folder (default: the built-in world)")
    parser.add_argument("--ann", metavar="FILE", help="annotation file in upstream's format; DATA roots its videos")
    parser.add_argument("--to", metavar="CSV", help="write sizes and hashes of all files, and missing.txt beside it")
    parser.add_argument("--against", metavar="CSV", help="compare with a manifest that --to wrote elsewhere")
    parser.add_argument("--missing", metavar="FILE", help="write the missing media, one a line")
    parser.add_argument("--unpack", action="store_true", help="unpack archives where they lie, overwriting nothing")
    add_settings(parser, ", such as benchmark.split=val")


def run(given: argparse.Namespace) -> bool:
    """Show what is there; return whether nothing is missing, unreadable or different."""
    from eval.analysis.data.view import show_data, show_differences, show_unpacked
    from eval.running.data_check import DataRequest, check_data
    from eval.running.outcome import say
    from eval.running.request import EvalRequest

    run = EvalRequest(bench=given.bench, data=given.data, annotations=given.ann, overrides=given.overrides, verb="data")
    request = DataRequest(run=run, to=given.to, against=given.against, missing=given.missing, unpack=given.unpack)
    found = check_data(request)
    show_unpacked(found.unpacked, found.failures)
    show_data(found.reports, found.root)
    if found.differences is not None:
        show_differences(found.differences, given.against)
    for name in found.written:
        say(f"Written to {name}")
    is_same = found.differences is None or not (found.differences.other or found.differences.only_there)
    return is_same and not found.failures and all(report.is_whole for report in found.reports)
