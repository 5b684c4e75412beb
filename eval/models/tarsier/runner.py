"""The Tarsier runner: frames and prompts in, continuations out, greedy, the same as one prompt at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PositiveInt

from eval.core import ClipPrompts, FramePolicy, Generation, Square, StopWhen
from eval.errors import ModelError
from eval.models.tarsier.checkpoint import (
    Device,
    Dtype,
    check_means,
    check_settings,
    choose_device,
    choose_dtype,
    find_checkpoint,
    load_model,
)
from eval.models.tarsier.processing import TarsierProcessor, place_frames, wrap_prompt
from eval.timing import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from eval.models.tarsier.config import TarsierConfig
    from eval.models.tarsier.questions import Encoded

_log = logging.getLogger(__name__)


class TarsierRunner:
    """A loaded checkpoint of the Tarsier family (7b, 34b, or of the same form).

    Args:
        name: the model's name in results.
        checkpoint: a local folder, or a hub id (`owner/name`) together with `revision`.
        revision: commit of a hub checkpoint.
        n_frames: frames sampled from a clip.
        fps: frames per second of a clip, `n_frames` at most; None: always `n_frames`.
        max_new_tokens: most tokens of the continuation.
        device: `auto` takes CUDA, then MPS, then the CPU.
        dtype: `auto` is fp16 on GPUs, as upstream, and fp32 on CPUs.
        attention: transformers' attention implementation (`sdpa`, `eager`, `flash_attention_2`).
        device_map: `auto` or `balanced` spreads the layers over all GPUs; None uses one device.
        kv_budget_gb: limit in GB on the keys and values of prompts that are continued together, on devices other than
            CUDA, which report their memory.
        clips_at_once: clips processed together; None plans it from the model's dimensions and the memory.
        deterministic: make batches that depend only on the run: one clip at a time, planned with `kv_budget_gb` on
            every device. In half precision a batch of another size may decide a near tie differently.

    Raises:
        ModelError: the checkpoint cannot be found, is of another family, its weights do not fit, float16 is too narrow
            for it, or so many frames cannot fit into memory.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of conf/model/
        self,
        *,
        name: str,
        checkpoint: str,
        revision: str | None = None,
        n_frames: PositiveInt = 8,
        fps: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None,
        max_new_tokens: PositiveInt = 512,
        device: Device = "auto",
        dtype: Dtype = "auto",
        attention: str = "sdpa",
        device_map: str | None = None,
        kv_budget_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 4.0,
        clips_at_once: PositiveInt | None = None,
        deterministic: bool = False,
    ) -> None:
        from eval.models.tarsier.engine import Engine

        if deterministic and (clips_at_once or 1) > 1:
            raise ModelError(
                f"model.deterministic=true works on one clip at a time; leave out model.clips_at_once={clips_at_once}."
            )
        self.name = name
        self._n_frames = n_frames
        self._fps = fps
        self._max_new_tokens = max_new_tokens
        self._attention = attention
        self._device_map = device_map
        self._clips_at_once = 1 if deterministic else clips_at_once
        self.whole_clips = deterministic
        self._device = choose_device(device)
        self._dtype = choose_dtype(dtype, self._device)
        check_means(attention, device_map)
        self._checkpoint = find_checkpoint(checkpoint, revision, self._settle)
        self._warn_of_length()
        self._model = load_model(
            self._checkpoint, device=self._device, dtype=self._dtype, attention=attention, device_map=device_map
        )
        # Set in transformers too, which has no end token where there is no generation_config.json.
        self._model.generation_config.eos_token_id = list(self._ends.ids)
        self._engine = Engine(
            self._model,
            max_new_tokens=max_new_tokens,
            kv_budget=int(kv_budget_gb * 1e9),
            deterministic=deterministic,
        )
        if str(self._dtype) == "torch.float16":
            self._try_out()

    def _settle(self, folder: Path) -> TarsierConfig:
        """Read everything but the weights; for a checkpoint on a hub, before they are fetched. Raises ModelError."""
        from eval.models.tarsier.capacity import refuse_what_cannot_fit
        from eval.models.tarsier.ending import end_tokens, refuse_not_greedy

        config = check_settings(folder)
        refuse_not_greedy(folder)
        self._processor = TarsierProcessor(
            folder,
            image_token=config.image_token_index,
            image_size=config.vision_config.image_size,
            positions_per_frame=config.positions_per_frame(),
        )
        self._ends = end_tokens(folder, config, self._processor.tokenizer.end_token_id)
        refuse_what_cannot_fit(
            config,
            self._n_frames,
            new=self._max_new_tokens,
            dtype=self._dtype,
            device=self._device,
            spread=self._device_map is not None,
            attention=self._attention,
        )
        return config

    def _warn_of_length(self) -> None:
        from eval.models.tarsier.capacity import PUBLISHED_FRAMES

        config = self._checkpoint.config
        positions = self._n_frames * config.positions_per_frame()
        if self._n_frames >= 2 * PUBLISHED_FRAMES and positions > config.max_positions:
            _log.warning(
                f"{self._n_frames} frames make prompts of {positions:,} positions and more; the default is "
                f"{PUBLISHED_FRAMES} frames, and the checkpoint's config has max_position_embeddings "
                f"{config.max_positions:,}. It will answer, but was not trained on prompts of that length."
            )

    def describe(self) -> Mapping[str, Any]:
        """Return everything the outputs depend on."""
        return {
            "name": self.name,
            "checkpoint": self._checkpoint.source,
            "revision": self._checkpoint.revision,
            "files_sha256": self._checkpoint.files_sha256,
            **self.frames.describe(),
            "max_new_tokens": self._max_new_tokens,
            "device": self._model.device.type,
            "dtype": str(self._dtype).removeprefix("torch."),
            "attention": self._attention,
            "device_map": self._device_map,
            "decoding": "greedy",
            "end_tokens": list(self._ends.ids),
            "end_tokens_from": self._ends.source,
            # Exact in fp32. In half precision sums in another order may flip a near tie, so it is recorded.
            "prefix": "shared",
            "clips_at_once": self._clips_at_once,
            "deterministic": self.whole_clips,
            "batch_memory": None if self._dtype.itemsize == 4 else self._engine.room,
        }

    @property
    def frames(self) -> FramePolicy:
        """The frames that it is to be shown; they may be resized before they arrive, with the same result as here."""
        side = self._processor.frame_side
        return FramePolicy(n_frames=self._n_frames, fps=self._fps, size=None if side is None else Square(side=side))

    @property
    def batching(self) -> Mapping[str, int]:
        """Statistics of the batching so far: prefixes, batches, the largest of each, halvings, bytes a position.

        It includes the longest prompt, and the config's length, which the prompt may exceed.
        """
        return {**self._engine.batching(), "max_position_embeddings": self._checkpoint.config.max_positions}

    def clips_at_once(self, n_prompts: int) -> int:
        """Return the best number of clips, with about so many prompts each, for one call."""
        return self._clips_at_once or self._engine.clips_at_once(self._n_frames, n_prompts)

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:
        """Continue each prompt about its clip's frames, greedily, until the end token or `max_new_tokens`.

        Args:
            asked: clips of at most `n_frames` frames, with the prompts about each.
            clock: records the stages `encode`, `prefill` and `generate`, and counts `tokens` and `prefill_positions`.

        Raises:
            ModelError: a prompt has no place for the frames, raised before any computation; or some logits are not
                finite; calls with fewer prompts then show the ones at fault.
        """
        wrapped = [[wrap_prompt(prompt) for prompt in clip.prompts] for clip in asked]
        ids = [self._ids(len(clip.frames), prompts) for clip, prompts in zip(asked, wrapped, strict=True)]
        encoded = [self._encode(clip, rows) for clip, rows in zip(asked, ids, strict=True)]
        decode = self._processor.decode
        return [
            [
                Generation(prompt=prompt, output=decode(new), n_tokens=len(new))
                for prompt, new in zip(prompts, news, strict=True)
            ]
            for prompts, news in zip(wrapped, self._engine.generate(encoded, clock), strict=True)
        ]

    def alone(self, frames: Sequence[Image], prompt: str, *, max_new_tokens: int | None = None) -> Generation:
        """Continue one prompt by itself, the frames encoded for it alone: the reference that `generate` must equal.

        Raises:
            ModelError: the prompt has no place for the frames.
        """
        from eval.models.tarsier.reference import continue_alone

        wrapped = wrap_prompt(prompt)
        (ids,) = self._ids(len(frames), [wrapped])
        pixels = self._processor.pixel_values(frames).to(self._model.device, self._dtype)
        new = continue_alone(self._model, pixels, ids, max_new_tokens or self._max_new_tokens)
        return Generation(prompt=wrapped, output=self._processor.decode(new), n_tokens=len(new))

    def _try_out(self) -> None:
        """Run one prompt about a grey frame: if this leaves the range of float16, so would all others.

        Raises ModelError where the logits are not finite.
        """
        import torch
        from PIL.Image import new

        from eval.models.tarsier.finite import most_likely

        side = self._model.config.vision_config.image_size
        pixels = self._processor.pixel_values([new("RGB", (side, side), "grey")])
        inputs = torch.tensor(self._ids(1, [wrap_prompt("<video>\nDescribe the video.")]), device=self._model.device)
        with torch.inference_mode():
            shown = pixels.to(self._model.device, self._dtype)
            logits = self._model(input_ids=inputs, pixel_values=shown, logits_to_keep=1).logits[:, -1]
        try:
            most_likely(logits)
        except ModelError as error:
            raise ModelError(f"{self.name}, asked about a grey frame: {error}.") from error

    def _ids(self, n_frames: int, prompts: Sequence[str]) -> list[list[int]]:
        """Return the ids of prompts about so many frames."""
        if not n_frames:
            raise ModelError("There are no frames to show.")
        processor = self._processor
        return [processor.expand(processor.token_ids(place_frames(prompt, n_frames))) for prompt in prompts]

    def _encode(self, clip: ClipPrompts, ids: list[list[int]]) -> Encoded:
        from eval.models.tarsier.questions import Encoded

        # One function for each function given: identical rows are continued once.
        enough = {id(settled): self._on_ids(settled) for settled in clip.settled}
        return Encoded(
            pixels=self._processor.pixel_values(clip.frames),
            prompts=ids,
            settled=[enough[id(settled)] for settled in clip.settled] if clip.settled else [None] * len(ids),
        )

    def _on_ids(self, settled: StopWhen | None) -> Callable[[Sequence[int]], bool] | None:
        """Return `settled` as a function of generated ids instead of text."""
        return None if settled is None else (lambda new: settled(self._processor.decode(new)))
