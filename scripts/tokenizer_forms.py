"""The forms in which the tokenizer's files of a checkpoint may come, for `tokenizer_reference`.

A form is a folder: content by the names of files, where text names one of the stored vocabularies, and anything else
is written as JSON. The standard library alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Form = dict[str, Any]

CONFIG = {"model_type": "llava"}
LLAMA = {"tokenizer_class": "LlamaTokenizer"}
GENERIC = {"tokenizer_class": "PreTrainedTokenizerFast"}
ENDS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
YI = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<unk>"}
"""Special tokens of Tarsier-34b's language model."""
SLOW = {
    "add_bos_token": True, "add_eos_token": False, "legacy": True, "pad_token": "<unk>", "sp_model_kwargs": {},
    "spaces_between_special_tokens": False, "use_default_system_prompt": False, "clean_up_tokenization_spaces": False,
}  # fmt: skip
"""Settings that transformers 4 saves of a tokenizer that it made from tokenizer.model."""

MODEL, JSON = {"tokenizer.model": "bpe.model"}, {"tokenizer.json": "legacy.json"}
BOTH = {**MODEL, **JSON}

AGAIN = {
    "auto": (
        "7b", "7b without decoder", "tokenizer.json alone", "34b, tokenizer.json", "new pipeline", "holes",
        "json, no begin but an end", "Llama, clean-up True", "unigram, tokenizer.json", "padded and cut", "slow",
        "slow, legacy False", "slow, add_prefix_space True", "slow, add_prefix_space False", "slow, no bytes",
        "slow, add_bos_token False", "34b", "tokenizer.model alone",
    ),
    "llama": ("7b", "7b without decoder", "slow", "slow, legacy False", "slow, add_bos_token False", "34b"),
}  # fmt: skip
"""Forms that transformers 5 loads and saves again, by the class that does it."""


def forms(sizes: dict[str, int]) -> Iterator[tuple[str, Form]]:
    """Yield name and files of each form, given how many pieces each stored SentencePiece model has."""
    n, n_yi = sizes["bpe.model"], sizes["yi.model"]
    yield from _published(n, n_yi)
    yield from _slow(sizes)
    yield from _parts(n)
    yield from _llama()
    yield from _classes(n)
    yield from _vocabularies(n)
    yield from _tokens(n)
    yield from _refused()


def token(content: str, **changes: bool) -> dict[str, Any]:
    """Return an added token as files describe it."""
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, **changes}


def _form(files: Form, settings: dict[str, Any] | None = None, **more: Any) -> Form:
    """Return files with a tokenizer_config.json, and others by their names without `.json`."""
    config = {} if settings is None else {"tokenizer_config.json": settings}
    return {**files, **config, **{f"{name}.json": content for name, content in more.items()}}


def _decoder(tokens: dict[int, dict[str, Any]], *, special: bool = True) -> dict[str, Any]:
    return {str(index): {"special": special, **about} for index, about in tokens.items()}


def _described(texts: dict[str, str]) -> dict[str, Any]:
    return {name: token(text) for name, text in texts.items()}


def _of_7b(n: int) -> dict[str, Any]:
    known = {0: token("<unk>"), 1: token("<s>"), 2: token("</s>"), n: token("<image>")}
    return {**LLAMA, **ENDS, "legacy": True, "pad_token": "<unk>", "added_tokens_decoder": _decoder(known)}


def _published(n: int, n_yi: int) -> Iterator[tuple[str, Form]]:
    beside: dict[str, Any] = {"added_tokens": {"<image>": n}, "special_tokens_map": _described(ENDS)}
    yield "7b", _form(BOTH, _of_7b(n), **beside)
    yield "7b without decoder", _form(BOTH, {**LLAMA, **ENDS}, **beside)
    yield "7b, tokenizer.json", _form(JSON, _of_7b(n))
    yield "7b, tokenizer.model", _form(MODEL, _of_7b(n), **beside)
    model = {"tokenizer.model": "yi.model"}
    beside = {
        "added_tokens": {"<image>": n_yi, "<|endoftext|>": n_yi + 2, "<|startoftext|>": n_yi + 1},
        "special_tokens_map": _described(YI),
    }
    settings = {**LLAMA, **YI, **SLOW, "add_bos_token": False}
    known = {0: token("<unk>"), 1: token(YI["bos_token"]), 2: token(YI["eos_token"]), n_yi: token("<image>")}
    yield "34b", _form(model, {**settings, "added_tokens_decoder": _decoder(known)}, **beside)
    yield "34b without decoder", _form(model, settings, **beside)
    yield "34b, legacy False", _form(model, {**settings, "legacy": False}, **beside)
    yield "34b without settings", _form(model, **beside)
    yield "34b, tokenizer.json", _form({"tokenizer.json": "yi.json"}, settings)
    yield "34b, tokenizer.model alone", model


