"""From frames and a prompt to the model's inputs: pixel values and token ids, exactly as upstream.

The rules are those of the Tarsier paper's code release; the reference outputs in the tests check each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.errors import ModelError
from eval.models.checkpoints.headers import read_object, refuse_absent
from eval.models.tarsier.tokenizer import TarsierTokenizer
from eval.models.tarsier.tokenizer_files import missing_vocabulary
from eval.readers.malformed import first_line, printable

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch
    from PIL.Image import Image

VIDEO = "<video>"
IMAGE = "<image>"
_USER, _ASSISTANT = "USER:", "ASSISTANT:"

_IMAGES, _PROCESSOR = "preprocessor_config.json", "processor_config.json"
_CLIP = {"CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor"}
"""Names of the same image processor, by backend and version; transformers 4.44 has only the slow one."""
_DEFAULTED = ("size", "crop_size", "image_mean", "image_std")
_MAX_EDGE = 4096
"""Longest edge to which images are resized, in pixels."""


def wrap_prompt(prompt: str) -> str:
    """Return the prompt in the chat form, `<video>` still in place.

    A prompt that has no `USER: ... ASSISTANT:` becomes `USER: {prompt} ASSISTANT: `, trailing space included.
    """
    # Two searches, since one pattern would search for the second word again from each match of the first.
    at = prompt.find(_USER)
    is_wrapped = at >= 0 and prompt.find(_ASSISTANT, at + len(_USER)) >= 0
    return prompt if is_wrapped else f"{_USER} {prompt} {_ASSISTANT} "


def place_frames(prompt: str, n_frames: int) -> str:
    """Return the prompt with one `<image>` a frame where `<video>` stood, with nothing in between.

    Raises:
        ModelError: the prompt does not hold exactly as many `<image>` as there are frames.
    """
    placed = prompt.replace(VIDEO, IMAGE * n_frames)
    found = placed.count(IMAGE)
    if found != n_frames:
        raise ModelError(
            f"The prompt holds {found} {IMAGE} for {n_frames} frames; it needs one {VIDEO}, "
            f"or one {IMAGE} a frame: {prompt[:80]!r}"
        )
    return placed


def to_square(image: Image) -> Image:
    """Resize a frame to a square whose side is its longer side: no padding, no crop, PIL's bicubic filter."""
    side = max(image.size)
    return image.resize((side, side))


