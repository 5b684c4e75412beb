"""From frames and a conversation to Tarsier2's inputs, exactly as upstream: pixels, text, token ids.

Frames arrive in their final size (`frame_policy`), by two resizes of which the first limits the area, and the second
makes both sides multiples of a group of patches. Source: upstream's branch `tarsier2`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.core import Area, FramePolicy, Turn
from eval.errors import ModelError
from eval.models.checkpoints.headers import read_object, refuse_absent
from eval.models.conversation import conversation
from eval.models.tarsier2.config import BUDGET, FITTED_PIXELS, Tarsier2Config
from eval.models.tarsier2.prompts import chat_template, rendered, within
from eval.readers.malformed import printable

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

IMAGES, PROCESSOR = "preprocessor_config.json", "processor_config.json"
MAX_LENGTH = 16_384
"""Upstream's bound on the ids of a prompt, whatever the checkpoint says; text beyond it is cut off."""

TEMPLATE_S = 10.0
"""Seconds that a checkpoint's chat template may take on its trial: it is a program, and may never end."""

_CLASSES = {"Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast", "Qwen2VLImageProcessorPil"}
_MOST_PIXELS = 10**8
_VOCABULARIES = ("tokenizer.json", "vocab.json and merges.txt")


def missing_files(folder: Path) -> list[str]:
    """Return the missing files of a checkpoint besides its weights, one description each."""
    images = [] if _where_images(folder) else [f"{IMAGES} (nor image_processor in {PROCESSOR})"]
    has_json = (folder / "tokenizer.json").is_file()
    has_parts = (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()
    return [*images, *([] if has_json or has_parts else [" or ".join(_VOCABULARIES)])]


class Tarsier2Processor:
    """Tokenizer, chat template and image settings of one checkpoint.

    Args:
        folder: the checkpoint's.
        config: its config, which gets the settings of its image processor.
        max_pixels: most pixels of a frame before it is fitted to patches.
        min_pixels: fewest pixels of a frame before that.

    Raises:
        ModelError: a file is missing, damaged, or of another kind of model.
    """

    def __init__(self, folder: Path, config: Tarsier2Config, *, max_pixels: int, min_pixels: int) -> None:
        least, most = _read_image_settings(folder, config)
        vision = config.vision_config
        self._size = Area(
            max_pixels=max_pixels,
            min_pixels=min_pixels,
            budget=BUDGET,
            # The run's config of upstream leaves this setting to the checkpoint, and its class's default is 1.
            image_weight=_weight(folder),
            factor=vision.patch_size * vision.spatial_merge_size,
            factor_min=least,
            factor_max=most,
        )
        self.tokenizer = _tokenizer(folder)
        self._template = chat_template(folder)
        self._image_token = config.image_token_id
        self._image = self.tokenizer.convert_ids_to_tokens(config.image_token_id)
        if self._image is None or self._ids(self._image) != [config.image_token_id]:
            raise ModelError(
                f"{folder}: the tokenizer has no token of its own with the id {config.image_token_id}, "
                "image_token_index of config.json; take the tokenizer's files of the checkpoint."
            )
        self._runs = re.compile(f"(?:{re.escape(self._image)})+")
        try:
            within(TEMPLATE_S, partial(self.text, "<video>\nDescribe the video.", (), [1]))
        except ModelError as error:
            raise ModelError(f"{folder}: {error}; take the checkpoint's own files.") from error

    @property
    def end_token_id(self) -> int | None:
        """Id of the token that ends a text, None where the files name none."""
        found: int | None = self.tokenizer.eos_token_id
        return found

    def frame_policy(self, n_frames: int, fps: float | None) -> FramePolicy:
        """Return upstream's frame policy with so many frames."""
        return FramePolicy(n_frames=n_frames, rule="tarsier2", fps=fps, size=self._size)

    def frames(self, frames: Sequence[Image]) -> torch.Tensor:
        """Return the frames of one medium, in their final size, as (n, 3, height, width), uint8.

        Raises:
            ModelError: they are of several sizes, or of one that is not a multiple of a group of patches.
        """
        import torch

        sizes = {frame.size for frame in frames}
        if len(sizes) != 1 or any(side % self._size.factor or not side for side in next(iter(sizes))):
            raise ModelError(
                f"frames of {' and '.join(f'{w}x{h}' for w, h in sorted(sizes)[:3])} pixels; prepare them by the "
                "model's frame policy first (eval.video.preparing)"
            )
        pixels = np.stack([np.asarray(frame.convert("RGB")) for frame in frames])
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))

    def text(self, prompt: str, turns: Sequence[Turn], positions: Sequence[int]) -> str:
        """Return a prompt as text, with an image token for each position of each medium.

        Args:
            prompt: the prompt in the form of branch `tarsier`, where there is no conversation.
            turns: the conversation, or ().
            positions: number of positions of each medium.

        Raises:
            ModelError: there are more or fewer places than media, or the template does not give each its positions.
        """
        turns = tuple(turns) or conversation(prompt)
        places = sum(kind != "text" for turn in turns for kind, _ in turn.parts)
        if places != len(positions):
            raise ModelError(
                f"The prompt has places for {places} media and there are {len(positions)}; it needs one <video> for "
                f"each: {prompt[:80]!r}"
            )
        text = rendered(self.tokenizer, self._template, turns, positions)
        found = [len(run.group()) // len(self._image) for run in self._runs.finditer(text)]
        if found != list(positions):
            raise ModelError(
                f"the checkpoint's chat template gives {found} image tokens for media of {list(positions)} positions, "
                "or a text contains the image token; neither can be shown to the model"
            )
        return text

    def shown(self, text: str) -> str:
        """Return a text with each run of image tokens as one, for people and files."""
        return self._runs.sub(lambda _: self._image, text)

    def token_ids(self, text: str) -> list[int]:
        """Return the ids of a text, cut to `MAX_LENGTH` as upstream does.

        Raises:
            ModelError: a medium would be cut.
        """
        ids = self._ids(text)
        if self._image_token in ids[MAX_LENGTH:]:
            raise ModelError(
                f"the prompt has {len(ids):,} ids, and its media do not fit into {MAX_LENGTH:,} ids; show fewer frames"
            )
        return ids[:MAX_LENGTH]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids, special tokens skipped."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def token_of(self, token_id: int) -> str | None:
        """Return the token of an id as the vocabulary has it, None where it has none."""
        token: str | None = self.tokenizer.convert_ids_to_tokens(token_id)
        return token

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer, Qwen2Tokenizer

    # By the model_type llava AutoTokenizer takes a class that reads tokenizer.json only.
    kind = AutoTokenizer if (folder / "tokenizer.json").is_file() else Qwen2Tokenizer
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a damaged file can raise any exception
        said = printable(" ".join(f"{type(error).__name__}: {error}".split()))[:200]
        raise ModelError(f"Cannot load the tokenizer of {folder}: {said}; take the checkpoint's own files.") from error


def _where_images(folder: Path) -> tuple[Path, Any] | None:
    """Return the file with the image settings, and the settings: transformers 5 saves them as a section."""
    if (folder / IMAGES).exists():
        return folder / IMAGES, read_object(folder / IMAGES)
    if (folder / PROCESSOR).exists() and "image_processor" in (found := read_object(folder / PROCESSOR)):
        return folder / PROCESSOR, found["image_processor"]
    return None


def _read_image_settings(folder: Path, config: Tarsier2Config) -> tuple[int, int]:
    """Read a checkpoint's image processor as transformers 4.47 does.

    Mean, deviation, scale and the limits on pixels of the second resize go to the config; the limits are returned.
    """
    found = _where_images(folder)
    assert found is not None, "missing_files is asked first"
    path, settings = found
    if not isinstance(settings, dict):
        raise ModelError(
            f"{path}: image_processor is {str(settings)[:60]!r}, not an object; take the checkpoint's own."
        )
    named = str(settings.get("image_processor_type", "Qwen2VLImageProcessor"))
    if named not in _CLASSES:
        raise ModelError(
            f"{path}: the image processor is {printable(named[:60])!r}, and Tarsier2's is Qwen2VLImageProcessor; take "
            "the checkpoint's own."
        )
    size = settings["size"] if isinstance(settings.get("size"), dict) else {}
    limits = [] if "shortest_edge" in size and "longest_edge" in size else ["min_pixels", "max_pixels"]
    refuse_absent(settings, ("image_mean", "image_std", *limits), path)
    vision = config.vision_config
    wanted = {
        **dict.fromkeys(("do_resize", "do_rescale", "do_normalize"), True), "resample": 3,
        "patch_size": vision.patch_size, "merge_size": vision.spatial_merge_size,
        "temporal_patch_size": vision.temporal_patch_size,
    }  # fmt: skip
    for key, value in wanted.items():
        if settings.get(key) not in (None, value):
            raise ModelError(
                f"{path}: {key} is {str(settings[key])[:40]}, and the model takes {value}; take the checkpoint's own."
            )
    # 4.47 reads the keys beside `size`; transformers 5 saves them as edges within it.
    least = settings.get("min_pixels") or size.get("shortest_edge") or FITTED_PIXELS[0]
    most = settings.get("max_pixels") or size.get("longest_edge") or FITTED_PIXELS[1]
    for pixels in (least, most):
        if type(pixels) is not int or not 1 <= least <= pixels <= most <= _MOST_PIXELS:
            raise ModelError(
                f"{path}: the limits on pixels are {str(least)[:40]} and {str(most)[:40]}; take the original file."
            )
    scale = settings.get("rescale_factor") or config.rescale_factor
    mean, std = (settings.get(f"image_{key}") or getattr(config, f"image_{key}") for key in ("mean", "std"))
    if not _are_numbers([scale], 1) or not _are_numbers(mean, 3) or not _are_numbers(std, 3) or 0 in std:
        raise ModelError(f"{path}: rescale_factor, image_mean or image_std cannot be read; take the original file.")
    config.fitted_pixels = (least, most)
    config.rescale_factor, config.image_mean, config.image_std = float(scale), list(mean), list(std)
    return least, most


def _are_numbers(values: object, n: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == n
        and all(type(one) in (int, float) and math.isfinite(one) for one in values)
    )


def _weight(folder: Path) -> int:
    found = read_object(folder / PROCESSOR).get("temporal_patch_size", 1) if (folder / PROCESSOR).exists() else 1
    return found if type(found) is int and found >= 1 else 1
