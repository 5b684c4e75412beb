"""`tarsier-eval judge data`: labelled sets from their owners."""

from __future__ import annotations

import argparse

HELP = "fetch sets that people labelled from their owners, with their licences, for judge card"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--sets", metavar="NAMES", help="names with commas, such as nq301,sick (default: all)")
    parser.add_argument("--to", metavar="DIR", help="folder of the sets (default: where `judge card` looks for them)")
    parser.add_argument("--mirror", metavar="URL", help="address that has <repository>/<commit>/<path> below it")


def run(given: argparse.Namespace) -> bool:
    """Fetch the sets."""
    from eval.analysis.card.originals.original import HOST
    from eval.running.judge_data import fetch_sets

    names = [name.strip() for name in (given.sets or "").split(",") if name.strip()]
    fetch_sets(names, given.to, host=given.mirror or HOST)
    return True
