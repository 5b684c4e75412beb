"""Corrects a result by the judge card that a run was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eval.analysis.card.card import read_card
from eval.analysis.card.correct import check_fits, correction
from eval.core import Benchmark, Result, Score, Scorer


def check_card(card: Path | None, benchmark: Benchmark) -> None:
    """Raise ConfigError or DataError, before work is done, where a card cannot correct a benchmark's scores."""
    if card is not None:
        check_fits(*read_card(card), benchmark.scorer.traits, benchmark.scorer.describe())


def corrected(card: Path | None, result: Result, scores: Sequence[Score], scorer: Scorer) -> Result:
    """Return a result with its judged metrics corrected too, where there is a card and the scores are a judge's."""
    if card is None or scorer.traits.judged is None:
        return result
    return replace(result, corrected=correction(*read_card(card), result, scores, scorer.traits))