def _slow(sizes: dict[str, int]) -> Iterator[tuple[str, Form]]:
    added = {"<image>": sizes["bpe.model"]}
    for name in ("bpe.model", "unigram.model", "no-bytes.model"):
        known = {0: token("<unk>"), 1: token("<s>"), 2: token("</s>"), sizes[name]: token("<image>")}
        said = {"bpe.model": "slow", "unigram.model": "slow, unigram"}.get(name, "slow, no bytes")
        settings = {**LLAMA, **ENDS, **SLOW, "added_tokens_decoder": _decoder(known)}
        yield said, _form({"tokenizer.model": name}, settings, added_tokens={"<image>": sizes[name]})
    changes = (("legacy", False), ("add_prefix_space", True), ("add_prefix_space", False), ("add_bos_token", False))
    for name, value in changes:
        yield f"slow, {name} {value}", _form(MODEL, {**LLAMA, **ENDS, **SLOW, name: value}, added_tokens=added)


def _parts(n: int) -> Iterator[tuple[str, Form]]:
    yield "tokenizer.json alone", JSON
    yield "tokenizer.model alone", MODEL
    yield "both alone", BOTH
    yield "model, added tokens", _form(MODEL, added_tokens={"<image>": n, "<pad>": n + 1})
    yield "model, special tokens", _form(MODEL, special_tokens_map={**_described(ENDS), "pad_token": "<pad>"})
    yield "model, settings", _form(MODEL, LLAMA)
    yield "json, special tokens", _form(JSON, special_tokens_map={**ENDS, "pad_token": token("<pad>", lstrip=True)})


def _llama() -> Iterator[tuple[str, Form]]:
    """Yield the settings of Llama's classes in all combinations; "-" stands for one that is absent."""
    for legacy in (True, False, None, "-"):
        for prefix in (True, False, None, "-"):
            asked = {k: v for k, v in (("legacy", legacy), ("add_prefix_space", prefix)) if v != "-"}
            yield f"model, legacy {legacy}, prefix {prefix}", _form(MODEL, {**LLAMA, **asked})
            files = {**MODEL, "tokenizer.json": "bare.json"}
            yield f"both, legacy {legacy}, prefix {prefix}", _form(files, {**LLAMA, **asked})
    for begin in (True, False, "-"):
        for end in (True, False, "-"):
            asked = {k: v for k, v in (("add_bos_token", begin), ("add_eos_token", end)) if v != "-"}
            yield f"json, begin {begin}, end {end}", _form({"tokenizer.json": "ends.json"}, {**LLAMA, **asked})
            yield f"model, begin {begin}, end {end}", _form(MODEL, {**LLAMA, **asked})
    asked = {"add_bos_token": False, "add_eos_token": True}
    yield "json, no begin but an end", _form({"tokenizer.json": "ends.json"}, {**LLAMA, **ENDS, **asked})
    yield "no ends", _form(JSON, {**LLAMA, "bos_token": None, "add_bos_token": False, "eos_token": None})
    yield "a begin of its own", _form(JSON, {**LLAMA, "bos_token": "<begin>", "eos_token": "</s>"})