class TarsierProcessor:
    """Image processor and tokenizer of one checkpoint."""

    def __init__(self, folder: Path, *, image_token: int, image_size: int, positions_per_frame: int) -> None:
        self._images: Any = _image_processor(folder, image_size)
        self.tokenizer = TarsierTokenizer(folder)
        self._image_token = image_token
        self._side = image_size
        self._positions_per_frame = positions_per_frame
        found = self.tokenizer.id_of(IMAGE)
        if found == image_token and image_token not in self.tokenizer.token_ids(IMAGE):
            raise ModelError(
                f"{folder}: the tokenizer cuts {IMAGE} to pieces (split_special_tokens), so that no frame has a place; "
                "take the tokenizer's files of the checkpoint."
            )
        if found != image_token:
            raise ModelError(
                f"{folder}: the tokenizer's {IMAGE} is {found}, not image_token_index {image_token} of config.json; "
                "take the tokenizer's files of the checkpoint."
            )

    def token_ids(self, prompt: str) -> list[int]:
        """Return the ids of a prompt, one per `<image>`, with BOS or not according to the tokenizer's files."""
        return self.tokenizer.token_ids(prompt)

    def expand(self, ids: Sequence[int]) -> list[int]:
        """Return the ids with each frame's token repeated once for every position of the frame."""
        return [i for token in ids for i in [token] * (self._positions_per_frame if token == self._image_token else 1)]

    @property
    def frame_side(self) -> int | None:
        """Side in pixels to which frames may be resized before they arrive, by `to_square` and PIL's bicubic filter.

        None where the image processor does anything but resize to that side without cropping.
        """
        images = self._images
        plain = (
            images.do_resize and images.do_center_crop and not getattr(images, "do_pad", None) and images.resample == 3
            and {name: value for name, value in dict(images.size).items() if value} == {"shortest_edge": self._side}
        )  # fmt: skip
        return self._side if plain else None

    def pixel_values(self, frames: Sequence[Image]) -> torch.Tensor:
        """Return the frames as float32 (n_frames, 3, side, side), normalised as the checkpoint asks."""
        import torch

        squares = [to_square(frame if frame.mode == "RGB" else frame.convert("RGB")) for frame in frames]
        if self.frame_side is None or any(square.width != square.height for square in squares):
            return torch.from_numpy(self._by_library(squares))
        values = np.empty((len(frames), 3, self._side, self._side), dtype=self._of_byte.dtype)
        for square, channels in zip(squares, values, strict=True):
            pixels = np.asarray(square.resize((self._side, self._side), resample=3))
            for channel in range(3):
                # A byte is always an index of the table, so no clipping and no checks are needed.
                np.take(self._of_byte[channel], pixels[..., channel], out=channels[channel], mode="clip")
        return torch.from_numpy(values)

    @cached_property
    def _of_byte(self) -> npt.NDArray[Any]:
        """The image processor's value for each byte in each channel of an image of its size, (3, 256).

        The value depends on nothing else, so a table gives the library's own values in a tenth of the time.
        """
        from PIL import Image

        n_images = -(-256 // self._side**2)
        every_byte = np.resize(np.arange(256, dtype=np.uint8), (n_images, self._side, self._side))
        values = self._by_library([Image.fromarray(np.stack([gray] * 3, axis=-1)) for gray in every_byte])
        table: npt.NDArray[Any] = np.ascontiguousarray(values.swapaxes(0, 1).reshape(3, -1)[:, :256])
        return table

    def _by_library(self, images: Sequence[Image]) -> npt.NDArray[Any]:
        """Return RGB images as pixel values by transformers' image processor."""
        batch: Any = self._images(list(images), return_tensors="np")
        values: npt.NDArray[Any] = batch["pixel_values"]
        return values

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids, special tokens skipped."""
        return self.tokenizer.decode(ids)

    def token_of(self, token_id: int) -> str | None:
        """Return the token of an id as the vocabulary has it, None where it has none."""
        return self.tokenizer.token_of(token_id)


def missing_files(folder: Path) -> list[str]:
    """Return the settings and parts of a tokenizer that a folder lacks, in words: names of files.

    Raises:
        ModelError: processor_config.json, which may hold the image processor's settings, cannot be read.
    """
    settings = ["config.json"] if not (folder / "config.json").is_file() else []
    images = [] if _where_images(folder) else [f"{_IMAGES} (nor image_processor in {_PROCESSOR})"]
    return [*settings, *images, *missing_vocabulary(folder)]


def _where_images(folder: Path) -> tuple[Path, Any] | None:
    """Return the file with the image processor's settings, and the settings; None where there is neither file.

    Transformers 5 saves them as a section of processor_config.json.
    """
    if (folder / _IMAGES).exists():
        return folder / _IMAGES, read_object(folder / _IMAGES)
    if (folder / _PROCESSOR).exists():
        section = read_object(folder / _PROCESSOR).get("image_processor")
        return None if section is None else (folder / _PROCESSOR, section)
    return None


def _image_processor(folder: Path, side: int) -> Any:
    """Return transformers' image processor with a folder's settings, tested on an image of that side."""
    # The Pil class by name: plain CLIPImageProcessor is torchvision's if that is installed, whose resize differs in
    # the last bits. This one gives the same bytes as 4.44's.
    from PIL.Image import new
    from transformers import CLIPImageProcessorPil

    path, settings, given = _image_settings(folder)
    try:
        images = CLIPImageProcessorPil.from_dict(settings)
        sides = {images.crop_size.get(edge) for edge in ("height", "width")}
        shape = images([new("RGB", (side, side))], return_tensors="np")["pixel_values"].shape
    except Exception as error:  # transformers may raise anything for an invalid value
        raise ModelError(
            f"Cannot make the image processor of {path}: {first_line(error)}; take the checkpoint's own."
        ) from error
    if sides != {side} or shape[1:] != (3, side, side):
        absent = ", ".join(name for name in _DEFAULTED if name not in given)
        raise ModelError(
            f"{path} crops to {sorted(map(str, sides))} and gives images of {' x '.join(map(str, shape[2:]))}, but the "
            f"vision tower of config.json takes {side} pixels a side."
            f"{f' It lacks {absent}.' if absent else ''}"
        )
    refuse_absent(given, _DEFAULTED, path)
    return images


def _image_settings(folder: Path) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """Return the file with the image processor's settings, those to be used, and those in the file."""
    found = _where_images(folder)
    if found is None:
        raise ModelError(
            f"{folder} has no {_IMAGES}, and no {_PROCESSOR} with a section image_processor; take those of the "
            "checkpoint."
        )
    path, settings = found
    if not isinstance(settings, dict):
        raise ModelError(
            f"{path}: image_processor is {str(settings)[:60]!r}, not an object; take the checkpoint's own."
        )
    named = settings.get("image_processor_type") or settings.get("feature_extractor_type") or "CLIPImageProcessor"
    if str(named) not in _CLIP:
        raise ModelError(
            f"{path}: the image processor is {printable(str(named)[:60])!r}, and models of the family have "
            "CLIPImageProcessor; take the checkpoint's own."
        )
    size = settings.get("size")
    edges = size.values() if isinstance(size, dict) else size if isinstance(size, list) else [size]
    if any(isinstance(edge, int | float) and edge > _MAX_EDGE for edge in edges):
        raise ModelError(f"{path}: size is {str(size)[:60]}, more than {_MAX_EDGE} pixels; take the checkpoint's own.")
    # A null in an old file means its default, and frames are square, whatever `use_square_size` is.
    kept = {key: value for key, value in settings.items() if value is not None or key not in _DEFAULTED}
    return path, {key: value for key, value in kept.items() if key != "use_square_size"}, settings
