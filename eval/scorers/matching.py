"""Compare an answer with its target word for word: no judge, no cost, reproducible.

Beside a judged score these are a lower bound and a warning: where the judge's accuracy changes and these do not, the
judge has changed. Exact match is the official metric of ActivityNet-QA and the first one of MSVD-QA and
MSRVTT-QA. Texts are compared without case, punctuation and articles, as SQuAD does (arXiv 1606.05250, its
evaluation script).
"""

from __future__ import annotations

from collections.abc import Mapping

from eval.judges.words import stands_in, words

MATCHES = ("exact_match", "lemma_match", "contained")
"""Names of the comparisons, each stricter than the next."""


def compare(output: str, target: str) -> Mapping[str, float]:
    """Return 0 or 1 by name of comparison.

    exact_match: the same words in the same order. lemma_match: the same but for inflection and number words ("two
    dogs", "2 dog"). contained: the target's words, compared so, occur consecutively in the output. It suits models that
    answer in sentences, but read it with care, since "not a dog" contains "dog". A target without words matches
    nothing.
    """
    said, wanted = words(output), words(target)
    contained = stands_in(said, wanted)
    return {
        "exact_match": float(bool(wanted) and said == wanted),
        "lemma_match": float(contained and len(said) == len(wanted)),
        "contained": float(contained),
    }


def says_nothing(output: str, question: str) -> bool:
    """Whether an output has no words, or only those of the question: wrong without asking a judge."""
    said = words(output)
    return not said or said == words(question)
