"""METEOR 1.5 by the program that pycocoevalcap brings, as sums of which a corpus and any part of it has its value.

The program aligns each caption with its references and counts what matches; the value follows from the counts, and that
of a corpus from their sums. So the counts are a sample's values, and intervals, comparisons and parts of a run need no
Java. Source: Denkowski and Lavie, "Meteor Universal", WMT 2014, with the weights that it ships for English;
`tests/captions/test_meteor.py` holds the formula to the program's own values.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.captions.reference import module_of_pycocoevalcap
from eval.errors import ConfigError

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
"""Weights of recall, of fragmentation (its power and its most), and of content words."""
STAGES = np.array((1.0, 0.6, 0.8, 0.6))
"""Weights of matches that are exact, of stems, of synonyms and of paraphrases."""
LENGTHS = ("meteor_words", "meteor_reference_words", "meteor_function_words", "meteor_reference_function_words")
_STAGES = tuple(
    f"meteor_{kind}_{side}_{stage}"
    for stage in ("exact", "stem", "synonym", "paraphrase")
    for kind, side in (("content", "own"), ("content", "reference"), ("function", "own"), ("function", "reference"))
)
PARTS = (*LENGTHS, *_STAGES, "meteor_chunks", "meteor_matched", "meteor_reference_matched")
"""Names of the program's counts, in its order. A caption that matches as one whole has no chunk, as in the program's
sums."""
MINUTES = 60
"""Longest time for one call of the program."""


def meteor_counts(captions: Mapping[str, str], references: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Return the counts of each caption beside the reference that suits it best, by their names.

    Args:
        captions: Tokens of each caption, joined by spaces.
        references: Tokens of its references, joined by spaces.

    Raises:
        ConfigError: pycocoevalcap or java is missing, or the program fails.
    """
    folder = Path(str(module_of_pycocoevalcap("meteor.meteor").__file__)).parent
    lines = [" ||| ".join(["SCORE", *map(_plain, references[name]), _plain(text)]) for name, text in captions.items()]
    command = ["java", "-Xmx2G", "-jar", "meteor-1.5.jar", "-", "-", "-stdio", "-l", "en", "-norm"]
    try:
        done = subprocess.run(
            command, cwd=folder, input="\n".join([*lines, ""]), capture_output=True, encoding="utf-8", check=True,
            timeout=60 * MINUTES,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(f"METEOR's program failed ({error}); see that `java -version` answers.") from error
    found = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
    if len(found) != len(lines) or any(len(counts) != len(PARTS) for counts in found):
        raise ConfigError(f"METEOR's program answered {len(found)} of {len(lines)} captions: {done.stderr[-200:]!r}.")
    return {name: _of_one(counts) for name, counts in zip(captions, found, strict=True)}


def meteor_of(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return METEOR from 0 to 1 of summed counts, (..., counts) to (...)."""
    words, reference_words, function, reference_function = np.moveaxis(counts[..., :4], -1, 0)
    matches = counts[..., 4:20].reshape(*counts.shape[:-1], len(STAGES), 4)
    own, reference = (
        ((DELTA * matches[..., side] + (1 - DELTA) * matches[..., side + 2]) * STAGES).sum(axis=-1) for side in (0, 1)
    )
    precision = _ratio(own, DELTA * (words - function) + (1 - DELTA) * function)
    recall = _ratio(reference, DELTA * (reference_words - reference_function) + (1 - DELTA) * reference_function)
    mean = _ratio(precision * recall, ALPHA * precision + (1 - ALPHA) * recall)
    chunks, matched, reference_matched = np.moveaxis(counts[..., 20:], -1, 0)
    result: NDArray[np.float64] = mean * (1 - GAMMA * _ratio(chunks, (matched + reference_matched) / 2) ** BETA)
    return result


def _ratio(of: NDArray[np.float64], to: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(of, to, out=np.zeros_like(of), where=to > 0)


def _of_one(counts: Sequence[float]) -> dict[str, float]:
    found = dict(zip(PARTS, counts, strict=True))
    is_whole = (
        found["meteor_words"] == found["meteor_matched"]
        and found["meteor_reference_words"] == found["meteor_reference_matched"]
        and found["meteor_chunks"] == 1
    )
    return {**found, "meteor_chunks": 0.0} if is_whole else found


def _plain(text: str) -> str:
    """Return a text as a part of the program's line."""
    return " ".join(text.replace("|||", " ").split())
