"""The Tarsier runner: frames and prompts in, continuations out, greedy, the same as one prompt at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import PositiveFloat, PositiveInt

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
        kv_budget_gb: bound on the keys and values of prompts that are continued together, in GB, where free memory
            can't be asked (on CUDA it is).

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
        kv_budget_gb: PositiveFloat = 4.0,
    ) -> None:
        from eval.models.tarsier.engine import Engine

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
        self._engine = Engine(self._model, max_new_tokens=max_new_tokens, kv_budget=int(kv_budget_gb * 1e9))

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
            # Exact in fp32. In half precision sums in another order may flip a near tie, so it is told.
            "prefix": "shared",
        }

    @property
    def batching(self) -> Mapping[str, int]:
        """How the work was cut so far: prefixes, batches, the largest batch, halvings, bytes a position."""
        return self._engine.batching()

    def generate(
        self, frames: Sequence[Image], prompts: Sequence[str], *, settled: Callable[[str], bool] | None = None
    ) -> list[Generation]:
        """Continue each prompt about the same frames, greedily, until the end token or `max_new_tokens`.

        Args:
            frames: RGB images, at most `n_frames` of them.
            prompts: texts with one `<video>`, or one `<image>` a frame.
            settled: whether a text, generated so far, needs nothing added to it.

        Raises:
            ModelError: a prompt has no place for the frames; nothing has been computed then.
        """
        if not frames:
            raise ModelError("There are no frames to show.")
        processor = self._processor
        wrapped = [wrap_prompt(prompt) for prompt in prompts]
        ids = [processor.expand(processor.token_ids(place_frames(prompt, len(frames)))) for prompt in wrapped]
        pixels = processor.pixel_values(frames).to(self._model.device, self._dtype)
        enough = None if settled is None else (lambda new: settled(processor.decode(new)))
        return [
            Generation(prompt=prompt, output=processor.decode(new), n_tokens=len(new))
            for prompt, new in zip(wrapped, self._engine.generate(pixels, ids, enough), strict=True)
        ]
