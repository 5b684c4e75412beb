"""BLEU-1 to BLEU-4 and ROUGE-L, with the values of pycocoevalcap 1.2.

Sources: Papineni et al., "BLEU: a method for automatic evaluation of machine translation", ACL 2002; Lin, "ROUGE: a
package for automatic evaluation of summaries", 2004. These conventions of pycocoevalcap are kept: the reference
whose length is closest counts for brevity, the shorter of two; no smoothing but two constants against division by
zero; ROUGE-L takes its best precision and its best recall from different references, with beta 1.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.captions.ngrams import MAX_N, count_ngrams
from eval.errors import DataError

BETA = 1.2

# As in pycocoevalcap: a sentence without n-grams scores almost 0 and not 0/0.
_ALMOST_NOTHING, _LITTLE = 1e-15, 1e-9

Bleu = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Overlap:
    """The counts that BLEU needs, of one candidate or summed over many."""

    matched: tuple[int, ...]
    """For n = 1 to 4: number of the candidate's n-grams, each clipped to its maximum count in one reference."""
    total: tuple[int, ...]
    """For n = 1 to 4: number of n-grams of the candidate."""
    length: int
    """Number of tokens of the candidate."""
    closest: int
    """Number of tokens of the reference with the closest length."""


def overlap(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> Overlap:
    """Return the counts of n-grams shared by a candidate and its references. Raises DataError without a reference."""
    if not references:
        raise DataError("A caption to score has no reference; remove its video or add one.")
    most: list[dict[str, int]] = [{} for _ in range(MAX_N)]
    for reference in references:
        for known, counts in zip(most, count_ngrams(reference), strict=True):
            for ngram, count in counts.items():
                known[ngram] = max(count, known.get(ngram, 0))
    matched = tuple(
        sum(min(count, known.get(ngram, 0)) for ngram, count in counts.items())
        for known, counts in zip(most, count_ngrams(candidate), strict=True)
    )
    length = len(candidate)
    return Overlap(
        matched=matched,
        total=tuple(max(0, length - n) for n in range(MAX_N)),
        length=length,
        closest=min((len(reference) for reference in references), key=lambda other: (abs(other - length), other)),
    )


def bleu(counts: Overlap) -> Bleu:
    """Return BLEU-1 to BLEU-4 from the counts of one candidate, or from the sums of many."""
    ratio = (counts.length + _ALMOST_NOTHING) / (counts.closest + _LITTLE)
    brevity = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product = 1.0
    scores = []
    for n, (matched, total) in enumerate(zip(counts.matched, counts.total, strict=True), start=1):
        product *= (matched + _ALMOST_NOTHING) / (total + _LITTLE)
        scores.append(product ** (1 / n) * brevity)
    return scores[0], scores[1], scores[2], scores[3]


def sentence_bleu(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> Bleu:
    """Return BLEU-1 to BLEU-4 of one candidate's tokens, from 0 to 1. Raises DataError without a reference."""
    return bleu(overlap(candidate, references))


def corpus_bleu(
    candidates: Mapping[str, Sequence[str]], references: Mapping[str, Sequence[Sequence[str]]]
) -> tuple[Bleu, dict[str, Bleu]]:
    """Return BLEU-1 to BLEU-4 over all images, from summed counts, and those of each image.

    Raises:
        DataError: the images of candidates and references differ, or there is none.
    """
    _check_same_images(candidates, references)
    overlaps = {image: overlap(candidates[image], references[image]) for image in references}
    parts = overlaps.values()
    total = Overlap(
        matched=tuple(map(sum, zip(*(part.matched for part in parts), strict=True))),
        total=tuple(map(sum, zip(*(part.total for part in parts), strict=True))),
        length=sum(part.length for part in parts),
        closest=sum(part.closest for part in parts),
    )
    return bleu(total), {image: bleu(part) for image, part in overlaps.items()}


def rouge_l(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return ROUGE-L of one candidate's tokens, from 0 to 1. Raises DataError without a reference.

    A caption without tokens counts as one empty token, as in pycocoevalcap: it matches another empty caption.
    """
    if not references:
        raise DataError("A caption to score has no reference; remove its video or add one.")
    tokens = candidate or [""]
    common = [(_common_length(tokens, reference or [""]), max(1, len(reference))) for reference in references]
    precision = max(shared for shared, _ in common) / len(tokens)
    recall = max(shared / length for shared, length in common)
    if precision == 0 or recall == 0:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def corpus_rouge_l(
    candidates: Mapping[str, Sequence[str]], references: Mapping[str, Sequence[Sequence[str]]]
) -> tuple[float, dict[str, float]]:
    """Return the mean ROUGE-L and that of each image.

    Raises:
        DataError: the images of candidates and references differ, or there is none.
    """
    _check_same_images(candidates, references)
    scores = {image: rouge_l(candidates[image], references[image]) for image in references}
    return sum(scores.values()) / len(scores), scores


def _common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence.

    The usual table, one row a token of `other`, each row a number: bit i is 0 where the row grows at token i of
    `one` (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004).
    """
    places: dict[str, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    full = (1 << len(one)) - 1
    row = full
    for token in other:
        matches = row & places.get(token, 0)
        row = (row + matches | row - matches) & full
    return len(one) - row.bit_count()


def _check_same_images(candidates: Mapping[str, object], references: Mapping[str, object]) -> None:
    odd = sorted(candidates.keys() ^ references.keys())
    if odd:
        raise DataError(f"{len(odd)} images have a candidate or references, not both; the first is {odd[0]}.")
    if not references:
        raise DataError("There are no captions to score.")
