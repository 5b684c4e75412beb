"""CIDEr-D, bit for bit as pycocoevalcap 1.2 computes it under the name `Cider`.

Source: Vedantam, Zitnick and Parikh, arXiv 1411.5726, section 3 and the CIDEr-D variant: counts clipped to those of
the reference, a Gaussian penalty (sigma 6) on the difference in length, n-grams up to 4, times 10. Two traits of
pycocoevalcap are kept: length is the number of bigrams, and idf = ln(images) - ln(images with the n-gram), so that
one image alone scores 0. Sums run in its order: n-grams by first appearance, references as given.

References are prepared once, with the document frequencies of the whole benchmark, so that a sample's score is the same
in a partial run and in a full one. `corpus_cider` gives upstream's figure, whose frequencies come from exactly the
images that are scored. Scores are on CIDEr's own scale of 0 to 10; papers print them times 100.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from eval.captions.ngrams import MAX_N, count_ngrams
from eval.errors import DataError

SIGMA = 6.0

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class DocumentFrequencies:
    """Document frequencies: the number of a benchmark's images with each n-gram in at least one reference."""

    images: int
    """Number of images."""
    ngrams: tuple[str, ...]
    """Every n-gram of the references, by first appearance; its index is its id."""
    counts: Integers
    """(len(ngrams),) number of images with each n-gram."""

    @cached_property
    def ids(self) -> dict[str, int]:
        """Id of each n-gram."""
        return dict(zip(self.ngrams, range(len(self.ngrams)), strict=True))

    @cached_property
    def idf(self) -> list[float]:
        """ln(images) - ln(count) of each n-gram."""
        weights: list[float] = (self.unseen - np.log(self.counts.astype(np.float64))).tolist()
        return weights

    @cached_property
    def unseen(self) -> float:
        """Weight of an n-gram that is in no reference, as if it were in one image."""
        return float(np.log(float(self.images)))


@dataclass(frozen=True, kw_only=True)
class References:
    """The references of one image, weighted; they include the frequencies, because the norms depend on them."""

    frequencies: DocumentFrequencies
    """Document frequencies of the whole benchmark."""
    lengths: Integers
    """(references,) number of bigrams of each reference."""
    norms: Floats
    """(references, 4) norm of the weight vector for each n."""
    ids: Integers
    """(entries,) n-gram id of each entry, ascending; an entry is an n-gram of one reference."""
    places: Integers
    """(entries,) index of the entry's reference."""
    weights: Floats
    """(entries,) count of the n-gram times its idf."""


