"""The tokenizer's files in a folder: read, checked, and combined as transformers 4.44.2 does.

tokenizer.json           vocabulary, added tokens and everything else of the `tokenizers` library
tokenizer.model          vocabulary of SentencePiece; one of the two suffices
tokenizer_config.json    class, settings, special tokens, and since 4.34 `added_tokens_decoder`: added tokens by id
special_tokens_map.json  special tokens, where there is no `added_tokens_decoder`
added_tokens.json        ids of added tokens by text, where there is no `added_tokens_decoder`
config.json              names the class where tokenizer_config.json doesn't; without a name it is Llama's
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from eval.errors import ModelError
from eval.models.checkpoints.headers import read_json, read_object
from eval.readers.malformed import printable
from eval.readers.parsing import Twice

if TYPE_CHECKING:
    from tokenizers import AddedToken

JSON, MODEL = "tokenizer.json", "tokenizer.model"
SETTINGS, SPECIAL, ADDED, CONFIG = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "config.json",
)

MAX_JSON = 64 * 2**20
"""Largest tokenizer.json, in bytes; Tarsier-7b's has two million."""

LLAMA = ("LlamaTokenizer", "LlamaTokenizerFast")
GENERIC = ("PreTrainedTokenizerFast", "PreTrainedTokenizer")
BY_5 = "TokenizersBackend"
"""Name of the generic class in transformers 5."""

NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
ADDITIONAL = "additional_special_tokens"

_MATCHING = ("single_word", "lstrip", "rstrip", "normalized", "special")
"""Properties of an added token that define how it is matched in a text."""
_ELSEWHERE = ("tokenizer_file", "vocab_file", "init_inputs", "fast_tokenizer_files")
"""Settings that refer to files other than those above."""


def missing_vocabulary(folder: Path) -> list[str]:
    """Return the part of a tokenizer that a folder lacks, in words: none, or both forms of a vocabulary."""
    return [] if any((folder / name).is_file() for name in (JSON, MODEL)) else [f"{JSON} or {MODEL} (either will do)"]


@dataclass(frozen=True, kw_only=True)
class TokenizerFiles:
    """The tokenizer's files in a folder; None for missing ones."""

    folder: Path
    tokenizer_class: str
    settings: dict[str, Any]
    """The content of tokenizer_config.json; empty where there is none."""
    special: dict[str, Any] | None
    added: dict[str, Any] | None
    vocabulary: dict[str, Any] | None
    """The content of tokenizer.json."""
    pipeline: tuple[bool, bool] | None = None
    """`legacy` and `add_prefix_space`, where tokenizer.json is to be used with the pipeline of these settings."""

    @property
    def is_llama(self) -> bool:
        """Whether Llama's rules apply, or the generic ones."""
        return self.tokenizer_class in LLAMA

    def refuse(self, name: str, said: str) -> NoReturn:
        """Raise the ModelError about a file."""
        raise ModelError(f"{self.folder / name}: {printable(said)}; take the tokenizer's files of the checkpoint.")


def read_files(folder: Path) -> TokenizerFiles:
    """Return the content of the tokenizer's files in a folder.

    Raises:
        ModelError: there is no vocabulary, a file cannot be read or is no JSON, or it is another kind of tokenizer.
    """
    missing = missing_vocabulary(folder)
    if missing:
        raise ModelError(f"{folder} has no {missing[0]}; take the tokenizer's files of the checkpoint.")
    settings, special, added, config = (
        read_object(folder / name) if (folder / name).exists() else None for name in (SETTINGS, SPECIAL, ADDED, CONFIG)
    )
    named = [one["tokenizer_class"] for one in (settings, config) if one and one.get("tokenizer_class") is not None]
    has_json = (folder / JSON).exists()
    files = TokenizerFiles(
        folder=folder,
        tokenizer_class=named[0] if named else LLAMA[0],
        settings=settings or {},
        special=special,
        added=added,
        vocabulary=_vocabulary(folder / JSON) if has_json else None,
    )
    if files.tokenizer_class not in (*LLAMA, *GENERIC, BY_5):
        said = f"tokenizer_class is {str(files.tokenizer_class)[:60]!r}, and only {LLAMA[0]} and {GENERIC[0]} are known"
        files.refuse(SETTINGS, said)
    if not has_json and not files.is_llama:
        files.refuse(SETTINGS, f"tokenizer_class {files.tokenizer_class} needs {JSON}, which is not there")
    for name in _ELSEWHERE:
        value = files.settings.get(name)
        if value and (name != "tokenizer_file" or has_json):
            files.refuse(SETTINGS, f"{name} is {str(value)[:60]!r}, and only the folder's own files are read")
    return files


def _vocabulary(path: Path) -> dict[str, Any]:
    found = read_json(path, MAX_JSON)
    vocabulary: dict[str, Any] = found if isinstance(found, dict) else {}
    model, added = vocabulary.get("model"), vocabulary.get("added_tokens")
    if not isinstance(model, dict) or not isinstance(added, list) or not all(isinstance(one, dict) for one in added):
        raise ModelError(f"{path} is not a tokenizer: it has no model, or no added_tokens; take the checkpoint's own.")
    if isinstance(model.get("vocab"), Twice):
        raise ModelError(f"{path} gives {model['vocab'].key[:60]!r} twice; take the checkpoint's own.")
    return vocabulary


