"""The steps of each command, one file a command."""

from __future__ import annotations

import argparse
import importlib
import logging

_COMMANDS = {
    "eval": ("evaluate", "evaluate"),
    "equivalence": ("equivalence", "equivalence"),
    "score": ("score", "score"),
    "compare": ("compare", "compare"),
    "regress": ("regress", "regress"),
    "why": ("why", "why"),
    "leaderboard": ("leaderboard", "leaderboard"),
    "verify-row": ("leaderboard", "verify_row"),
    "bundle": ("bundle", "bundle"),
    "judge": ("judge", "run"),
    "export": ("exchange", "export"),
    "import": ("exchange", "import_protocol"),
    "list": ("exchange", "list_names"),
}
"""Module and function of each command; a module is imported only when its command is given."""


def run(given: argparse.Namespace) -> bool | int:
    """Carry out a parsed command; return whether it is complete, or the command's own exit code."""
    logging.basicConfig(format="tarsier-eval: %(message)s", level=logging.WARNING)
    module, function = _COMMANDS[given.command]
    outcome: bool | int = getattr(importlib.import_module(f"eval.cli.{module}"), function)(given)
    return outcome
