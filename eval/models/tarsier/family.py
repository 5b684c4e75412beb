"""Tarsier (7b, 34b) as a family of checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.models.families import Family

SEPARATORS = ("image_newline_idx", "image_new_idx")
"""Keys of the token ids that distinguish a Tarsier config from any other LLaVA's.
In Tarsier-7b no token of the tokenizer has these ids."""


def _is_of(raw: Mapping[str, Any]) -> bool:
    text = raw.get("text_config")
    kind = str(text.get("model_type")) if isinstance(text, dict) else ""
    # Tarsier2's configs have these keys too. Text parts of other types are refused with a message of their own.
    return (
        raw.get("model_type") == "llava" and not kind.startswith("qwen2_vl") and any(key in raw for key in SEPARATORS)
    )


FAMILY = Family(
    package=__package__,
    name="Tarsier",
    example="tarsier-7b",
    is_of=_is_of,
    class_name="TarsierForConditionalGeneration",
    # Names of transformers 4.37 and 4.44, and those of 4.52 to 4.57. transformers applies its own renaming only to its
    # own classes; without this a subclass would keep a randomly initialised language model and say so in a log line.
    weight_names={
        r"^language_model\.lm_head": "lm_head",
        r"^language_model\.model": "model.language_model",
        r"^vision_tower\.vision_model": "model.vision_tower",
        r"^multi_modal_projector": "model.multi_modal_projector",
        r"^model\.vision_tower\.vision_model": "model.vision_tower",
    },
)
