"""CIDEr: worked by hand, and against values that pycocoevalcap gave."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from eval.captions.cider import cider, corpus_cider, prepare
from eval.captions.ptb_tokenizer import tokenize
from eval.errors import DataError


def split(*captions: str) -> list[list[str]]:
    return [caption.split() for caption in captions]


# Two images, and every n-gram in one of them: each weighs ln 2, which then cancels.
TWO = prepare({"one": split("a b"), "two": split("c d")})


def test_equal_captions_of_two_words():
    # Unigrams and bigrams agree fully, there are no longer n-grams: 10 * (1 + 1 + 0 + 0) / 4.
    assert cider(["a", "b"], TWO["one"]) == pytest.approx(5, abs=1e-12)


def test_a_shorter_candidate_is_penalised():
    # cos = 1 / sqrt 2 for unigrams, nothing else; one bigram less than the reference.
    expected = 10 / 4 / math.sqrt(2) * math.exp(-1 / (2 * 6**2))
    assert cider(["a"], TWO["one"]) == pytest.approx(expected, abs=1e-12)


def test_repeated_words_count_as_often_as_the_reference_has_them():
    # Weights (2, 0) against (1, 1), clipped to (1, 0): 1 / (2 * sqrt 2). Its bigram "a a" is unknown.
    assert cider(["a", "a"], TWO["one"]) == pytest.approx(10 / 4 / (2 * math.sqrt(2)), abs=1e-12)


def test_several_references_are_averaged():
    prepared = prepare({"one": split("a b", "x y"), "two": split("c d")})
    assert cider(["a", "b"], prepared["one"]) == pytest.approx(2.5, abs=1e-12)


def test_words_of_every_image_weigh_nothing():
    prepared = prepare({"one": split("a b"), "two": split("a d")})
    # Unigram weights (0, ln 2) on both sides, so "a" changes nothing; the bigram is one of one.
    assert cider(["a", "b"], prepared["one"]) == pytest.approx(5, abs=1e-12)
    assert cider(["a"], prepared["one"]) == 0


def test_one_image_alone_scores_nothing():
    assert corpus_cider({"one": ["a", "b"]}, {"one": split("a b")}) == (0, {"one": 0})


def test_a_caption_without_tokens_scores_nothing():
    assert cider([], TWO["one"]) == 0
    assert cider(["a"], prepare({"one": [[]], "two": split("c d")})["one"]) == 0


def test_a_part_of_the_benchmark_keeps_the_weights_of_the_whole():
    whole = prepare({"one": split("a b c"), "two": split("a d"), "three": split("b e")})
    assert cider(["a", "b"], whole["one"]) != cider(["a", "b"], TWO["one"])
    assert whole["one"].frequencies is whole["two"].frequencies
    assert (whole.frequencies.images, len(whole), list(whole)) == (3, 3, ["one", "two", "three"])
    counts = dict(zip(whole.frequencies.ngrams, whole.frequencies.counts.tolist(), strict=True))
    assert counts == {"a": 2, "b": 2, "c": 1, "d": 1, "e": 1, "a b": 1, "b c": 1, "a b c": 1, "a d": 1, "b e": 1}


def test_an_ngram_counts_once_an_image():
    frequencies = prepare({"one": split("a a", "a")}).frequencies
    assert dict(zip(frequencies.ngrams, frequencies.counts.tolist(), strict=True)) == {"a": 1, "a a": 1}


@pytest.mark.parametrize("references", [{}, {"one": []}])
def test_missing_references_are_refused(references):
    with pytest.raises(DataError):
        prepare(references)


def test_unknown_image():
    with pytest.raises(DataError, match="three"):
        TWO["three"]


def test_candidates_must_match_references():
    with pytest.raises(DataError, match="two"):
        corpus_cider({"one": ["a"]}, {"one": split("a"), "two": split("b")})


def test_golden_scores(golden):
    recorded = json.loads((golden / "cider.json").read_text(encoding="utf-8"))
    cases = recorded["cases"]
    candidates = {case["vid"]: tokenize(case["prediction"]) for case in cases}
    references = {case["vid"]: [tokenize(caption) for caption in case["references"]] for case in cases}
    mean, scores = corpus_cider(candidates, references)
    assert mean == pytest.approx(recorded["score"], abs=1e-12)
    expected = np.array([case["cider"] for case in cases])
    np.testing.assert_allclose([scores[case["vid"]] for case in cases], expected, rtol=0, atol=1e-12)
