"""`tarsier-eval equivalence`: whether sharing and batching change outputs, on this device, in this precision."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_json_flag, add_model_flags, model_arguments, write_to

HELP = "measure whether batching changes a model's outputs"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    add_model_flags(parser)
    add_json_flag(parser)


def run(given: argparse.Namespace) -> bool:
    """Show the differences between samples run together and one by one; return whether there are none."""
    from dataclasses import asdict

    from eval.report.equivalence import show_equivalence
    from eval.running.equivalence import measure_equivalence
    from eval.running.outcome import origin
    from eval.running.request import EvalRequest

    found = measure_equivalence(EvalRequest(**model_arguments(given), verb="equivalence"))
    show_equivalence(found)
    write_to(given.to, {**asdict(found), **origin({"model": {**found.model}})})
    return not found.flips and not found.failed
