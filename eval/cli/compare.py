"""`tarsier-eval compare`: two models, or two settings of one, on the same samples."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from eval.analysis.compare.systems import compare_systems
from eval.analysis.compare.view import show_comparison
from eval.runs.folder import write_json
from eval.runs.scored import ScoredRun


def compare(given: argparse.Namespace) -> bool:
    """Show the differences between two systems on the same samples, with their uncertainty."""
    first, second = (ScoredRun.read(Path(name).expanduser().resolve()) for name in (given.first, given.second))
    comparison = compare_systems(first, second, given.accept or ())
    show_comparison(comparison)
    if given.to:
        write_json(Path(given.to).expanduser(), asdict(comparison))
    return True
