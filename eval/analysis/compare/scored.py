"""Reads what was scored of one system, and how, out of the folder of a run or of a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.core import Result, Score
from eval.runs.result import media_shown, open_scores, predictions_at_hand, read_result


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A model as it was run and scored: one side of a comparison."""

    folder: Path
    """Where it was read from."""
    result: Result
    """What result.json says."""
    scores: Mapping[str, Score]
    """By sample id, in the order of the file."""
    outputs: Mapping[str, str]
    """Raw outputs by sample id, where predictions are at hand: for people to read, nothing is computed from them."""
    media: Mapping[str, str]
    """By sample id which files it was shown, where the predictions that were scored are at hand and say so."""

    @property
    def benchmark(self) -> str:
        """Name of the benchmark."""
        return self.result.benchmark

    @property
    def scorer(self) -> Mapping[str, Any]:
        """What the scores depend on, as the scorer describes itself."""
        found: Mapping[str, Any] = self.result.provenance["scorer"]
        return found

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What the predictions depend on, as far as the folder says."""
        return {key: value for key, value in self.result.provenance.items() if key != "scorer"}


def read_system(folder: Path) -> System:
    """Read what `tarsier-eval score` or `eval` left in a folder.

    Raises:
        RunError: the folder, or one of its files, is missing, damaged or not whole.
        DataError: a line of its scores, or its result, does not fit the format.
    """
    result, scores = open_scores(folder)
    _, raw = read_result(folder)
    predictions = predictions_at_hand(folder, result)
    return System(
        folder=folder,
        result=result,
        scores=scores,
        outputs={sample.id: said.output for sample, said in predictions if said.output is not None},
        media=media_shown(folder, result, raw),
    )
