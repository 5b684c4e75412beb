"""`tarsier-eval judge`: check a judge's health, export and replay its verdicts, compare it with another one."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_verbs
from eval.cli.judge import check, compare, export, replay

HELP = "check a judge, carry its verdicts around, compare it with another"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its actions."""
    parser.set_defaults(has_actions=True)
    add_verbs(parser, {"check": check, "export": export, "replay": replay, "compare": compare}, dest="action")


def run(given: argparse.Namespace) -> bool:
    """Refuse to do anything without an action."""
    given.parser.error("judge needs an action; see tarsier-eval judge --help.")
    return False
