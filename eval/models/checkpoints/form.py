"""The forms of checkpoints: how the files of one are checked, before its weights are read or fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.errors import ModelError
from eval.models.checkpoints.fitting import refuse_unfit
from eval.models.checkpoints.headers import CONFIG
from eval.models.families import family_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The checks of one form. Each raises ModelError for a folder or weights that it refuses."""

    read_config: Callable[[Path], Any]
    """Returns the config of a folder, of which only config.json is needed."""
    missing_files: Callable[[Path], list[str]]
    """Returns the missing files of a folder besides its weights, one description each."""
    refuse_unfit: Callable[[Mapping[str, tuple[int, ...]], Any, object], None]
    """Refuses weights that are not the config's: their shapes by name, the config, and where they are."""


def _refuse_other_weights(shapes: Mapping[str, tuple[int, ...]], config: Any, where: object) -> None:
    """Refuse weights of another checkpoint: by the most telling sizes first, then by all tensors."""
    wanted = (config.text_config.vocab_size, config.text_config.hidden_size)
    found = next((shape for name, shape in shapes.items() if name.endswith("embed_tokens.weight")), None)
    if found != wanted:
        raise ModelError(
            f"{where}/{CONFIG}: vocab_size and hidden_size of text_config are {wanted[0]} and {wanted[1]}, and the "
            f"weights' embed_tokens is {'absent' if found is None else list(found)}; take config and weights of one "
            "checkpoint."
        )
    refuse_unfit(shapes, config, where)


OWN_FORM = Form(
    read_config=lambda folder: family_of(folder).read_config(folder),
    missing_files=lambda folder: family_of(folder).missing_files(folder),
    refuse_unfit=_refuse_other_weights,
)
"""Checkpoints of the families that run here."""
