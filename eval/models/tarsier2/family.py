"""Tarsier2 as a family of checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.models.families import Family
from eval.models.tarsier2.config import is_tarsier2, read_config


def _missing_files(folder: Path) -> list[str]:
    from eval.models.tarsier2.processing import missing_files

    return missing_files(folder)


def _model_class() -> Any:
    from eval.models.tarsier2.model import Tarsier2ForConditionalGeneration

    return Tarsier2ForConditionalGeneration


FAMILY = Family(
    name="Tarsier2",
    example="tarsier2-7b",
    is_of=is_tarsier2,
    read_config=read_config,
    missing_files=_missing_files,
    model_class=_model_class,
    weight_names={
        r"^vision_tower\.": "model.visual.",
        r"^language_model\.model\.": "model.language_model.",
        r"^language_model\.lm_head\.": "lm_head.",
    },
    replaced_code="models--modeling_qwen2_vl_fast.",
)
