"""Converts tokenizer files saved by transformers 5 back to the transformers 4 files that it had loaded.

It calls its generic class TokenizersBackend, and drops settings that tokenizer.json contains. It saves a loaded
tokenizer.json unchanged, except through its Llama class, which replaces any pipeline by its own. A tokenizer.json that
it made from a tokenizer.model has no prefix, and the merges in another order. Both can be undone where the files hold
enough information.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import NoReturn

from eval.errors import ModelError
from eval.models.tarsier.conversion import merges
from eval.models.tarsier.tokenizer_files import ADDITIONAL, BY_5, GENERIC, JSON, NAMED, TokenizerFiles


def as_of_4(files: TokenizerFiles) -> TokenizerFiles:
    """Return files saved by transformers 5 as files that give, under the rules of 4.44, the ids of the original ones.

    Raises:
        ModelError: the original files can no longer be derived from them.
    """
    settings, vocabulary = files.settings, files.vocabulary
    if vocabulary is None or not (files.tokenizer_class == BY_5 or (files.is_llama and "backend" in settings)):
        return files
    extra = settings.get("extra_special_tokens")
    settings = {"clean_up_tokenization_spaces": False, **settings, ADDITIONAL: extra}
    model, bos, pipeline = vocabulary["model"], settings.get("bos_token"), None
    # Pieces of a tokenizer.model that are never split become extra tokens, the begin token among them.
    made = extra if isinstance(extra, list) and bos in extra else []
    if files.is_llama:
        before = vocabulary.get("pre_tokenizer")
        if not isinstance(before, dict) or before.get("prepend_scheme") != "always":
            _refuse(files, "where it had put spaces")
        pipeline = (True, True)
        model = {**model, "unk_token": settings.get("unk_token")}
    elif made:
        pipeline = (settings.get("legacy") is not False, settings.get("add_prefix_space", True) is True)
    if made:
        if any(token not in [settings.get(name) for name in NAMED] for token in made):
            _refuse(files, "which tokens are special")
        # If the settings don't define whether a token is put first, transformers 4 does it and 5 doesn't. Those saved
        # by 4 do define it, and have sp_model_kwargs, which stay.
        if "sp_model_kwargs" not in settings and str(bos) not in json.dumps(vocabulary.get("post_processor")):
            _refuse(files, "whether it had put a token first")
        if isinstance(model.get("vocab"), dict):
            # SentencePiece numbers pieces as it learns them, best first.
            scores = {text: float(-i) for text, i in model["vocab"].items()}
            model = {**model, "merges": merges(scores, scores)}
    return replace(
        files,
        tokenizer_class=GENERIC[0],
        settings=settings,
        vocabulary={**vocabulary, "model": model},
        pipeline=pipeline,
    )


def _refuse(files: TokenizerFiles, lost: str) -> NoReturn:
    raise ModelError(
        f"{files.folder / JSON} was made by transformers 5 and no longer tells {lost}; put the tokenizer's files of "
        "the checkpoint that it was made from in the place of it and of tokenizer_config.json."
    )
