"""`tarsier-eval judge replay`: a score from recorded verdicts."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_data_flag, add_settings

HELP = "score again from a bundle, asking nobody"

SHOWN = 5
"""Number of differences listed."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument(
        "--bundle", metavar="PLACE", required=True, help="what judge export or bundle wrote, or a run folder"
    )
    parser.add_argument("--pred", metavar="PATH", help="predictions to score instead of the bundle's own")
    add_data_flag(parser)
    parser.add_argument("--out", metavar="DIR", help="folder for the result")
    add_settings(parser)


def run(given: argparse.Namespace) -> bool:
    """Score from a bundle without new judge calls, and compare with the bundle's own result."""
    from eval.running.outcome import say
    from eval.running.replaying import replay

    found = replay(given.bundle, predictions=given.pred, data=given.data, out=given.out, overrides=given.overrides)
    if found.differences is None:
        return found.is_complete
    for line in found.differences[:SHOWN]:
        say(line)
    if len(found.differences) > SHOWN:
        say(f"... and {len(found.differences) - SHOWN} more numbers differ.")
    if not found.differences:
        say("Every number equals the one in the bundle.")
    return found.is_complete and not found.differences
