"""A Tarsier2 checkpoint's config.json: a Qwen2-VL in two parts under the name of LLaVA.

Neither transformers' LLaVA classes nor its Qwen2-VL classes read the published form, so the Qwen2-VL config is built
from its parts: upstream's names of token ids move from `text_config` to the top, and references to upstream's own code,
which transformers' classes replace, are left out.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, Qwen2VLConfig

from eval.core import Area
from eval.errors import ModelError
from eval.models.checkpoints.headers import CONFIG, read_object, refuse_absurd
from eval.models.tarsier2.family import TEXT
from eval.readers.malformed import joined
from eval.video.preparing import most_cells

if TYPE_CHECKING:
    from eval.models.families import Family

VISION = ("qwen2_vl", "qwen2_vl_vision")
"""Model types of the vision tower, as published and as transformers 5 names it."""

MAX_PIXELS, BUDGET = 460_800, 128 * 384 * 384
"""Upstream's limits: pixels of a frame, and of all frames of a prompt, each counted twice."""

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""CLIP's mean and standard deviation of each channel, where a checkpoint names none."""

FITTED_PIXELS = (56 * 56, 28 * 28 * 1280)
"""Limits of transformers' class on the second resize, where a checkpoint names none."""

SHOWN_TWICE = 2
"""Number of times that each frame is shown, so that a patch in time is one frame."""

_IDS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
_FOREIGN = {"auto_map", "attn_implementation", "model_type", "architectures", "transformers_version", "_name_or_path"}
_SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
          "vocab_size")  # fmt: skip
_VISION_SIZES = ("depth", "embed_dim", "hidden_size", "num_heads", "patch_size", "spatial_merge_size", "mlp_ratio")


@strict
class Tarsier2Config(Qwen2VLConfig):
    """A Qwen2-VL config that knows how long prompts about so many frames get."""

    frame_pixels: int = MAX_PIXELS
    """Most pixels of a frame, for planning."""
    fitted_pixels: tuple[int, int] = FITTED_PIXELS
    """Fewest and most pixels of a frame after the second resize, from the checkpoint's image processor."""
    rescale_factor: float = 1 / 255
    image_mean: list[float] = field(default_factory=lambda: list(MEAN))
    image_std: list[float] = field(default_factory=lambda: list(STD))
    """How bytes become pixel values, from the checkpoint's image processor."""

    @property
    def family(self) -> Family:
        """Its family."""
        from eval.models.tarsier2.family import FAMILY

        return FAMILY

    def positions(self, n_frames: int) -> int:
        """Return the most positions that a video of so many frames takes, whatever their aspect."""
        least, most = self.fitted_pixels
        area = Area(
            max_pixels=min(self.frame_pixels, BUDGET // (SHOWN_TWICE * n_frames)),
            factor=self._side,
            factor_min=least,
            factor_max=most,
        )
        return n_frames * most_cells(area)

    def input_bytes(self, n_frames: int) -> int:
        """Return the most bytes of the pixels of so many frames, as they are given and as patches in float32."""
        return self.positions(n_frames) * self._side**2 * 3 * (1 + 4 * SHOWN_TWICE)

    @property
    def _side(self) -> int:
        """Pixels of a side of a group of patches, which takes one position."""
        return int(self.vision_config.patch_size * self.vision_config.spatial_merge_size)

    @property
    def max_positions(self) -> int:
        """The longest prompt that the language model was trained on; rotary positions continue beyond it."""
        return int(self.text_config.max_position_embeddings)


def read_config(folder: Path) -> Tarsier2Config:
    """Return the config of the checkpoint in a folder, which needs only config.json.

    Raises:
        ModelError: it is not of the Tarsier2 family, or asks for something this project does not compute.
    """
    path = folder / CONFIG
    raw = read_object(path)
    _refuse_other_family(raw, path)
    refuse_absurd(raw, path)
    text = {key: value for key, value in raw["text_config"].items() if key not in {*_FOREIGN, *_IDS}}
    vision = {key: value for key, value in raw["vision_config"].items() if key not in _FOREIGN}
    ids = {key: raw["text_config"].get(key, raw.get(key)) for key in _IDS}
    ids["image_token_id"] = raw.get("image_token_index", ids["image_token_id"])
    try:
        AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)  # as for the tokenizer
        config = Tarsier2Config(
            text_config=text, vision_config=vision, **{key: value for key, value in ids.items() if value is not None}
        )
    except Exception as error:  # transformers may raise anything for an invalid value
        raise ModelError(f"{path} does not fit transformers' config classes: {joined(error)}") from error
    _refuse_unsupported(config, path)
    config.tie_word_embeddings = bool(config.text_config.tie_word_embeddings)
    return config


