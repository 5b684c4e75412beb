"""Agreement of two graders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def cohens_kappa(a: Sequence[str], b: Sequence[str]) -> float | None:
    """Return Cohen's kappa of two graders who labelled the same items, in the same order.

    1 for full agreement, 0 for the agreement expected by chance from their label frequencies, negative for less. None
    without items, and where one of them gave every item the same label: it is then 0 whatever the other says, or
    undefined, and tells nothing. Raises ValueError where the lengths differ.

    Source: Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20 (1960).
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} labels of one grader, {len(b)} of the other")
    index = {label: i for i, label in enumerate(dict.fromkeys([*a, *b]))}
    table = np.zeros((len(index), len(index)))
    np.add.at(table, ([index[label] for label in a], [index[label] for label in b]), 1)
    return kappa_of(table)


def kappa_of(table: ArrayLike) -> float | None:
    """Return Cohen's kappa of a square table of counts: one grader's labels as rows, the other's as columns.

    Counts may be sums over parts of the items. None as in `cohens_kappa`.
    """
    counts = np.asarray(table, dtype=float)
    if any((counts.sum(axis=axis) > 0).sum() < 2 for axis in (0, 1)):
        return None
    return float(kappas_of(counts))


def kappas_of(tables: ArrayLike) -> NDArray[Any]:
    """Return Cohen's kappa of many tables, (..., labels, labels) to (...); NaN where both graders have one label."""
    counts = np.asarray(tables, dtype=float)
    n = counts.sum(axis=(-2, -1))
    chance = (counts.sum(axis=-2) * counts.sum(axis=-1)).sum(axis=-1)
    agreed = np.trace(counts, axis1=-2, axis2=-1)
    # Integers, so that "always the same label" is detected exactly.
    defined = chance != n * n
    return np.where(defined, (n * agreed - chance) / np.where(defined, n * n - chance, 1), np.nan)
