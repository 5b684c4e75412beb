"""A checkpoint's end tokens, and a check that it asks for greedy decoding only.

Tarsier-7b ships no generation_config.json. transformers 4.44 then takes the end token from its config: config.json's
own, otherwise the text config's, whose class has a default that the file leaves out. transformers 5 reads only the file
and finds no end token, so that every output would run to the bound on new tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.errors import ModelError
from eval.models.checkpoints.headers import CONFIG, read_object

GENERATION = "generation_config.json"

_NOTHING: tuple[Any, ...] = (None, [], {})
_GREEDY: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        ("bad_words_ids", "begin_suppress_tokens", "constraints", "dola_layers", "exponential_decay_length_penalty",
         "force_words_ids", "forced_bos_token_id", "forced_decoder_ids", "forced_eos_token_id", "max_time",
         "sequence_bias", "stop_strings", "suppress_tokens", "watermarking_config"), _NOTHING),
    **dict.fromkeys(
        ("encoder_no_repeat_ngram_size", "min_length", "min_new_tokens", "no_repeat_ngram_size", "penalty_alpha"),
        (None, 0)),
    **dict.fromkeys(
        ("encoder_repetition_penalty", "guidance_scale", "num_beams"), (None, 1)),
}  # fmt: skip
"""Settings that can make transformers' generate depart from greedy decoding, with their harmless values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTokens:
    """The ids that end an output, and the file that defines them."""

    ids: tuple[int, ...]
    """At least one, in ascending order."""
    source: str
    """generation_config.json, config.json, text_config of config.json, or the tokenizer."""


def end_tokens(folder: Path, config: Any, tokenizers: int | None) -> EndTokens:
    """Return the end tokens of a checkpoint: from the first place that names any, in the order of transformers 4.44.

    Args:
        folder: the checkpoint's.
        config: its config.
        tokenizers: the id of the tokenizer's end token, used where no other place has one.

    Raises:
        ModelError: no place names an end token, or one names an id outside the vocabulary.
    """
    path, text = folder / GENERATION, config.get_text_config(decoder=True)
    places = (
        (GENERATION, read_object(path).get("eos_token_id") if path.exists() else None),
        (CONFIG, getattr(config, "eos_token_id", None)),
        (f"text_config of {CONFIG}", getattr(text, "eos_token_id", None)),
        ("the tokenizer", tokenizers),
    )
    for source, named in places:
        ids = named if isinstance(named, list | tuple) else () if named is None else (named,)
        if ids:
            size = text.vocab_size
            wrong = next((one for one in ids if type(one) is not int or not 0 <= one < size), None)
            if wrong is not None:
                raise ModelError(
                    f"{folder}: eos_token_id {str(wrong)[:40]!r} of {source} is not a token id from 0 to {size - 1}, "
                    "so no output could end with it; take the checkpoint's own files."
                )
            return EndTokens(ids=tuple(sorted(set(ids))), source=source)
    raise ModelError(
        f"{folder} names no end token, so every output would run to model.max_new_tokens: set eos_token_id in "
        f"{GENERATION} or {CONFIG}, as the checkpoint's authors have it."
    )


def repetition_penalty(folder: Path) -> float:
    """Return the repetition penalty of a checkpoint, 1 for none.

    Settings of generation are read as in transformers 4.44: from generation_config.json, otherwise from config.json.

    Raises:
        ModelError: another setting would make transformers' generate do anything but greedy decoding, or the penalty
            is not a positive number.
    """
    name = GENERATION if (folder / GENERATION).exists() else CONFIG
    found = read_object(folder / name)
    text = found.get("text_config")
    for settings in (found, text if isinstance(text, dict) else {}):
        for key, off in _GREEDY.items():
            if settings.get(key) not in off:
                raise ModelError(
                    f"{folder}: {name} sets {key}={str(settings[key])[:60]}, so its outputs would not be greedy ones; "
                    "remove it from the file."
                )
    penalty = found.get("repetition_penalty")
    if penalty is None:
        return 1.0
    if type(penalty) not in (int, float) or not 0 < penalty < float("inf"):
        raise ModelError(
            f"{folder}: repetition_penalty of {name} is {str(penalty)[:40]!r}; expected a positive number."
        )
    return float(penalty)
