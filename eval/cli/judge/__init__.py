"""`tarsier-eval judge`: check and measure a judge, export and replay its verdicts, compare it with another one."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_verbs
from eval.cli.judge import card, check, compare, data, export, replay

HELP = "check a judge, measure it against people, carry its verdicts around, compare it with another"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its actions."""
    parser.set_defaults(has_actions=True)
    verbs = {"check": check, "card": card, "data": data, "export": export, "replay": replay, "compare": compare}
    add_verbs(parser, verbs, dest="action")


def run(given: argparse.Namespace) -> bool:
    """Refuse to do anything without an action."""
    given.parser.error("judge needs an action; see tarsier-eval judge --help.")
    return False
