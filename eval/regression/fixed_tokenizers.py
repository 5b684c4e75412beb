"""Fixed checks of tokenizers: each form of the files that published checkpoints may have, on texts that are awkward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.errors import ModelError
from eval.models.tarsier.tokenizer import TarsierTokenizer
from eval.regression.records import Record
from eval.regression.small_models import IMAGE, NAMES, piece_json, piece_model, token, tokenizer_files

TEXTS = (
    "USER: <image><image>\nWhat moves? ASSISTANT: ", "USER: <image> what ASSISTANT: Answer: (", "the red square", "",
    " ", " a", "a ", "  a   b    c", "a\n\nb\tc", "abc aabc qsquare", "aaaaaaa", "é and ê", "日本", "👍🏽",
    "</s>a <s> b",
    "<image>", "<image> <image>", "x<image>the", "the <pad>", "<pad>  the", "theme the them", "removes moves moves.",
    "the <t> <t>the", "THE", "▁the", "<0x41>", "<unk>",
    "don't . Is it ?", "do n't , I 'm , he 's ! we ' ve", "a\u00a0b", "\u2028", "\x00",
)  # fmt: skip
"""Texts to be made into ids, and the ids back into text."""
DRAWN = ((IMAGE, 1, 280, 2, 300), (195, 169, 350), (195,), (255, 254), (0, 0), (259, 1000), (), (289, 289, 282))
"""Ids to be made into text, some of which no text gives."""

_LLAMA = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
_FIRST = {str(i): token(name) for i, name in enumerate(NAMES)}
DECODER = {"added_tokens_decoder": {**_FIRST, str(IMAGE): token("<image>")}, **_LLAMA, "pad_token": "<unk>"}
"""tokenizer_config.json as of Tarsier-7b."""
_ADDED = [{"id": i, **token(name)} for i, name in enumerate(NAMES)] + [{"id": IMAGE, **token("<image>")}]
MODEL_ONLY: Mapping[str, Any] = {
    "tokenizer.model": piece_model,
    "added_tokens.json": {"<image>": IMAGE, "<pad>": IMAGE + 1},
    "special_tokens_map.json": {
        "bos_token": {**token("<s>"), "special": False}, "eos_token": "</s>", "unk_token": "<unk>",
        "pad_token": "<pad>", "additional_special_tokens": ["<image>"],
    },
    "tokenizer_config.json": _LLAMA,
}  # fmt: skip
"""Files as of Tarsier-34b: a tokenizer.model, and added tokens in a file of their own."""
BOTH: Mapping[str, Any] = {
    "tokenizer.model": piece_model,
    "tokenizer.json": lambda: piece_json(added=_ADDED),
    "tokenizer_config.json": {**DECODER, "legacy": False},
}
"""Files as of Tarsier-7b: both forms of the vocabulary."""


def _model(*, legacy: bool | None = None, **settings: Any) -> dict[str, Any]:
    return {"tokenizer.model": piece_model, "tokenizer_config.json": {**DECODER, "legacy": legacy, **settings}}


def _json(*, bos: bool = True, **settings: Any) -> dict[str, Any]:
    made = {"tokenizer.json": lambda: piece_json(added=_ADDED, bos=bos)}
    return {**made, "tokenizer_config.json": {**DECODER, **settings}}


_MATCHED = {
    **DECODER["added_tokens_decoder"],  # type: ignore[dict-item]
    str(IMAGE + 1): token("<t>", lstrip=True), str(IMAGE + 2): token("<pad>", rstrip=True, normalized=True),
    str(IMAGE + 3): token("the", single_word=True, special=False), str(IMAGE + 4): token("moves", normalized=True),
}  # fmt: skip
FORMS: Mapping[str, Mapping[str, Any]] = {
    "tokenizer.model and added_tokens.json": MODEL_ONLY,
    "tokenizer.model and tokenizer.json": BOTH,
    "tokenizer.model without settings": {"tokenizer.model": piece_model, "config.json": {"model_type": "llava"}},
    "tokenizer.model": _model(),
    "tokenizer.model, not legacy": _model(legacy=False),
    "tokenizer.model, no prefix": _model(add_prefix_space=False),
    "tokenizer.model, not legacy, no prefix": _model(legacy=False, add_prefix_space=False),
    "tokenizer.model, end token too": _model(add_eos_token=True),
    "tokenizer.model, no begin token": _model(add_bos_token=False),
    "tokenizer.model, added tokens of every kind": _model(added_tokens_decoder=_MATCHED),
    "tokenizer.model, special tokens split": _model(split_special_tokens=True),
    "tokenizer.model of unigrams": {**_model(), "tokenizer.model": lambda: piece_model(unigram=True)},
    "tokenizer.model with pieces of the user": {**_model(), "tokenizer.model": lambda: piece_model(whole=("abc", "é"))},
    "tokenizer.model with another control piece": {**_model(), "tokenizer.model": lambda: piece_model(control="abc")},
    "tokenizer.json, of Llama": _json(),
    "tokenizer.json, of Llama, no begin token": _json(add_bos_token=False),
    "tokenizer.json, generic": _json(tokenizer_class="PreTrainedTokenizerFast"),
    "tokenizer.json, generic, no begin token": _json(bos=False, tokenizer_class="PreTrainedTokenizerFast"),
    "tokenizer.json, cleaned up": _json(clean_up_tokenization_spaces=True),
    "tokenizer.json, added tokens of every kind": _json(added_tokens_decoder=_MATCHED),
    "tokenizer.json set aside for its prefix": {
        **BOTH, "tokenizer.json": lambda: piece_json(added=_ADDED, bos=False),
        "tokenizer_config.json": {**DECODER, "add_prefix_space": False}},
    "saved again by transformers 5": {
        "tokenizer.json": lambda: piece_json(added=_ADDED),
        "tokenizer_config.json": {**_LLAMA, "tokenizer_class": "TokenizersBackend", "backend": "tokenizers",
                                  "extra_special_tokens": ["<image>"]}},
    "no vocabulary": {"tokenizer_config.json": _LLAMA},
}  # fmt: skip
"""Files by name; those that are functions are made when they are written."""


def written(folder: Path, files: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return files whose functions have been called; `folder` is written with them."""
    made = {name: content() if callable(content) else content for name, content in files.items()}
    tokenizer_files(folder, made)
    return made


def tokenizers(scratch: Path) -> Iterator[Record]:
    """Yield a record for each form: ids of the texts, the texts of these ids, and of drawn ones."""
    for number, (name, files) in enumerate(FORMS.items()):
        folder = scratch / f"tokenizer-{number}"
        written(folder, files)
        fields: dict[str, Any]
        try:
            made = TarsierTokenizer(folder)
        except ModelError:
            fields = {"error": "ModelError"}
        else:
            ids = {text: made.token_ids(text) for text in TEXTS}
            fields = {
                "settings": {
                    "end": made.end_token_id,
                    "image": made.id_of("<image>"),
                    "of the image": made.token_of(IMAGE),
                },
                "ids": {repr(text): " ".join(map(str, found)) for text, found in ids.items()},
                "output": [made.decode(found) for found in (*ids.values(), *DRAWN)],
            }
        yield Record(benchmark="fixed models", id=f"tokenizer: {name}", fields=fields)
