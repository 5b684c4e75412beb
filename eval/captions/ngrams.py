"""Count n-grams for CIDEr and BLEU."""

from __future__ import annotations

from collections.abc import Sequence

MAX_N = 4


def count_ngrams(tokens: Sequence[str]) -> list[dict[str, int]]:
    """Return the counts of n-grams for n = 1 to 4, each in order of first appearance; tokens are joined by spaces.

    The order affects the last bits of CIDEr's sums over n-grams.
    """
    counts: list[dict[str, int]] = []
    grams = list(tokens)
    for n in range(1, MAX_N + 1):
        if n > 1:
            grams = [f"{gram} {token}" for gram, token in zip(grams, tokens[n - 1 :], strict=False)]
        seen: dict[str, int] = {}
        for gram in grams:
            seen[gram] = seen.get(gram, 0) + 1
        counts.append(seen)
    return counts
