"""Tarsier2 as a family of checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.models.families import Family

TEXT = ("qwen2_vl", "qwen2_vl_text")
"""Model types of the language part, as published and as transformers 5 names it."""


def _is_of(raw: Mapping[str, Any]) -> bool:
    text = raw.get("text_config")
    return raw.get("model_type") == "llava" and isinstance(text, dict) and text.get("model_type") in TEXT


FAMILY = Family(
    package=__package__,
    name="Tarsier2",
    example="tarsier2-7b",
    is_of=_is_of,
    class_name="Tarsier2ForConditionalGeneration",
    weight_names={
        r"^vision_tower\.": "model.visual.",
        r"^language_model\.model\.": "model.language_model.",
        r"^language_model\.lm_head\.": "lm_head.",
    },
    replaced_code="models--modeling_qwen2_vl_fast.",
)