def _classes(n: int) -> Iterator[tuple[str, Form]]:
    for name, told in (("Llama", {**LLAMA, **ENDS}), ("generic", {**GENERIC, **ENDS})):
        for value in (True, False, None, "-"):
            asked = {} if value == "-" else {"clean_up_tokenization_spaces": value}
            yield f"{name}, clean-up {value}", _form(JSON, {**told, **asked})
    for named in ("LlamaTokenizerFast", "PreTrainedTokenizer", None):
        yield f"class {named}", _form(BOTH, {"tokenizer_class": named, "legacy": False})
    yield "class by config.json", {**JSON, "config.json": {**CONFIG, **GENERIC}}
    yield "generic, ends", _form({"tokenizer.json": "ends.json"}, {**GENERIC, **ENDS, "add_bos_token": True})
    yield "split special tokens", _form(JSON, {**_of_7b(n), "split_special_tokens": True})
    sampling = {"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}
    yield "sampling", _form(MODEL, {**LLAMA, "sp_model_kwargs": sampling})
    new = {**MODEL, "tokenizer.json": "new.json"}
    yield "file set to null", _form(new, {**LLAMA, "tokenizer_file": None})
    yield "from slow", _form(new, {**LLAMA, "from_slow": True, "legacy": True})


def _vocabularies(n: int) -> Iterator[tuple[str, Form]]:
    yield "new pipeline", _form({"tokenizer.json": "new.json"}, {**_of_7b(n), "legacy": False})
    yield "unigram", {"tokenizer.model": "unigram.model"}
    yield "unigram, legacy False", _form({"tokenizer.model": "unigram.model"}, {**LLAMA, "legacy": False})
    yield "unigram, tokenizer.json", _form({"tokenizer.json": "unigram.json"}, {**LLAMA, **ENDS})
    yield "no bytes", {"tokenizer.model": "no-bytes.model"}
    yield "padded and cut", _form({"tokenizer.json": "padded.json"}, {**LLAMA, **ENDS})
    yield "padded and cut, generic", _form({"tokenizer.json": "padded.json"}, GENERIC)
    yield "holes", _form({"tokenizer.json": "holes.json"}, {**LLAMA, **ENDS})
    yield "holes, settings", _form({"tokenizer.json": "holes.json"}, _of_7b(n))


def _tokens(n: int) -> Iterator[tuple[str, Form]]:
    loose = {n: token("<loose>", lstrip=True, rstrip=True, normalized=True), n + 1: token("<image>")}
    loose |= {n + 2: token("Word", single_word=True, normalized=True), n + 3: token("aaaa")}
    extra = {n + 4: token("<extra>", rstrip=True), n + 5: token("<pad>", lstrip=True, normalized=True)}
    every = {
        **_decoder(loose, special=False),
        **_decoder({**extra, 0: token("<unk>"), 1: token("<s>", normalized=True)}),
    }
    renamed = _decoder({1: token(YI["bos_token"]), 2: token(YI["eos_token"])})
    special = {
        "bos_token": token("<s>", normalized=True, rstrip=True),
        "eos_token": token("</s>", lstrip=True),
        "additional_special_tokens": [token("<extra>", rstrip=True, normalized=True), "<image>", "<pad>"],
        "pad_token": "<pad>",
    }
    last = {"eos_token": "<pad>", "additional_special_tokens": ["<image>", "<pad>"]}
    for name, files in (("model", MODEL), ("json", JSON), ("json with more", {"tokenizer.json": "loose.json"})):
        settings: dict[str, Any] = {**LLAMA, "added_tokens_decoder": every}
        yield f"{name}, tokens of all kinds", _form(files, settings)
        settings = {**settings, "legacy": False, "additional_special_tokens": ["<loose>"]}
        yield f"{name}, tokens of all kinds, legacy False", _form(files, settings)
        settings = {**LLAMA, "additional_special_tokens": ["<image>", "Word"]}
        added = {"<loose>": n, "<image>": n + 1, "<extra>": n + 2}
        yield (
            f"{name}, special tokens of all kinds",
            _form(files, settings, added_tokens=added, special_tokens_map=special),
        )
        added = {"<image>": n, "<extra>": n + 1}
        yield f"{name}, last additional token", _form(files, LLAMA, added_tokens=added, special_tokens_map=last)
        yield f"{name}, renamed", _form(files, {**LLAMA, **YI, "added_tokens_decoder": renamed})
    image = _decoder({n: token("<image>")})
    again = {"__type": "AddedToken", **token("</s>", lstrip=True)}
    yield "a special token that says more", _form(JSON, {**LLAMA, "added_tokens_decoder": image, "eos_token": again})
    left_open = {"__type": "AddedToken", "content": "A."}
    yield "a special token that says less", _form(MODEL, {**LLAMA, "pad_token": left_open})
    yield (
        "a piece of the user for padding",
        _form({"tokenizer.model": "yi.model"}, {**LLAMA, **YI, "pad_token": "<|im_end|>"}),
    )
    normalized = {"tokenizer.json": "normalized.json"}
    yield "special tokens no longer normalized", _form(normalized, _of_7b(n))
    raw = _decoder({n: token("<loose>"), n + 1: token("Word", single_word=True)}, special=False)
    yield "tokens no longer normalized", _form({"tokenizer.json": "loose.json"}, {**LLAMA, "added_tokens_decoder": raw})
    marked = {name: {"__type": "AddedToken", **about} for name, about in _described(ENDS).items()}
    yield "marked special tokens", _form(JSON, {**LLAMA, **marked})
    yield "marked special tokens, model", _form(MODEL, {**LLAMA, **marked}, added_tokens={"<s>": 1, "<image>": n})
    yield "normalized special tokens", _form(normalized, LLAMA)
    yield "order of added tokens", _form(MODEL, added_tokens={"<pad>": n + 9, "<image>": n + 5, "<extra>": n + 7})
    yield "extra special tokens of 4.46", _form(JSON, {**_of_7b(n), "extra_special_tokens": {}})


def _refused() -> Iterator[tuple[str, Form]]:
    """Yield what 4.44.2 does not load."""
    yield "refused: prefix without a model", _form(JSON, {**LLAMA, "add_prefix_space": True})
    yield "refused: no begin", _form(JSON, {**LLAMA, "bos_token": None})
    yield "refused: generic without tokenizer.json", _form(MODEL, GENERIC)
    yield "refused: sampling", _form(MODEL, {**LLAMA, "sp_model_kwargs": {"speed": 3}})
    yield "refused: special token", _form(JSON, {**LLAMA, "pad_token": 5})
    yield "refused: unmarked special token", _form(JSON, {**LLAMA, **_described(ENDS)})
    yield "refused: class", _form(JSON, {"tokenizer_class": "TarsierTokenizer"})
    yield "refused: decoder", _form(JSON, {**LLAMA, "added_tokens_decoder": None})
