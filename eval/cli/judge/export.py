"""`tarsier-eval judge export`: a run and the verdicts of its judge in one file."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_settings

HELP = "write a run that a server judged as one bundle"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--run", metavar="DIR", required=True, help="folder of a run, or of a score")
    parser.add_argument("--to", metavar="FILE", required=True, help="the bundle to write, such as run.tar.gz")
    add_settings(parser, ", such as protocol.pack=DIR")


def run(given: argparse.Namespace) -> bool:
    """Write a run judged by a server as one bundle, verdicts included."""
    from eval.cli.bundle import show_bundle
    from eval.running.bundling import bundle_judged
    from eval.running.outcome import say

    written, judge = bundle_judged(given.run, given.to, given.overrides)
    show_bundle(written)
    say(f"They hold {judge.n_served} verdicts of {judge.name} on {written.n_predictions} predictions.")
    return True
