"""Our scores against pycocoevalcap with Java, where both are installed."""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
from types import ModuleType

import pytest

from eval.captions.cider import corpus_cider
from eval.captions.overlap import corpus_bleu, corpus_rouge_l
from eval.captions.ptb_tokenizer import tokenize, tokenize_line
from eval.captions.reference import pycocoevalcap_scores
from eval.errors import ConfigError

needs_pycocoevalcap = pytest.mark.skipif(
    importlib.util.find_spec("pycocoevalcap") is None or shutil.which("java") is None,
    reason="needs the extra captions-java and java",
)

WORDS = ("a", "the", "dog", "cat", "man", "woman", "runs", "is", "playing", "with", "its", "on", "two", "in", "red")


def made_up_captions(seed: int) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Twenty images with one to five references; some captions are empty, repeated or alike."""
    generator = random.Random(seed)

    def caption() -> str:
        return " ".join(generator.choices(WORDS, k=generator.choice([1, 2, 4, 8, 15]))) + generator.choice(["", "."])

    candidates = {str(index): caption() for index in range(20)}
    references = {image: [caption() for _ in range(generator.randint(1, 5))] for image in candidates}
    references["3"] = [candidates["3"], candidates["3"]]
    candidates["7"] = "."
    return candidates, references


@needs_pycocoevalcap
@pytest.mark.parametrize("seed", [0, 1])
def test_scores(seed):
    candidates, references = made_up_captions(seed)
    theirs = pycocoevalcap_scores(candidates, references)
    assert theirs.candidate_tokens == {image: tokenize_line(caption) for image, caption in candidates.items()}
    tokens = {image: tokenize(caption) for image, caption in candidates.items()}
    reference_tokens = {image: [tokenize(caption) for caption in captions] for image, captions in references.items()}
    cider, ciders = corpus_cider(tokens, reference_tokens)
    # Same machine, same numpy: not a bit differs.
    assert (cider, ciders) == (theirs.cider, theirs.cider_by_image)
    bleu, bleus = corpus_bleu(tokens, reference_tokens)
    assert bleu == pytest.approx(theirs.bleu, abs=1e-12)
    assert all(bleus[image] == pytest.approx(scores, abs=1e-12) for image, scores in theirs.bleu_by_image.items())
    rouge, rouges = corpus_rouge_l(tokens, reference_tokens)
    assert rouge == pytest.approx(theirs.rouge_l, abs=1e-12)
    assert rouges == pytest.approx(theirs.rouge_l_by_image, abs=1e-12)


@needs_pycocoevalcap
def test_golden_captions(golden):
    cases = json.loads((golden / "cider.json").read_text(encoding="utf-8"))["cases"]
    candidates = {case["vid"]: case["prediction"] for case in cases}
    theirs = pycocoevalcap_scores(candidates, {case["vid"]: case["references"] for case in cases})
    tokens = {image: tokenize(caption) for image, caption in candidates.items()}
    reference_tokens = {case["vid"]: [tokenize(caption) for caption in case["references"]] for case in cases}
    cider, ciders = corpus_cider(tokens, reference_tokens)
    assert (cider, ciders) == (theirs.cider, theirs.cider_by_image)
    assert corpus_bleu(tokens, reference_tokens)[0] == pytest.approx(theirs.bleu, abs=1e-9)
    assert corpus_rouge_l(tokens, reference_tokens)[0] == pytest.approx(theirs.rouge_l, abs=1e-9)


def test_a_missing_package_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match="captions-java"):
        pycocoevalcap_scores({"one": "a"}, {"one": ["a"]})


def test_missing_java_is_named(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", ModuleType)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match="java is not on the PATH"):
        pycocoevalcap_scores({"one": "a"}, {"one": ["a"]})