def special_and_added(files: TokenizerFiles) -> tuple[dict[str, Any], dict[int, AddedToken]]:
    """Return the settings, with the special tokens of all files, and the added tokens by the ids that files name.

    Special tokens are text, or AddedToken where a file defines their matching; ADDITIONAL is a list of them.

    One quirk of 4.44.2 is kept. A special token that is also an added one is matched as the added one; but those of
    added_tokens.json are all stored under the text of the last additional special token instead of their own, so that
    only this text finds one: the last of them.

    Raises:
        ModelError: a token is invalid, or an id is not a number or is repeated.
    """
    settings = dict(files.settings)
    added: dict[int, AddedToken] = {}
    by_text: dict[str, AddedToken] = {}
    if "added_tokens_decoder" in settings:
        for index, about in _object(files, SETTINGS, settings["added_tokens_decoder"]).items():
            token = _token(files, SETTINGS, about)
            added[_index(files, SETTINGS, index)] = by_text[str(token)] = token
    else:
        last = _put_special(files, settings)
        names = [_text(settings.get(name)) for name in NAMED]
        names += [_text(one) for one in _list(files, SETTINGS, settings.get(ADDITIONAL))]
        for text, index in (files.added or {}).items():
            if type(index) is not int or index in added:
                files.refuse(ADDED, f"the id of {text[:60]!r} is {str(index)[:60]!r}, which is none, or another's too")
            is_special = text in names
            added[index] = _token(files, ADDED, {"content": text, "normalized": not is_special, "special": is_special})
            by_text[last] = added[index]
        for about, token in zip((files.vocabulary or {}).get("added_tokens", ()), added_of_json(files), strict=True):
            added[_index(files, JSON, about.get("id"))] = by_text[str(token)] = token
    for name in NAMED:
        one = _marked(files, settings[name]) if settings.get(name) is not None else None
        if one is not None:
            settings[name] = by_text.get(str(one), one)
    settings[ADDITIONAL] = [_marked(files, one) for one in _list(files, SETTINGS, settings.get(ADDITIONAL))]
    return settings, added


def added_of_json(files: TokenizerFiles) -> list[AddedToken]:
    """Return the added tokens of tokenizer.json in its order, none where there is no such file. Raises ModelError."""
    return [_token(files, JSON, about) for about in files.vocabulary["added_tokens"]] if files.vocabulary else []


def _put_special(files: TokenizerFiles, settings: dict[str, Any]) -> str:
    """Put the special tokens of special_tokens_map.json among the settings; return the last additional one's text."""
    last = str(None)
    for key, value in (files.special or {}).items():
        if isinstance(value, dict):
            settings[key] = _token(files, SPECIAL, {**value, "special": True})
        elif key == ADDITIONAL and isinstance(value, list):
            additional = list(_list(files, SETTINGS, settings.get(ADDITIONAL)))
            for about in value:
                token = _token(files, SPECIAL, {**about, "special": True}) if isinstance(about, dict) else about
                if token not in additional:
                    additional.append(token)
                last = str(token)
            settings[key] = additional
        else:
            settings[key] = value
    return last


def _text(value: object) -> str | None:
    """Return the text of a special token as 4.44.2 compares it: one described in tokenizer_config.json has none."""
    return None if value is None else str(value)


def _marked(files: TokenizerFiles, value: object) -> str | AddedToken:
    """Return a special token of the settings, where an object describes its own type."""
    from tokenizers import AddedToken

    if isinstance(value, dict) and value.get("__type") == "AddedToken":
        return _token(files, SETTINGS, value)
    if not isinstance(value, str | AddedToken):
        files.refuse(SETTINGS, f"{str(value)[:60]!r} is not a special token")
    return value


def _token(files: TokenizerFiles, name: str, about: object) -> AddedToken:
    from tokenizers import AddedToken

    if not isinstance(about, dict) or not isinstance(about.get("content"), str):
        files.refuse(name, f"{str(about)[:60]!r} is not a token: it has no content")
    matching = {key: about[key] for key in _MATCHING if key in about}
    wrong = next((key for key, value in matching.items() if not isinstance(value, bool)), None)
    if wrong is not None:
        files.refuse(
            name, f"{wrong} of the token {about['content'][:60]!r} is {str(about[wrong])[:40]!r}, not a boolean"
        )
    return AddedToken(about["content"], **matching)


def _index(files: TokenizerFiles, name: str, value: object) -> int:
    if type(value) is not int and not (isinstance(value, str) and value.isdecimal() and len(value) < 20):
        files.refuse(name, f"{str(value)[:60]!r} is not an id of an added token")
    return int(value)


def _object(files: TokenizerFiles, name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        files.refuse(name, f"added_tokens_decoder is {str(value)[:60]!r}, not an object")
    return value


def _list(files: TokenizerFiles, name: str, value: object) -> list[Any]:
    if value is not None and not isinstance(value, list):
        files.refuse(name, f"{ADDITIONAL} is {str(value)[:60]!r}, not a list")
    return value or []
