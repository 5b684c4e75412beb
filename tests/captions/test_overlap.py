"""BLEU and ROUGE-L, worked by hand."""

from __future__ import annotations

import math

import pytest

from eval.captions.overlap import corpus_bleu, corpus_rouge_l, rouge_l, sentence_bleu
from eval.errors import DataError


def split(*captions: str) -> list[list[str]]:
    return [caption.split() for caption in captions]


def test_clipping():
    # The example of the BLEU paper: "the" counts twice, as often as one reference has it.
    bleu = sentence_bleu(["the"] * 7, split("the cat is on the mat", "there is a cat on the mat"))
    assert bleu[0] == pytest.approx(2 / 7, abs=1e-9)
    assert bleu[1] == pytest.approx(0, abs=1e-7)


def test_brevity():
    bleu = sentence_bleu(["a", "b"], split("a b c d"))
    assert bleu[:2] == pytest.approx((math.exp(-1), math.exp(-1)), abs=1e-8)


def test_the_closest_length_counts_and_the_shorter_of_two():
    # Lengths 2 and 4 are equally near to 3; with 2 there is no penalty.
    assert sentence_bleu(["a", "b", "c"], split("a b c d", "a b"))[0] == pytest.approx(1, abs=1e-8)
    # Length 5 is nearer to 4 than 1 is.
    assert sentence_bleu(list("abcd"), split("a b c d e", "a"))[0] == pytest.approx(math.exp(-1 / 4), abs=1e-8)


def test_geometric_mean():
    # Of "a b x": two of three words and one of two bigrams.
    bleu = sentence_bleu(["a", "b", "x"], split("a b c"))
    assert bleu[:2] == pytest.approx((2 / 3, math.sqrt(2 / 3 / 2)), abs=1e-8)


def test_the_corpus_adds_counts_before_it_divides():
    references = {"one": split("a b c d"), "two": split("e f")}
    bleu, scores = corpus_bleu({"one": list("abcd"), "two": ["x", "f"]}, references)
    assert bleu[:2] == pytest.approx((5 / 6, math.sqrt(5 / 6 * 3 / 4)), abs=1e-8)
    assert scores["one"] == pytest.approx((1, 1, 1, 1), abs=1e-8)
    assert scores["two"][0] == pytest.approx(1 / 2, abs=1e-8)


def test_an_empty_candidate():
    assert sentence_bleu([], split("a b"))[0] == 0
    assert rouge_l([], split("a b")) == 0


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [("police kill the gunman", 3 / 4), ("the gunman kill police", 1 / 2), ("police killed the gunman", 1), ("x", 0)],
)
def test_rouge_l(candidate, expected):
    # The first two are the example of the ROUGE paper; precision and recall are equal there, so beta does not matter.
    assert rouge_l(candidate.split(), split("police killed the gunman")) == pytest.approx(expected, abs=1e-12)


def test_rouge_l_takes_the_best_precision_and_the_best_recall():
    # Precision 1 against the long reference, recall 1 against the short one.
    assert rouge_l(["a", "b"], split("a b c d", "a")) == pytest.approx(1, abs=1e-12)
    # Precision 1, recall 1/2: (1 + 1.44) * 0.5 / (0.5 + 1.44).
    assert rouge_l(["a", "b"], split("a b c d")) == pytest.approx(1.22 / 1.94, abs=1e-12)


def test_rouge_l_over_all_is_the_mean():
    mean, scores = corpus_rouge_l({"one": ["a"], "two": ["x"]}, {"one": split("a"), "two": split("b")})
    assert (mean, scores) == (0.5, {"one": 1, "two": 0})


@pytest.mark.parametrize("score", [sentence_bleu, rouge_l])
def test_missing_references_are_refused(score):
    with pytest.raises(DataError):
        score(["a"], [])


@pytest.mark.parametrize("score", [corpus_bleu, corpus_rouge_l])
def test_candidates_must_match_references(score):
    with pytest.raises(DataError, match="two"):
        score({"one": ["a"]}, {"one": split("a"), "two": split("b")})
    with pytest.raises(DataError):
        score({}, {})
