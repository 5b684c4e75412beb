"""`tarsier-eval report`: a run as a page to look at."""

from __future__ import annotations

import argparse

HELP = "write a run's page: numbers, and every sample with its frames, output and score"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument(
        "--run", metavar="PLACE", required=True, help="run folder, folder of several, folder of a score, or bundle"
    )
    parser.add_argument("--to", metavar="FILE", help="the page (default: report.html in the folder)")


def run(given: argparse.Namespace) -> bool:
    """Write the page."""
    from eval.readers.malformed import printable
    from eval.running.reporting import report

    print(printable(f"Written to {report(given.run, given.to)}"))
    return True