@dataclass(frozen=True, kw_only=True)
class ReferenceSet:
    """The prepared references of a benchmark: the columns of `References` for all images, concatenated."""

    frequencies: DocumentFrequencies
    """Document frequencies of all images."""
    images: tuple[str, ...]
    """Name of each image, in order."""
    first_reference: Integers
    """(images + 1,) index of each image's first reference in `lengths` and `norms`."""
    first_entry: Integers
    """(images + 1,) index of each image's first entry in `ids`, `places` and `weights`."""
    lengths: Integers
    """(all references,)"""
    norms: Floats
    """(all references, 4)"""
    ids: Integers
    """(all entries,)"""
    places: Integers
    """(all entries,)"""
    weights: Floats
    """(all entries,)"""

    @cached_property
    def _index(self) -> dict[str, int]:
        return {image: index for index, image in enumerate(self.images)}

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the images."""
        return iter(self.images)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __getitem__(self, image: str) -> References:
        """Return the references of an image. Raises DataError for a name that is not in the set."""
        if image not in self._index:
            raise DataError(f"{image}: no references. The set has {len(self)} images, the first is {self.images[:1]}.")
        index = self._index[image]
        references = slice(self.first_reference[index], self.first_reference[index + 1])
        entries = slice(self.first_entry[index], self.first_entry[index + 1])
        return References(
            frequencies=self.frequencies,
            lengths=self.lengths[references],
            norms=self.norms[references],
            ids=self.ids[entries],
            places=self.places[entries],
            weights=self.weights[entries],
        )


def prepare(references: Mapping[str, Sequence[Sequence[str]]]) -> ReferenceSet:
    """Count and weigh the references of a benchmark: for each image, the tokens of each of its references.

    Raises:
        DataError: there is no image, or one has no reference.
    """
    if not references:
        raise DataError("CIDEr needs the references of at least one image; there are none.")
    ids: dict[str, int] = {}
    image_counts: list[int] = []
    entries: tuple[list[int], list[int], list[int], list[int], list[int]] = ([], [], [], [], [])
    entry_ids, entry_counts, entry_references, entry_images, entry_orders = entries
    lengths: list[int] = []
    first_reference = [0]
    for image, (name, captions) in enumerate(references.items()):
        if not captions:
            raise DataError(f"{name}: no reference caption; remove the video or add one.")
        here: set[int] = set()
        for tokens in captions:
            for order, counts in enumerate(count_ngrams(tokens)):
                for ngram, count in counts.items():
                    entry_ids.append(ids.setdefault(ngram, len(ids)))
                    entry_counts.append(count)
                entry_orders += [order] * len(counts)
                entry_references += [len(lengths)] * len(counts)
            lengths.append(max(0, len(tokens) - 1))
        here.update(entry_ids[len(entry_images) :])
        entry_images += [image] * (len(entry_ids) - len(entry_images))
        image_counts += [0] * (len(ids) - len(image_counts))
        for ngram_id in here:
            image_counts[ngram_id] += 1
        first_reference.append(len(lengths))
    frequencies = DocumentFrequencies(
        images=len(references), ngrams=tuple(ids), counts=np.array(image_counts, dtype=np.int32)
    )
    return _weigh(frequencies, tuple(references), np.array(first_reference, dtype=np.int32), lengths, entries)


def _weigh(
    frequencies: DocumentFrequencies,
    images: tuple[str, ...],
    first_reference: Integers,
    lengths: list[int],
    entries: tuple[list[int], ...],
) -> ReferenceSet:
    ids, counts, references, owners, orders = (np.array(column, dtype=np.int32) for column in entries)
    weights = counts * np.array(frequencies.idf, dtype=np.float64)[ids]
    # bincount adds in the order of the entries, like pycocoevalcap's loop; a pairwise sum would differ in last bits.
    squares = np.bincount(references * MAX_N + orders, weights=weights * weights, minlength=len(lengths) * MAX_N)
    by_id = np.lexsort((ids, owners))
    return ReferenceSet(
        frequencies=frequencies,
        images=images,
        first_reference=first_reference,
        first_entry=np.searchsorted(owners, np.arange(len(images) + 1)).astype(np.int32),
        lengths=np.array(lengths, dtype=np.int32),
        norms=np.sqrt(squares).reshape(len(lengths), MAX_N),
        ids=ids[by_id],
        places=(references - first_reference[owners])[by_id],
        weights=weights[by_id],
    )


def cider(candidate: Sequence[str], references: References) -> float:
    """Return the CIDEr-D of one candidate's tokens against the references of its image, from 0 to 10."""
    ids, orders, values, norms = _weigh_candidate(candidate, references.frequencies)
    # Concatenate the entries of every n-gram of the candidate; those of one n-gram are adjacent.
    begins = np.searchsorted(references.ids, ids)
    sizes = np.searchsorted(references.ids, ids, side="right") - begins
    entries = np.arange(sizes.sum()) + np.repeat(begins - (np.cumsum(sizes) - sizes), sizes)
    theirs = references.weights[entries]
    products = np.minimum(np.repeat(values, sizes), theirs) * theirs
    count = len(references.lengths)
    cells = np.repeat(orders * count, sizes) + references.places[entries]
    # Without any entry, numpy would return integers.
    sums: Floats = np.bincount(cells, weights=products, minlength=MAX_N * count).astype(np.float64)
    similarity = sums.reshape(MAX_N, count)
    scale = norms[:, None] * references.norms.T
    np.divide(similarity, scale, out=similarity, where=scale != 0)
    differences = np.abs(max(0, len(candidate) - 1) - references.lengths)
    similarity *= _penalties(int(differences.max()) // 64)[differences]
    # cumsum adds one reference after the other, as pycocoevalcap does.
    total = np.cumsum(similarity, axis=1)[:, -1]
    return float(np.mean(total) / count * 10.0)


def _weigh_candidate(
    candidate: Sequence[str], frequencies: DocumentFrequencies
) -> tuple[Integers, Integers, Floats, Floats]:
    """Return id, n - 1 and weight of the n-grams in the references, and for each n the norm of all weights."""
    known: list[tuple[int, int, float]] = []
    squares = [0.0] * MAX_N
    for order, counts in enumerate(count_ngrams(candidate)):
        for ngram, count in counts.items():
            ngram_id = frequencies.ids.get(ngram)
            value = count * (frequencies.unseen if ngram_id is None else frequencies.idf[ngram_id])
            squares[order] += value * value
            if ngram_id is not None:
                known.append((ngram_id, order, value))
    columns = np.array(known, dtype=np.float64).reshape(len(known), 3).T
    return columns[0].astype(np.int32), columns[1].astype(np.int32), columns[2], np.sqrt(squares)


@lru_cache(maxsize=64)
def _penalties(block: int) -> Floats:
    """Return the penalty of each length difference up to the end of a block of 64."""
    return np.array([math.e ** (-(float(delta) ** 2) / (2 * SIGMA**2)) for delta in range(64 * (block + 1))])


def corpus_cider(
    candidates: Mapping[str, Sequence[str]], references: Mapping[str, Sequence[Sequence[str]]]
) -> tuple[float, dict[str, float]]:
    """Return the mean CIDEr-D and that of each image, with document frequencies from these images' references alone.

    Raises:
        DataError: the images of candidates and references differ, or there is none.
    """
    if candidates.keys() != references.keys():
        odd = sorted(candidates.keys() ^ references.keys())
        raise DataError(f"{len(odd)} images have a candidate or references, not both; the first is {odd[0]}.")
    prepared = prepare(references)
    scores = {image: cider(candidates[image], prepared[image]) for image in prepared}
    return float(np.mean(np.array(list(scores.values())))), scores