def _refuse_other_family(raw: dict[str, Any], path: Path) -> None:
    if raw.get("model_type") != "llava":
        raise ModelError(
            f"{path} is not of the Tarsier2 family: model_type is {str(raw.get('model_type'))[:40]!r}, and Tarsier2's "
            "is 'llava', with a text_config and a vision_config of the type 'qwen2_vl'."
        )
    for part, kinds in (("text_config", TEXT), ("vision_config", VISION)):
        found = raw.get(part)
        if not isinstance(found, dict):
            raise ModelError(f"{path}: {part} is not a JSON object; take the checkpoint's own config.json.")
        if found.get("model_type") not in kinds:
            raise ModelError(
                f"{path}: {part} is of the type {str(found.get('model_type'))[:40]!r}, and Tarsier2's is {kinds[0]!r}."
            )
    if raw.get("projection_head") is not None:
        raise ModelError(
            f"{path}: projection_head is {str(raw['projection_head'])[:40]!r}; Tarsier2 has none, since Qwen2-VL's "
            "vision tower ends with its own."
        )
    scaling = raw["text_config"].get("rope_scaling") or raw["text_config"].get("rope_parameters")
    named = {str(scaling.get(key, "default")) for key in ("type", "rope_type")} if isinstance(scaling, dict) else {""}
    if not named <= {"default", "mrope"}:
        raise ModelError(
            f"{path}: rope_scaling of text_config is {str(scaling)[:120]}; expected the type 'default' or 'mrope' with "
            "mrope_section."
        )


def _refuse_unsupported(config: Tarsier2Config, path: Path) -> None:  # noqa: C901 - one check after the other
    text, vision = config.text_config, config.vision_config
    for part, found, keys in (("text_config", text, _SIZES), ("vision_config", vision, _VISION_SIZES)):
        for key in keys:
            if not getattr(found, key) >= 1:
                raise ModelError(f"{path}: {key} of {part} is {getattr(found, key)}; expected at least 1.")
    if text.hidden_size % text.num_attention_heads or text.num_attention_heads % text.num_key_value_heads:
        raise ModelError(
            f"{path}: hidden_size {text.hidden_size}, num_attention_heads {text.num_attention_heads} and "
            f"num_key_value_heads {text.num_key_value_heads} of text_config do not divide each other."
        )
    if vision.hidden_size != text.hidden_size:
        raise ModelError(
            f"{path}: hidden_size is {vision.hidden_size} in vision_config and {text.hidden_size} in text_config; the "
            "vision tower's output is the language model's input, so they must be equal."
        )
    if vision.embed_dim % vision.num_heads or (vision.embed_dim // vision.num_heads) % 4:
        raise ModelError(
            f"{path}: embed_dim {vision.embed_dim} of vision_config is not num_heads {vision.num_heads} times a "
            "multiple of 4."
        )
    if (vision.temporal_patch_size, vision.in_channels) != (SHOWN_TWICE, 3):
        raise ModelError(
            f"{path}: vision_config has temporal_patch_size {vision.temporal_patch_size} and in_channels "
            f"{vision.in_channels}; Tarsier2 shows each frame {SHOWN_TWICE} times, in 3 channels."
        )
    theta: Any = (text.rope_parameters or {}).get("rope_theta")
    if type(theta) not in (int, float) or not theta > 0:
        raise ModelError(f"{path}: rope_theta of text_config is {str(theta)[:40]!r}; expected a number above 0.")
    section = (text.rope_parameters or {}).get("mrope_section")
    width = text.hidden_size // text.num_attention_heads
    if not isinstance(section, list) or len(section) != 3 or sum(section) * 2 != width:
        raise ModelError(
            f"{path}: mrope_section is {str(section)[:60]}; expected three numbers whose sum is half of a head's "
            f"width, {width // 2}."
        )
    if text.use_sliding_window:
        raise ModelError(f"{path}: use_sliding_window is true; Tarsier2's attention has no window.")
    found = config.image_token_id
    if type(found) is not int or not 0 <= found < text.vocab_size:
        raise ModelError(
            f"{path}: image_token_id is {str(found)[:40]}; expected a token id from 0 to {text.vocab_size - 1}."
        )
