"""Checkpoints of transformers' own vision-language classes: telling and checking them, before a weight is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.errors import ModelError
from eval.models.checkpoints.form import Form
from eval.models.checkpoints.headers import CONFIG, read_object, refuse_absent, refuse_irregular
from eval.models.checkpoints.loading import refuse_code
from eval.models.families import REPEATED, told_by
from eval.readers.malformed import joined, printable

_IMAGES = ("preprocessor_config.json", "processor_config.json")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


def read_config(folder: Path) -> Any:
    """Return the config of a checkpoint that one of transformers' own vision-language classes runs.

    Raises:
        ModelError: there is none, it is of another kind of model, or it needs code of its own.
    """
    from transformers import AutoConfig

    path = folder / CONFIG
    refuse_irregular(folder)
    if not path.is_file():
        raise ModelError(f"{folder} is not a checkpoint: it has no {CONFIG}.")
    raw = read_object(path)
    if own := told_by(raw):
        raise ModelError(
            f"{folder} is a {own.name} checkpoint, which transformers' classes alone do not run: run it with --model "
            f"{own.example} {REPEATED}, or give its folder as --model."
        )
    named = f"{path} is of the model_type {printable(str(raw.get('model_type'))[:40])!r}"
    if not runs(folder):
        if raw.get("auto_map"):
            raise ModelError(
                f"{named}, for which transformers {_version()} has no class, and code of a checkpoint (auto_map) is "
                "never run; take a checkpoint in transformers' own form, whose name often ends in -hf."
            )
        raise ModelError(f"{named}, for which transformers {_version()} has no vision-language class.")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # a foreign value can raise any exception
        raise ModelError(
            f"{path} cannot be read: {type(error).__name__}: {joined(error)}; take the checkpoint's own."
        ) from error
    if config.is_encoder_decoder:
        raise ModelError(f"{named}, an encoder-decoder, which cannot continue a begun answer; give a decoder-only one.")
    return config


def runs(folder: Path) -> bool:
    """Whether transformers has a vision-language class for the checkpoint in a folder.

    Raises:
        ModelError: config.json cannot be read, or is that of a model of text alone.
    """
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    )

    path = folder / CONFIG
    kind = read_object(path).get("model_type") if path.is_file() else None
    if not isinstance(kind, str):
        return False
    has_class = kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    if not has_class and kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise ModelError(f"{path} is of the model_type {kind!r}, a model of text alone; give a vision-language model.")
    return has_class


def check_settings(folder: Path) -> Any:
    """Return the config of a checkpoint, if its files besides the weights exist and ask for no foreign code.

    Code in `auto_map` is not needed where transformers has classes of its own, and is left aside. Raises ModelError.
    """
    config = read_config(folder)
    _refuse_defaults(folder)
    if missing := _missing_files(folder):
        raise ModelError(f"{folder} cannot be asked about videos: it has no {', and no '.join(missing)}.")
    refuse_code(folder, replaced_code=None)
    return config


def _refuse_defaults(folder: Path) -> None:
    """Refuse settings of images that say nothing, in whose place the class's defaults would be taken unseen."""
    first, second = (read_object(folder / name) if (folder / name).exists() else None for name in _IMAGES)
    told = ("image_processor_type", "feature_extractor_type", "image_mean")
    if first is not None and not (second and "image_processor" in second) and not any(name in first for name in told):
        refuse_absent(first, told[::2], folder / _IMAGES[0])


def _missing_files(folder: Path) -> list[str]:
    wanted = (_IMAGES, _TOKENIZERS)
    return [" or ".join(names) for names in wanted if not any((folder / name).is_file() for name in names)]


def _version() -> str:
    import transformers

    return str(transformers.__version__)


FOREIGN = Form(
    read_config=read_config,
    missing_files=_missing_files,
    # Old names of weights are known to transformers alone, which reports what is missing or left over.
    refuse_unfit=lambda _shapes, _config, _where: None,
)
"""Checkpoints of any vision-language class of transformers."""
