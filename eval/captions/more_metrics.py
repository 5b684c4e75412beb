"""Further metrics of captions, which are asked for by name, since they need more than Python: Java, or WordNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eval.captions.meteor import meteor_counts
from eval.captions.reference import module_of_pycocoevalcap
from eval.errors import ConfigError
from eval.installed import install

Tokens = Mapping[str, Sequence[str]]
References = Mapping[str, Sequence[Sequence[str]]]
Values = dict[str, dict[str, float]]

SPICE_MODELS = "stanford-corenlp-3.6.0.jar"
"""The part of Stanford's parser that SPICE needs, and pycocoevalcap does not bring."""


def meteor(captions: Tokens, references: References) -> Values:
    """Return METEOR's counts of each caption. Raises ConfigError."""
    return meteor_counts(_joined(captions), {name: [" ".join(each) for each in of] for name, of in references.items()})


def spice(captions: Tokens, references: References) -> Values:
    """Return SPICE of each caption, by pycocoevalcap. Raises ConfigError."""
    module = module_of_pycocoevalcap("spice.spice")
    library = Path(str(module.__file__)).parent / "lib"
    if not (library / SPICE_MODELS).is_file():
        raise ConfigError(
            f"SPICE needs Stanford's parser in {library}, which pycocoevalcap fetches (400 MB): "
            "python -c 'from pycocoevalcap.spice.get_stanford_models import get_stanford_models as get; get()'."
        )
    _, found = module.Spice().compute_score(
        {name: [" ".join(each) for each in of] for name, of in references.items()},
        {name: [text] for name, text in _joined(captions).items()},
    )
    # The program sorts by name.
    return {name: {"spice": float(each["All"]["f"])} for name, each in zip(sorted(captions), found, strict=True)}


def nltk_meteor(captions: Tokens, references: References) -> Values:
    """Return nltk's METEOR of each caption: an earlier form than METEOR 1.5, with other weights. Raises ConfigError."""
    score, wordnet = _nltk()
    return {
        name: {"nltk_meteor": float(score([list(each) for each in references[name]], list(tokens), wordnet=wordnet))}
        for name, tokens in captions.items()
    }


METRICS = {"meteor": meteor, "spice": spice, "nltk_meteor": nltk_meteor}
"""What computes each metric."""


def versions_of(names: Sequence[str]) -> dict[str, str]:
    """Return what computes each metric, with its version. Raises ConfigError where it is not installed."""
    found = {}
    for name in names:
        if name == "nltk_meteor":
            _, wordnet = _nltk()
            found[name] = f"nltk {version('nltk')}, WordNet {wordnet.get_version()}"
        else:
            module_of_pycocoevalcap(f"{name}.{name}")
            program = {"meteor": "METEOR 1.5", "spice": "SPICE 1.0"}[name]
            found[name] = f"{program} of pycocoevalcap {version('pycocoevalcap')}"
    return found


def _nltk() -> tuple[Any, Any]:
    try:
        from nltk.corpus import wordnet
        from nltk.translate.meteor_score import meteor_score
    except ImportError as error:
        raise ConfigError(f"nltk is not installed. Install the extra: {install('nltk')}.") from error
    try:
        wordnet.ensure_loaded()
    except LookupError as error:
        raise ConfigError(
            "nltk's METEOR needs WordNet, which is not there; fetch it: python -m nltk.downloader wordnet."
        ) from error
    return meteor_score, wordnet


def _joined(captions: Tokens) -> dict[str, str]:
    return {name: " ".join(tokens) for name, tokens in captions.items()}
