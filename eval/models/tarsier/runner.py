"""The Tarsier runner: frames and prompts in, continuations out, greedy, one prompt at a time as upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import PositiveInt

from eval.core import Generation
from eval.errors import ModelError
from eval.models.tarsier.checkpoint import Device, Dtype, choose_device, choose_dtype, find_checkpoint, load_model
from eval.models.tarsier.processing import TarsierProcessor, place_frames, wrap_prompt

if TYPE_CHECKING:
    from PIL.Image import Image


class TarsierRunner:
    """A loaded checkpoint of the Tarsier family (7b, 34b, or of the same form).

    Args:
        name: what results call the model.
        checkpoint: a local folder, or a hub id (`owner/name`) together with `revision`.
        revision: commit of a hub checkpoint.
        n_frames: frames sampled from a clip.
        max_new_tokens: bound on the continuation.
        device: `auto` takes CUDA, then MPS, then the CPU.
        dtype: `auto` is fp16 on GPUs, as upstream, and fp32 on CPUs.
        attention: transformers' attention implementation (`sdpa`, `eager`, `flash_attention_2`).
        device_map: `auto` or `balanced` spreads the layers over all GPUs; None uses one device.

    Raises:
        ModelError: the checkpoint cannot be found, is of another family, or its weights do not fit.
    """

    def __init__(
        self,
        *,
        name: str,
        checkpoint: str,
        revision: str | None = None,
        n_frames: PositiveInt = 8,
        max_new_tokens: PositiveInt = 512,
        device: Device = "auto",
        dtype: Dtype = "auto",
        attention: str = "sdpa",
        device_map: str | None = None,
    ) -> None:
        self.name = name
        self.n_frames = n_frames
        self._max_new_tokens = max_new_tokens
        self._attention = attention
        self._device_map = device_map
        self._checkpoint = find_checkpoint(checkpoint, revision)
        where = choose_device(device)
        self._dtype = choose_dtype(dtype, where)
        self._model = load_model(
            self._checkpoint, device=where, dtype=self._dtype, attention=attention, device_map=device_map
        )
        config = self._model.config
        self._processor = TarsierProcessor(
            self._checkpoint.folder,
            image_token=config.image_token_index,
            image_size=config.vision_config.image_size,
            positions_per_frame=config.positions_per_frame(),
        )

    def describe(self) -> Mapping[str, Any]:
        """Return what the outputs depend on."""
        return {
            "name": self.name,
            "checkpoint": self._checkpoint.source,
            "revision": self._checkpoint.revision,
            "files_sha256": self._checkpoint.files_sha256,
            "n_frames": self.n_frames,
            "max_new_tokens": self._max_new_tokens,
            "device": self._model.device.type,
            "dtype": str(self._dtype).removeprefix("torch."),
            "attention": self._attention,
            "device_map": self._device_map,
            "decoding": "greedy",
        }

    def generate(self, frames: Sequence[Image], prompts: Sequence[str]) -> list[Generation]:
        """Continue each prompt about the same frames, greedily, until the end token or `max_new_tokens`.

        Args:
            frames: RGB images, at most `n_frames` of them.
            prompts: texts with one `<video>`, or one `<image>` a frame.

        Raises:
            ModelError: a prompt has no place for the frames.
        """
        if not frames:
            raise ModelError("There are no frames to show.")
        pixels = self._processor.pixel_values(frames).to(self._model.device, self._dtype)
        return [self._continue(prompt, pixels) for prompt in prompts]

    def _continue(self, prompt: str, pixels: Any) -> Generation:
        import torch

        wrapped = wrap_prompt(prompt)
        ids = self._processor.expand(self._processor.token_ids(place_frames(wrapped, len(pixels))))
        inputs = torch.tensor([ids], device=self._model.device)
        with torch.inference_mode():
            sequence = self._model.generate(
                input_ids=inputs,
                attention_mask=torch.ones_like(inputs),
                pixel_values=pixels,
                max_new_tokens=self._max_new_tokens,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                use_cache=True,
            )[0, len(ids) :].tolist()
        return Generation(prompt=wrapped, output=self._processor.decode(sequence), n_tokens=len(sequence))
