"""What each command does, arrow by arrow; a file a command."""

from __future__ import annotations

import argparse
import logging


def run(given: argparse.Namespace) -> bool:
    """Carry out a parsed command; return whether it is complete. Each imports what it needs, and no more."""
    logging.basicConfig(format="tarsier-eval: %(message)s", level=logging.WARNING)
    if given.command == "eval":
        from eval.commands.evaluate import evaluate

        return evaluate(given)
    if given.command == "score":
        from eval.commands.score import score

        return score(given)
    if given.command == "judge":
        from eval.commands import judge

        return judge.run(given)
    from eval.commands import exchange

    if given.command == "export":
        return exchange.export(given)
    if given.command == "import":
        return exchange.import_protocol(given)
    return exchange.list_names()
