"""A checkpoint's config.json, read as in transformers: missing values are its config classes' defaults.

The published config.json of Tarsier-7b has no sizes of the language model, since those are LlamaConfig's own; it has
keys of an unknown training library, and names of transformers 4.37. So the JSON itself is read only to refuse values
before a class sees them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub.dataclasses import strict
from transformers import LlavaConfig

from eval.errors import ModelError
from eval.models.checkpoints.headers import CONFIG, read_object, refuse_absurd
from eval.models.tarsier.family import SEPARATORS
from eval.readers.malformed import joined

if TYPE_CHECKING:
    from eval.models.families import Family

PARTS = {"text_config": "llama", "vision_config": "clip_vision_model"}
"""Model types of a Tarsier checkpoint's parts."""

SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
"""Sizes of both parts, at least one each."""

ROPES = {
    "default": (),
    "linear": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"),
    "yarn": ("factor", "attention_factor", "beta_fast", "beta_slow"),
}
"""Kinds of rotary embedding whose frequencies do not depend on the prompt's length, so that a prefix can be shared,
with the settings of each that transformers 4.44, upstream's version, and 5 read alike."""


@strict
class TarsierConfig(LlavaConfig):
    """A LLaVA config with the ids of Tarsier's two separator tokens."""

    model_type = "llava"
    image_newline_idx: int = 32002
    image_new_idx: int = 32003

    @property
    def family(self) -> Family:
        """Its family."""
        from eval.models.tarsier.family import FAMILY

        return FAMILY

    def positions_per_frame(self) -> int:
        """Return the number of positions of one frame: g rows of g patches and a newline, then the frame's end."""
        side = int(self.vision_config.image_size) // int(self.vision_config.patch_size)
        return side * (side + 1) + 1

    def positions(self, n_frames: int) -> int:
        """Return the number of positions of so many frames."""
        return n_frames * self.positions_per_frame()

    def input_bytes(self, n_frames: int) -> int:
        """Return the bytes of the pixel values of so many frames in float32."""
        return n_frames * 3 * int(self.vision_config.image_size) ** 2 * 4

    @property
    def max_positions(self) -> int:
        """The longest prompt that the language model was trained on; rotary positions continue beyond it."""
        return int(self.text_config.max_position_embeddings)


def read_config(folder: Path) -> TarsierConfig:
    """Return the config of the checkpoint in a folder, which needs only config.json.

    Raises:
        ModelError: it is not of the Tarsier family (7b, 34b), or asks for something this project does not compute.
    """
    path = folder / CONFIG
    raw = read_object(path)
    _refuse_other_family(raw, path)
    refuse_absurd(raw, path)
    _refuse_other_rope(raw, path)
    try:
        config: TarsierConfig = TarsierConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # a foreign value can raise any exception
        raise ModelError(f"{path} does not fit transformers' config classes: {joined(error)}") from error
    _refuse_unsupported(config, path)
    # Upstream ties the language model's embeddings by the text config's setting, whatever the outer config says.
    config.tie_word_embeddings = bool(config.text_config.tie_word_embeddings)
    return config


def _refuse_other_family(raw: dict[str, Any], path: Path) -> None:
    family = raw.get("model_type")
    absent = [key for key in SEPARATORS if key not in raw]
    if family != "llava" or absent:
        said = f"model_type is {str(family)[:40]!r}" if family != "llava" else f"it lacks {' and '.join(absent)}"
        raise ModelError(
            f"{path} is not of the Tarsier family (7b, 34b): {said}; "
            f"expected model_type 'llava' with {' and '.join(SEPARATORS)}."
        )
    for part, expected in PARTS.items():
        found = raw.get(part)
        if found is not None and not isinstance(found, dict):
            raise ModelError(f"{path}: {part} is not a JSON object; take the checkpoint's own config.json.")
        kind = (found or {}).get("model_type", expected)
        if kind != expected:
            raise ModelError(f"{path}: {part} is of the type {str(kind)[:40]!r}, not {expected!r}: no Tarsier model.")


def _refuse_other_rope(raw: dict[str, Any], path: Path) -> None:
    """Refuse settings of rotary embeddings that upstream's transformers reads differently, or not at all."""
    text = raw.get("text_config")
    scaling = text.get("rope_scaling") if isinstance(text, dict) else None
    if not isinstance(scaling, dict):
        return
    kinds = {str(scaling[key]) for key in ("type", "rope_type") if key in scaling}
    known = {"type", "rope_type", *ROPES.get(min(kinds, default=""), scaling)}
    if len(kinds) != 1 or not known.issuperset(scaling):
        raise ModelError(
            f"{path}: rope_scaling is {str(scaling)[:120]}, which versions of transformers read in different ways; "
            "take the checkpoint's own config.json."
        )


def _refuse_unsupported(config: TarsierConfig, path: Path) -> None:
    text, vision = config.text_config, config.vision_config
    for part, found in (("text_config", text), ("vision_config", vision)):
        for key in (*SIZES, *(("num_key_value_heads", "head_dim", "vocab_size") if found is text else ())):
            if getattr(found, key) < 1:
                raise ModelError(f"{path}: {key} of {part} is {getattr(found, key)}; expected at least 1.")
    for key in ("image_token_index", *SEPARATORS):
        found = getattr(config, key)
        if type(found) is not int or not 0 <= found < text.vocab_size:
            raise ModelError(
                f"{path}: {key} is {repr(found)[:40]}; expected a token id from 0 to {text.vocab_size - 1}."
            )
    if min(vision.image_size, vision.patch_size) < 1 or vision.image_size < vision.patch_size:
        raise ModelError(
            f"{path}: vision_config has image_size {vision.image_size} and patch_size {vision.patch_size}; "
            "an image holds at least one patch."
        )
    layer, most = config.vision_feature_layer, vision.num_hidden_layers
    if not isinstance(layer, int) or not 1 <= abs(layer) <= most:
        raise ModelError(
            f"{path}: vision_feature_layer is {layer!r}; expected one of the vision tower's {most} layers, 1 to "
            f"{most}, or {-most} to -1."
        )
    if config.vision_feature_select_strategy != "default":
        raise ModelError(
            f"{path}: vision_feature_select_strategy is {config.vision_feature_select_strategy!r}; Tarsier drops the "
            "class token ('default'), since the patches have to form rows."
        )
    rope = (text.rope_parameters or {}).get("rope_type", "default")
    if rope not in ROPES:
        raise ModelError(
            f"{path}: rope_type is {str(rope)[:40]!r}, whose frequencies depend on a prompt's length, so that prompts "
            f"cannot share their frames; expected one of {', '.join(ROPES)}."
        )
