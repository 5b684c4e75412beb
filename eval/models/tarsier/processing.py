"""From frames and a prompt to what the model reads: pixel values and token ids, exactly as upstream.

The rules are set out in the Tarsier paper's code release; the reference outputs in the tests pin each step.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.errors import ModelError

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch
    from PIL.Image import Image

VIDEO = "<video>"
IMAGE = "<image>"
_USER, _ASSISTANT = "USER:", "ASSISTANT:"


def wrap_prompt(prompt: str) -> str:
    """Return the prompt in the chat form, `<video>` still in place.

    A prompt that has no `USER: ... ASSISTANT:` becomes `USER: {prompt} ASSISTANT: `, trailing space included.
    """
    # Two searches, since a pattern would look for the second word from each place of the first.
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
        # The Pil class by name: plain CLIPImageProcessor is torchvision's where that is installed,
        # whose resize differs in the last bits.
        from transformers import CLIPImageProcessorPil, PreTrainedTokenizerFast

        try:
            self._images: Any = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
            # The generic class takes tokenizer.json as it is; the Llama class of transformers 5 rebuilds parts of it.
            self._tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
            settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        except Exception as error:  # tokenizers raises bare exceptions
            first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(f"Cannot load the tokenizer or image processor of {folder}: {first_line}") from error
        sides = {self._images.crop_size.get(side) for side in ("height", "width")}
        if sides != {image_size}:
            raise ModelError(
                f"{folder / 'preprocessor_config.json'} crops to {sorted(map(str, sides))}, "
                f"but the vision tower of config.json takes {image_size} pixels a side."
            )
        self._clean_up = bool(settings.get("clean_up_tokenization_spaces", False))
        self._adds_bos = _adds_bos(settings)
        self._image_token = image_token
        self._side = image_size
        self._positions_per_frame = positions_per_frame
        if self._tokenizer.convert_tokens_to_ids(IMAGE) != image_token:
            raise ModelError(
                f"{folder}: the tokenizer's {IMAGE} is not image_token_index {image_token} of config.json."
            )

    def token_ids(self, prompt: str) -> list[int]:
        """Return the ids of a prompt, one per `<image>`: BOS first, nothing else added."""
        if self._adds_bos is None:
            ids: list[int] = self._tokenizer.encode(prompt, add_special_tokens=True)
            return ids
        text: list[int] = self._tokenizer.encode(prompt, add_special_tokens=False)
        return [self._tokenizer.bos_token_id, *text] if self._adds_bos else text

    def expand(self, ids: Sequence[int]) -> list[int]:
        """Return the ids with each frame's token repeated once for every position that the frame takes."""
        return [i for token in ids for i in [token] * (self._positions_per_frame if token == self._image_token else 1)]

    @property
    def frame_side(self) -> int | None:
        """Pixels a side to which frames may be brought before they come, by `to_square` and PIL's bicubic filter.

        None where the image processor does anything else than resize to that side and cut nothing off.
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
                # A byte is always an index of the table, so nothing is clipped, and nothing has to be checked.
                np.take(self._of_byte[channel], pixels[..., channel], out=channels[channel], mode="clip")
        return torch.from_numpy(values)

    @cached_property
    def _of_byte(self) -> npt.NDArray[Any]:
        """What the image processor makes of each byte in each channel of an image that has its size, (3, 256).

        A value depends on nothing else then, so looking it up gives the library's own in a tenth of the time.
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
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=self._clean_up
        )
        return text


def _adds_bos(settings: dict[str, Any]) -> bool | None:
    """Return whether BOS is put first, or None where tokenizer.json itself decides.

    Llama's fast tokenizer classes replace the post-processor of tokenizer.json by what `add_bos_token` says,
    true by default; other classes leave it as it is.
    """
    if str(settings.get("tokenizer_class", "")).startswith("LlamaTokenizer"):
        return bool(settings.get("add_bos_token", True))
    return None
