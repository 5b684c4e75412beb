"""Any vision-language model that transformers has a class for, with the checkpoint's processor and chat template."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from eval.core import SECONDS, Area, ClipPrompts, FramePolicy, Generation, ModelDefaults
from eval.errors import ModelError
from eval.models.checkpoints.loading import (
    Device,
    Dtype,
    check_means,
    choose_device,
    choose_dtype,
    find_checkpoint,
    load_weights,
)
from eval.models.checkpoints.runner import on_ids
from eval.models.hf.checkpoint import FOREIGN, check_settings
from eval.models.hf.processor import HfProcessor, Media
from eval.readers.malformed import first_line
from eval.timing import Clock

_log = logging.getLogger(__name__)

OWN_NAME = "hf"
"""Stands for the last part of the checkpoint's place."""
_TRIAL = ("<video>\nDescribe the video.", "<video>\nWhat happens first, and what comes after it?")


class HfModel(ModelDefaults):
    """A checkpoint of any of transformers' own vision-language classes, which continues prompts greedily.

    Args:
        name: the model's name in results; `hf` for the last part of `checkpoint`.
        checkpoint: a local folder, or a hub id (`owner/name`) together with `revision`.
        revision: commit of a hub checkpoint.
        n_frames: frames sampled from a clip, with `fps` the most.
        fps: frames per second of a clip; None: always `n_frames`.
        max_pixels: most pixels of a frame before the processor's own resizing; None: the frames' own size.
        media: frames of a video as separate images or as a video; `auto`: as a video where the processor takes any.
        system: a system's text that prompts begin with; None: none, or the template's own.
        max_new_tokens: most tokens of the continuation.
        device: `auto` takes CUDA, then MPS, then the CPU.
        dtype: `auto` is bfloat16 on GPUs, and fp32 on CPUs.
        attention: transformers' attention implementation (`sdpa`, `eager`, `flash_attention_2`).
        device_map: `auto` or `balanced` spreads the layers over all GPUs; None uses one device.
        batch_size: most prompts in a pass; halved when memory runs out.

    Raises:
        ModelError: the checkpoint cannot be found, transformers has no class for it, or it cannot be loaded or run.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of conf/model/
        self,
        *,
        name: str = OWN_NAME,
        checkpoint: str | None = None,
        revision: str | None = None,
        n_frames: PositiveInt = 16,
        fps: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None,
        max_pixels: PositiveInt | None = None,
        media: Media = "auto",
        system: str | None = None,
        max_new_tokens: PositiveInt = 512,
        device: Device = "auto",
        dtype: Dtype = "auto",
        attention: str = "sdpa",
        device_map: str | None = None,
        batch_size: PositiveInt = 8,
    ) -> None:
        if not checkpoint:
            raise ModelError("model.checkpoint is not set: give model.checkpoint=<folder or hub id>.")
        self.name = checkpoint.rstrip("/").rpartition("/")[2] if name == OWN_NAME else name
        self._max_pixels = max_pixels
        size = None if max_pixels is None else Area(max_pixels=max_pixels)
        self.frames = FramePolicy(n_frames=n_frames, rule="tarsier2", fps=fps, size=size)
        self._media, self._system, self._max_new_tokens = media, system, max_new_tokens
        self._attention, self._device_map, self._batch_size = attention, device_map, batch_size
        place = choose_device(device)
        self._dtype = choose_dtype(dtype, place, "bfloat16")
        check_means(attention, device_map)
        self._checkpoint = find_checkpoint(checkpoint, revision, self._settle, FOREIGN)
        self._continuation = self._loaded(place)

    def _settle(self, folder: Path) -> Any:
        """Read everything but the weights; for a checkpoint on a hub, before they are fetched. Raises ModelError."""
        from eval.models.checkpoints.ending import end_tokens, repetition_penalty

        config = check_settings(folder)
        self._processor = HfProcessor(folder, config, media=self._media, system=self._system)
        self._penalty = repetition_penalty(folder)
        self._ends = end_tokens(folder, config, self._processor.tokenizer.eos_token_id)
        self._processor.inputs(self._processor.prompts(_trial(4))[:1])
        return config

    def _loaded(self, device: str) -> Any:
        from transformers import AutoModelForImageTextToText, GenerationConfig

        from eval.models.hf.generation import Continuation

        model = load_weights(
            AutoModelForImageTextToText,
            self._checkpoint,
            device=device,
            dtype=self._dtype,
            attn_implementation=self._attention,
            device_map=self._device_map,
            trust_remote_code=False,
        )
        settings = GenerationConfig(
            max_new_tokens=self._max_new_tokens,
            do_sample=False,
            num_beams=1,
            repetition_penalty=self._penalty,
            eos_token_id=list(self._ends.ids),
            pad_token_id=self._ends.ids[0],
            use_cache=True,
        )
        model.generation_config = settings  # what is not set in a call comes from here
        found = Continuation(model=model, processor=self._processor, settings=settings, batch_size=self._batch_size)
        try:
            _, resized = self._processor.prompts(_trial(4, is_turned=True))
            fewer, _ = self._processor.prompts(_trial(2, is_turned=True))
            found.choose_way(self._processor.prompts(_trial(4)), resized, fewer)
        except ModelError as error:
            raise ModelError(f"{self.name}, asked about grey frames: {error}.") from error
        except Exception as error:  # a foreign model can raise any exception
            raise ModelError(
                f"{self.name} cannot be asked about a few small frames: {first_line(error, kind=True)}"
            ) from error
        if found.batches == "of one prompt" and self._batch_size > 1:
            _log.warning(
                "%s: prompts go through the model one by one, since %s gives other logits to several at a time.",
                self.name, type(model).__name__,
            )  # fmt: skip
        return found

    def describe(self) -> Mapping[str, Any]:
        """Return everything the outputs depend on."""
        import transformers

        way = self._continuation
        return {
            "name": self.name,
            "checkpoint": self._checkpoint.source,
            "revision": self._checkpoint.revision,
            "files_sha256": self._checkpoint.files_sha256,
            "architecture": type(way.model).__name__,
            "transformers": transformers.__version__,
            **self.frames.describe(),
            "max_pixels": self._max_pixels,
            **self._processor.describe(),
            "max_new_tokens": self._max_new_tokens,
            "device": way.model.device.type,
            "dtype": str(self._dtype).removeprefix("torch."),
            "attention": self._attention,
            "device_map": self._device_map,
            "decoding": "greedy",
            **({} if self._penalty == 1 else {"repetition_penalty": self._penalty}),
            "end_tokens": list(self._ends.ids),
            "end_tokens_from": self._ends.source,
            # Exact in fp32. In half precision sums in another order may flip a near tie, so it is recorded.
            "prefix": "shared" if way.shared else "computed for each prompt",
            "batches": way.batches,
            "batch_size": self._batch_size if way.batches != "of one prompt" or way.shared else 1,
        }

    @property
    def batching(self) -> Mapping[str, int]:
        """Statistics of the batching so far."""
        tally = self._continuation.tally
        names = ("prefixes", "longest_prefix", "longest_prompt", "batches", "largest_batch", "halvings")
        return {name: getattr(tally, name) for name in names}

    def clips_at_once(self, n_prompts: int) -> int:
        """Return the best number of clips, with about so many prompts each, for one call."""
        is_single = self._continuation.batches == "of one prompt"
        return 1 if is_single else max(1, self._batch_size // max(1, n_prompts))

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:
        """Continue each prompt about its clip's frames, greedily, until an end token or `max_new_tokens`.

        Args:
            asked: clips, with the prompts about each.
            clock: records the stages `prefill` (what the prompts about a clip share) and `generate`, and counts
                `tokens`, `prefill_positions` and `cut_off`, the outputs that ended at the bound on new tokens.

        Raises:
            ModelError: a prompt does not fit its media or the template, raised before any computation; or some logits
                are not finite; calls with fewer prompts then show the ones at fault.
        """
        from eval.models.decoding.stages import Stages
        from eval.models.hf.generation import Row

        prompts = [self._processor.prompts(clip) for clip in asked]
        rows = [
            [
                Row(prompt=prompt, enough=on_ids(settled, self._processor))
                for prompt, settled in zip(of_clip, clip.settled or [None] * len(of_clip), strict=True)
            ]
            for clip, of_clip in zip(asked, prompts, strict=True)
        ]
        news = self._continuation.of_clips(rows, Stages(clock, [self._continuation.model.device]))
        return [
            [self._generation(prompt.text, new) for prompt, new in zip(of_clip, of_news, strict=True)]
            for of_clip, of_news in zip(prompts, news, strict=True)
        ]

    def alone(self, clip: ClipPrompts, *, max_new_tokens: int | None = None) -> Generation:
        """Continue a clip's only prompt by itself: the reference that `generate` must equal. Raises ModelError."""
        (prompt,) = self._processor.prompts(clip)
        return self._generation(prompt.text, self._continuation.alone(prompt, max_new_tokens))

    def _generation(self, prompt: str, new: Sequence[int]) -> Generation:
        return Generation(prompt=prompt, output=self._processor.decode(new), n_tokens=len(new))


def _trial(n: int, *, is_turned: bool = False) -> ClipPrompts:
    """Return two prompts about n small frames of a fixed pattern, which are far apart in time."""
    import numpy as np
    from PIL import Image

    rows, columns = np.mgrid[:140, :84] if is_turned else np.mgrid[:84, :112]
    shifts = (1, 9, 4, 6)[:n]
    patterns = [[rows * 3 + columns * 5, rows * 2 + columns * 7, rows + columns * shift] for shift in shifts]
    frames = [Image.fromarray((np.stack(pattern, -1) % 256).astype("uint8")) for pattern in patterns]
    for number, frame in enumerate(frames):
        frame.info[SECONDS] = 30.0 * number
    return ClipPrompts(frames=frames, prompts=_TRIAL)
