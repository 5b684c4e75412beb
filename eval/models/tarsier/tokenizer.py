"""A checkpoint's tokenizer, from any form of its files: the same ids and texts as transformers 4.44.2.

That is upstream's version, always with the fast tokenizers; later ones give other ids for some of the same files. Its
rules are reimplemented here on the `tokenizers` library alone:

- tokenizer.json is used unchanged. Where there is none, or `add_prefix_space` is set, Llama's classes make a tokenizer
  from tokenizer.model (`conversion`).
- Added tokens are added in the order of the ids that the files name, and special ones after them; each gets the id that
  it has in the vocabulary, or the next free one, whatever the file names.
- Llama's classes put a token before and after a text according to `add_bos_token` and `add_eos_token`; the generic
  class follows tokenizer.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.errors import ModelError
from eval.models.tarsier.added_tokens import AddedTokens
from eval.models.tarsier.conversion import converted, set_pipeline, whole_pieces
from eval.models.tarsier.pieces import PieceModel, read_pieces
from eval.models.tarsier.resaved import as_of_4
from eval.models.tarsier.tokenizer_files import (
    ADDITIONAL,
    MODEL,
    NAMED,
    SETTINGS,
    TokenizerFiles,
    added_of_json,
    read_files,
    special_and_added,
)
from eval.readers.malformed import first_line

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

_DEFAULTS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
"""Special tokens of Llama's classes where the files name none."""
_SAMPLING = {
    "out_type", "add_bos", "add_eos", "reverse", "emit_unk_piece", "enable_sampling", "nbest_size", "alpha",
    "num_threads",
}  # fmt: skip
"""Settings of SentencePiece's own encoder, which is not used; with any other, 4.44 would not load."""
_CLEANED = {
    " .": ".", " ?": "?", " !": "!", " ,": ",", " ' ": "'", " n't": "n't", " 'm": "'m", " 's": "'s", " 've": "'ve",
    " 're": "'re",
}  # fmt: skip
"""Replacements of clean-up, in order."""


class TarsierTokenizer:
    """The tokenizer in the folder of a checkpoint.

    Raises:
        ModelError: the folder has no vocabulary, a file is damaged or of another kind of tokenizer, or transformers
            4.44 would not load the files either.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _refused(f"Cannot load the tokenizer of {folder}"):
            files = as_of_4(read_files(folder))
            self._core, added, settings = _loaded(files)
        self._clean_up = _flag(files, settings, "clean_up_tokenization_spaces", default=not files.is_llama)
        self.end_token_id: int | None = _id_of(self._core, settings, "eos_token")
        """Id of the token that ends a text, None where the files name none."""
        tokens = self._core.get_added_tokens_decoder().items()
        self._added: dict[int, str] = {token_id: token.content for token_id, token in tokens}
        self._is_special = added.is_special
        self._model, self._decoder = self._core.model, self._core.decoder

    def token_ids(self, prompt: str) -> list[int]:
        """Return the ids of a prompt, with the tokens before and after it that the files ask for.

        Raises:
            ModelError: the vocabulary has no token for a part of it, and no unknown token.
        """
        if not prompt.isascii():
            # An unpaired surrogate has no UTF-8; in 4.44 it becomes three replacement characters.
            prompt = prompt.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        with _refused(f"The tokenizer of {self._folder} cannot take {prompt[:80]!r}"):
            ids: list[int] = self._core.encode(prompt).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, skipping special tokens and unknown ids.

        Raises:
            ModelError: tokenizer.json asks for a decoder that fails.
        """
        tokens = [token for token in map(self.token_of, ids) if token is not None and not self._is_special(token)]
        with _refused(f"The tokenizer of {self._folder} cannot decode {tokens[:8]}"):
            text: str = " ".join(tokens) if self._decoder is None else self._decoder.decode(tokens)
        if self._clean_up:
            for found, put in _CLEANED.items():
                text = text.replace(found, put)
        return text

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, None where there is no such token."""
        found: int | None = self._core.token_to_id(token)
        return found

    def token_of(self, token_id: int) -> str | None:
        """Return the token with an id, None where there is none."""
        found: str | None = self._added.get(token_id) or self._model.id_to_token(token_id)
        return found


@contextmanager
def _refused(said: str) -> Iterator[None]:
    """Turn the library's exceptions into a ModelError, including its panics, which are no ordinary exceptions."""
    try:
        yield
    except ModelError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ModelError(f"{said}: {first_line(error)}; take the tokenizer's files of the checkpoint.") from error


