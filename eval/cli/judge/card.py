"""`tarsier-eval judge card`: a judge against people."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_judge_flags, add_settings

HELP = "put items that people labelled to a judge: agreement, kappa, offset, errors"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    add_judge_flags(parser)
    parser.add_argument("--data", metavar="DIR", help="folder of labelled sets (default: where `judge data` puts them)")
    parser.add_argument("--to", metavar="DIR", help="folder for card.json, card.md and card.html")
    parser.add_argument("--limit", type=int, metavar="N", help="only about N items of each set, in whole clusters")
    parser.add_argument("--skip-malformed", action="store_true", help="leave out malformed rows, and count them")
    add_settings(parser, ", such as max_cost=2")


def run(given: argparse.Namespace) -> bool:
    """Write a judge's card; return whether it gave a verdict on every item."""
    from eval.running.judge_card import write_card

    card, _ = write_card(
        given.judge,
        given.protocol,
        given.overrides,
        data=given.data,
        to=given.to,
        limit=given.limit,
        skip=given.skip_malformed,
    )
    return card.n_missing == 0
