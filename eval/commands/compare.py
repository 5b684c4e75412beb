"""`tarsier-eval compare`: two models, or two settings of one, on the same samples."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from eval.comparison.scored import read_system
from eval.comparison.systems import compare_systems
from eval.report.comparison import show_comparison
from eval.store import write_json


def compare(given: argparse.Namespace) -> bool:
    """Show how two systems differ on the same samples, and how sure that is."""
    first, second = (read_system(Path(name).expanduser().resolve()) for name in (given.first, given.second))
    comparison = compare_systems(first, second, given.accept or ())
    show_comparison(comparison)
    if given.to:
        write_json(Path(given.to).expanduser(), asdict(comparison))
    return True
