"""A loaded checkpoint as a model: frames and prompts in, continuations out, greedy, the same as one at a time."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import Field, PositiveInt

from eval.core import ClipPrompts, FramePolicy, Generation, ModelDefaults, StopWhen
from eval.errors import ModelError
from eval.models.checkpoints.loading import (
    Device,
    Dtype,
    HalfDtype,
    check_means,
    check_settings,
    choose_device,
    choose_dtype,
    find_checkpoint,
    load_model,
)
from eval.timing import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from eval.models.decoding.questions import Encoded, Medium
    from eval.models.families import Family

_log = logging.getLogger(__name__)

_FRAME = (336, 336)
"""Size of the grey frame that float16 is tried with, in pixels."""


class Decoder(Protocol):
    """What makes text of generated ids."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids, special tokens skipped."""
        ...


class Processor(Decoder, Protocol):
    """What every family's processor does with the ids of a model."""

    def token_of(self, token_id: int) -> str | None:
        """Return the token of an id as the vocabulary has it, None where it has none."""
        ...


class CheckpointRunner(ModelDefaults, ABC):
    """A loaded checkpoint, whose prompts about clips the generator continues together. Each family has a subclass.

    Args:
        name: the model's name in results.
        checkpoint: a local folder, or a hub id (`owner/name`) together with `revision`.
        revision: commit of a hub checkpoint.
        n_frames: frames sampled from a clip, with `fps` the most; None: as many as for the published results.
        fps: frames per second of a clip; None: always `n_frames`, as upstream.
        max_new_tokens: most tokens of the continuation.
        device: `auto` takes CUDA, then MPS, then the CPU.
        dtype: `auto` is upstream's half precision on GPUs, and fp32 on CPUs.
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

    family: ClassVar[Family]
    published_frames: ClassVar[int]
    """Number of frames in the published results."""
    half: ClassVar[HalfDtype]
    """Upstream's type of weights on GPUs."""
    _processor: Processor

    def __init__(  # noqa: PLR0913 - each is a setting of conf/model/
        self,
        *,
        name: str,
        checkpoint: str,
        revision: str | None = None,
        n_frames: PositiveInt | None = None,
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
        from eval.models.decoding.generator import Generator

        if deterministic and (clips_at_once or 1) > 1:
            raise ModelError(
                f"model.deterministic=true works on one clip at a time; leave out model.clips_at_once={clips_at_once}."
            )
        self.name = name
        self._n_frames = n_frames or self.published_frames
        self._fps = fps
        self._max_new_tokens = max_new_tokens
        self._attention = attention
        self._device_map = device_map
        self._clips_at_once = 1 if deterministic else clips_at_once
        self.whole_clips = deterministic
        self._device = choose_device(device)
        self._dtype = choose_dtype(dtype, self._device, self.half)
        check_means(attention, device_map)
        self._checkpoint = find_checkpoint(checkpoint, revision, self._settle)
        self._warn_of_length()
        self._model = load_model(
            self._checkpoint, device=self._device, dtype=self._dtype, attention=attention, device_map=device_map
        )
        # Set in transformers too, which has no end token where there is no generation_config.json.
        self._model.generation_config.eos_token_id = list(self._ends.ids)
        settings: dict[str, Any] = {
            "max_new_tokens": max_new_tokens,
            "kv_budget": int(kv_budget_gb * 1e9),
            "repetition_penalty": self._penalty,
            "deterministic": deterministic,
        }
        self._generator = Generator(self._model, **settings)
        if str(self._dtype) == "torch.float16":
            self._try_out()
            self._generator = Generator(self._model, **settings)  # whose statistics do not count the trial

    @abstractmethod
    def _read(self, folder: Path, config: Any) -> int | None:
        """Read a checkpoint's processing; return the id of the tokenizer's end token. Raises ModelError."""

    @property
    @abstractmethod
    def frames(self) -> FramePolicy:
        """The frames that it is to be shown; they may be resized before they arrive, with the same result as here."""

    @abstractmethod
    def _media(self, clip: ClipPrompts) -> list[Medium]:
        """Return a clip's frames as the generator takes them. Raises ModelError where there are none."""

    @abstractmethod
    def _prompts(self, clip: ClipPrompts, media: Sequence[Medium]) -> list[tuple[str, list[int]]]:
        """Return each prompt as sent, for people, and its ids. Raises ModelError where it does not fit the media."""

    def _settle(self, folder: Path) -> Any:
        """Read everything but the weights; for a checkpoint on a hub, before they are fetched. Raises ModelError."""
        from eval.models.checkpoints.capacity import refuse_what_cannot_fit
        from eval.models.checkpoints.ending import end_tokens, repetition_penalty

        config = check_settings(folder, self.family)
        self._penalty = repetition_penalty(folder)
        self._ends = end_tokens(folder, config, self._read(folder, config))
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
        config = self._checkpoint.config
        positions = config.positions(self._n_frames)
        if self._n_frames >= 2 * self.published_frames and positions > config.max_positions:
            _log.warning(
                f"{self._n_frames} frames make prompts of {positions:,} positions and more; the default is "
                f"{self.published_frames} frames, and the checkpoint's config has max_position_embeddings "
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
            **({} if self._penalty == 1 else {"repetition_penalty": self._penalty}),
            "end_tokens": list(self._ends.ids),
            "end_tokens_from": self._ends.source,
            # Exact in fp32. In half precision sums in another order may flip a near tie, so it is recorded.
            "prefix": "shared",
            "clips_at_once": self._clips_at_once,
            "deterministic": self.whole_clips,
            "batch_memory": None if self._dtype.itemsize == 4 else self._generator.room,
        }

    @property
    def batching(self) -> Mapping[str, int]:
        """Statistics of the batching so far: prefixes, batches, the largest of each, halvings, bytes a position.

        It includes the longest prompt, and the config's length, which the prompt may exceed.
        """
        return {**self._generator.batching(), "max_position_embeddings": self._checkpoint.config.max_positions}

    def clips_at_once(self, n_prompts: int) -> int:
        """Return the best number of clips, with about so many prompts each, for one call."""
        return self._clips_at_once or self._generator.clips_at_once(self._n_frames, n_prompts)

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:
        """Continue each prompt about its clip's frames, greedily, until the end token or `max_new_tokens`.

        Args:
            asked: clips of at most `n_frames` frames, with the prompts about each.
            clock: records the stages `encode`, `prefill` and `generate`, and counts `tokens`, `prefill_positions` and
                `cut_off`, as the generator does.

        Raises:
            ModelError: a prompt has no place for the frames, raised before any computation; or some logits are not
                finite; calls with fewer prompts then show the ones at fault.
        """
        shown = [self._media(clip) for clip in asked]
        sent = [self._prompts(clip, media) for clip, media in zip(asked, shown, strict=True)]
        encoded = [
            self._encoded(clip, media, [ids for _, ids in prompts])
            for clip, media, prompts in zip(asked, shown, sent, strict=True)
        ]
        return [
            [
                Generation(prompt=prompt, output=self._processor.decode(new), n_tokens=len(new))
                for (prompt, _), new in zip(prompts, news, strict=True)
            ]
            for prompts, news in zip(sent, self._generator.generate(encoded, clock), strict=True)
        ]

    def alone(self, clip: ClipPrompts, *, max_new_tokens: int | None = None) -> Generation:
        """Continue a clip's only prompt by itself: the reference that `generate` must equal.

        Raises:
            ModelError: the prompt has no place for the frames.
        """
        from eval.models.decoding.reference import continue_alone

        media = self._media(clip)
        ((prompt, ids),) = self._prompts(clip, media)
        new = continue_alone(
            self._model, media, ids, max_new_tokens or self._max_new_tokens, repetition_penalty=self._penalty
        )
        return Generation(prompt=prompt, output=self._processor.decode(new), n_tokens=len(new))

    def _try_out(self) -> None:
        """Run one prompt about a grey frame: if this leaves the range of float16, so would all others.

        Raises ModelError where the logits are not finite.
        """
        from PIL.Image import new

        from eval.video.preparing import prepare

        grey = [new("RGB", _FRAME, "grey")]
        size = self.frames.size
        clip = ClipPrompts(
            frames=prepare(grey, size) if size else grey,
            prompts=["<video>\nDescribe the video."],
            settled=[lambda _: True],
        )
        try:
            self.generate([clip])
        except ModelError as error:
            raise ModelError(f"{self.name}, asked about a grey frame: {error}.") from error

    def _encoded(self, clip: ClipPrompts, media: list[Medium], ids: list[list[int]]) -> Encoded:
        from eval.models.decoding.questions import Encoded

        # One function for each function given: identical rows are continued once.
        enough = {id(settled): on_ids(settled, self._processor) for settled in clip.settled}
        return Encoded(
            media=media,
            prompts=ids,
            settled=[enough[id(settled)] for settled in clip.settled] if clip.settled else [None] * len(ids),
        )


def on_ids(settled: StopWhen | None, processor: Decoder) -> Callable[[Sequence[int]], bool] | None:
    """Return `settled` as a function of generated ids instead of text."""
    return None if settled is None else (lambda new: settled(processor.decode(new)))
