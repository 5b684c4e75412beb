"""Run pycocoevalcap itself, with Java: to check our own scores against it, and for metrics that only it has.

It comes with the extra `captions-java` and a `java` on the PATH; its tokenizer
writes a temporary file next to itself in site-packages, which cannot be avoided, and removes it.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from eval.errors import ConfigError
from eval.installed import install


@dataclass(frozen=True, slots=True, kw_only=True)
class PycocoevalcapScores:
    """Tokens and scores by pycocoevalcap for one set of captions."""

    candidate_tokens: dict[str, str]
    """Tokens of each candidate, joined by spaces."""
    reference_tokens: dict[str, list[str]]
    """Tokens of each reference, joined by spaces."""
    cider: float
    """Mean CIDEr-D over the images, from 0 to 10."""
    cider_by_image: dict[str, float]
    """CIDEr-D of each image."""
    bleu: tuple[float, ...]
    """BLEU-1 to BLEU-4 over all images."""
    bleu_by_image: dict[str, tuple[float, ...]]
    """BLEU-1 to BLEU-4 of each image."""
    rouge_l: float
    """Mean ROUGE-L over the images."""
    rouge_l_by_image: dict[str, float]
    """ROUGE-L of each image."""


def pycocoevalcap_tokens(captions: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the tokens of each caption, joined by spaces, from pycocoevalcap's PTB tokenizer.

    Raises:
        ConfigError: pycocoevalcap or java is missing.
    """
    tokenizer = module_of_pycocoevalcap("tokenizer.ptbtokenizer").PTBTokenizer()
    tokens: dict[str, list[str]] = tokenizer.tokenize(
        {image: [{"caption": caption} for caption in texts] for image, texts in captions.items()}
    )
    return tokens


def pycocoevalcap_cider(
    tokens: Mapping[str, Sequence[str]], reference_tokens: Mapping[str, Sequence[str]]
) -> tuple[float, dict[str, float]]:
    """Return pycocoevalcap's mean CIDEr-D and that of each image, for tokens joined by spaces; one candidate per image.

    Raises:
        ConfigError: pycocoevalcap or java is missing.
    """
    cider, ciders = module_of_pycocoevalcap("cider.cider").Cider().compute_score(reference_tokens, tokens)
    return float(cider), _by_image(list(reference_tokens), ciders)


def pycocoevalcap_scores(candidates: Mapping[str, str], references: Mapping[str, Sequence[str]]) -> PycocoevalcapScores:
    """Return pycocoevalcap's tokens and scores for raw captions, one candidate per image.

    Raises:
        ConfigError: pycocoevalcap or java is missing.
    """
    tokens = pycocoevalcap_tokens({image: [candidates[image]] for image in references})
    reference_tokens = pycocoevalcap_tokens(references)
    cider, ciders = pycocoevalcap_cider(tokens, reference_tokens)
    bleu, bleus = module_of_pycocoevalcap("bleu.bleu").Bleu().compute_score(reference_tokens, tokens, verbose=0)
    rouge, rouges = module_of_pycocoevalcap("rouge.rouge").Rouge().compute_score(reference_tokens, tokens)
    images = list(references)
    return PycocoevalcapScores(
        candidate_tokens={image: texts[0] for image, texts in tokens.items()},
        reference_tokens=reference_tokens,
        cider=cider,
        cider_by_image=ciders,
        bleu=tuple(map(float, bleu)),
        bleu_by_image={image: tuple(float(scores[i]) for scores in bleus) for i, image in enumerate(images)},
        rouge_l=float(rouge),
        rouge_l_by_image=_by_image(images, rouges),
    )


def _by_image(images: Sequence[str], scores: Any) -> dict[str, float]:
    return {image: float(score) for image, score in zip(images, scores, strict=True)}


def module_of_pycocoevalcap(name: str) -> ModuleType:
    """Return a module of pycocoevalcap. Raises ConfigError where it, or java, is missing."""
    try:
        module: ModuleType = importlib.import_module(f"pycocoevalcap.{name}")
    except ImportError as error:
        raise ConfigError(f"pycocoevalcap is not installed. Install the extra: {install('captions-java')}.") from error
    if shutil.which("java") is None:
        raise ConfigError("java is not on the PATH; pycocoevalcap needs it. Install a Java runtime.")
    return module