def _loaded(files: TokenizerFiles) -> tuple[Tokenizer, AddedTokens, dict[str, Any]]:
    """Return the tokenizer from the files, its added tokens, and the settings with its special tokens."""
    from tokenizers import AddedToken, Tokenizer

    settings, by_id = special_and_added(files)
    added = AddedTokens()
    if files.is_llama:
        settings = {**_DEFAULTS, **settings}
    if files.vocabulary is None or (files.is_llama and _wants_model(settings)):
        model = _read_model(files, settings)
        renamed = {i: str(token.content) for i, token in by_id.items()}
        if files.vocabulary is not None:
            # Where a tokenizer.json is ignored, the first tokens keep their names, and named added tokens that are
            # special are resolved like those below.
            named = [settings.get(name) for name in NAMED]
            renamed = {}
            by_id = {i: _copy(token) if any(token is one for one in named) else token for i, token in by_id.items()}
        core = converted(model, renamed)
        set_pipeline(core, **_pipeline(files, settings))
        added.add(whole_pieces(model))
        # These four become tokens that are not normalized; for others, copying resolves unset properties.
        for name in NAMED:
            if isinstance(settings.get(name), str) and name in (*_DEFAULTS, "pad_token"):
                settings[name] = AddedToken(settings[name], normalized=False, special=True)
            settings[name] = _copy(settings.get(name))
        settings[ADDITIONAL] = [_copy(token) for token in settings[ADDITIONAL]]
    else:
        if _wants_model({**settings, "add_prefix_space": None}):
            files.refuse(SETTINGS, f"{files.tokenizer_class} cannot be made from anything but a tokenizer.json")
        core = Tokenizer.from_str(json.dumps({**files.vocabulary, "added_tokens": []}))
        if core.padding is not None:
            settings.setdefault("pad_token", core.padding["pad_token"])
        if files.pipeline is not None:
            set_pipeline(core, legacy=files.pipeline[0], prefix=files.pipeline[1])
        added.add(added_of_json(files))
    core.no_truncation()
    core.no_padding()
    core.encode_special_tokens = _flag(files, settings, "split_special_tokens", default=False)
    _add(added, by_id, settings)
    added.put_into(core)
    if files.is_llama:
        _put_ends(core, files, settings)
    return core, added, settings


def _copy(token: Any) -> Any:
    """Return a special token whose `normalized` no longer depends on whether it is added as a special one."""
    from tokenizers import AddedToken

    return AddedToken(**token.__getstate__()) if isinstance(token, AddedToken) else token


def _wants_model(settings: dict[str, Any]) -> bool:
    """Whether Llama's classes ignore a tokenizer.json."""
    is_unset = "tokenizer_file" in settings  # must be null, since other values were refused
    return settings.get("add_prefix_space") is not None or bool(settings.get("from_slow")) or is_unset


def _read_model(files: TokenizerFiles, settings: dict[str, Any]) -> PieceModel:
    if not (files.folder / MODEL).exists():
        files.refuse(SETTINGS, f"add_prefix_space is set, for which a tokenizer is made from {MODEL}, which is missing")
    sampling = settings.get("sp_model_kwargs") or {}
    if not isinstance(sampling, dict) or not _SAMPLING.issuperset(sampling):
        files.refuse(SETTINGS, f"sp_model_kwargs is {str(sampling)[:60]!r}")
    return read_pieces(files.folder / MODEL)


def _pipeline(files: TokenizerFiles, settings: dict[str, Any]) -> dict[str, bool]:
    """Return the settings of the pipeline of a tokenizer that is made from tokenizer.model."""
    # Where a tokenizer.json is ignored, an absent `add_prefix_space` counts as null, that is, false.
    given = settings if files.vocabulary is None else {"add_prefix_space": None, **settings}
    legacy = settings.get("legacy") is None or _flag(files, settings, "legacy", default=True)
    return {"legacy": legacy, "prefix": _flag(files, given, "add_prefix_space", default=True)}


def _add(added: AddedTokens, by_id: dict[int, AddedToken], settings: dict[str, Any]) -> None:
    """Add the tokens of the files, by id, and then the special ones that are not among them.

    A special token with its own matching properties is added again if the tokenizer already has it with others.
    """
    from tokenizers import AddedToken

    special: list[str | AddedToken] = []
    for tokens in (*([settings.get(name)] for name in NAMED), settings[ADDITIONAL]):
        seen = set(map(str, special))
        special += [token for token in tokens if token and str(token) not in seen]
    texts = set(map(str, special))
    wanted: list[str | AddedToken] = [token for _, token in sorted(by_id.items(), key=lambda item: item[0])]
    known = added.texts | set(map(str, wanted))
    wanted += [
        token for token in special if token not in wanted and (isinstance(token, AddedToken) or token not in known)
    ]
    for token in wanted:
        added.add([token], special=str(token) in texts or (isinstance(token, AddedToken) and bool(token.special)))


def _put_ends(core: Tokenizer, files: TokenizerFiles, settings: dict[str, Any]) -> None:
    """Add the first and the last token to each text, as Llama's classes do regardless of tokenizer.json."""
    from tokenizers.processors import TemplateProcessing

    ends = []
    for setting, name in (("add_bos_token", "bos_token"), ("add_eos_token", "eos_token")):
        asked = _flag(files, settings, setting, default=name == "bos_token")
        if asked and settings[name] is None:
            files.refuse(SETTINGS, f"{setting} is true, and there is no {name}")
        ends.append([(str(settings[name]), _id_of(core, settings, name))] if asked else [])
    before, behind = ([f"{text}:0" for text, _ in end] for end in ends)
    core.post_processor = TemplateProcessing(
        single=" ".join([*before, "$A:0", *behind]), special_tokens=ends[0] + ends[1]
    )


def _id_of(core: Tokenizer, settings: dict[str, Any], name: str) -> int | None:
    """Return the id of a special token, or of the unknown one where it has none; None where neither is named."""
    token, unknown = (settings.get(one) for one in (name, "unk_token"))
    ids: Iterable[int | None] = (core.token_to_id(str(one)) for one in (token, unknown) if one is not None)
    return None if token is None else next((found for found in ids if found is not None), None)


def _flag(files: TokenizerFiles, settings: dict[str, Any], name: str, *, default: bool) -> bool:
    value = settings.get(name, default)
    if value is not None and not isinstance(value, bool):
        files.refuse(SETTINGS, f"{name} is {str(value)[:40]!r}, not a boolean")
    return bool(value)
