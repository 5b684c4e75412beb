"""`tarsier-eval export`: predictions for upstream's own evaluation."""

from __future__ import annotations

import argparse

HELP = "write a run's predictions as upstream's own rows"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--run", metavar="DIR", required=True, help="run folder")
    parser.add_argument("--to", metavar="FILE", required=True, help="file to write")
    parser.add_argument("--ann", metavar="FILE", help="upstream's annotation file, to keep its rows as they are")


def run(given: argparse.Namespace) -> bool:
    """Write a run's predictions as upstream's rows; return whether none is missing."""
    from eval.running.exporting import export_predictions, n_samples
    from eval.running.outcome import say

    count = export_predictions(given.run, given.to, given.ann)
    say(f"{count} rows written to {given.to}")
    expected = n_samples(given.run, count)
    if count < expected:
        say(f"The run is not through: {expected - count} of its {expected} samples are not among them.")
    return count >= expected
