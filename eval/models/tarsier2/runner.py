"""The Tarsier2 runner: checkpoints of the second family (7b-0115, Recap-7b, or of the same form)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import NonNegativeInt, PositiveInt

from eval.core import ClipPrompts, FramePolicy
from eval.errors import ModelError
from eval.models.checkpoints.runner import CheckpointRunner
from eval.models.tarsier2.config import MAX_PIXELS
from eval.models.tarsier2.family import FAMILY
from eval.models.tarsier2.processing import Tarsier2Processor

if TYPE_CHECKING:
    from pathlib import Path

    from eval.models.decoding.questions import Medium


class Tarsier2Runner(CheckpointRunner):
    """A loaded checkpoint of the Tarsier2 family; see `CheckpointRunner` for its other settings.

    Args:
        max_pixels: most pixels of a frame before it is fitted to patches; from 21 frames on upstream takes fewer.
        min_pixels: fewest pixels of a frame before that.
    """

    family = FAMILY
    published_frames = 16
    half = "bfloat16"
    _processor: Tarsier2Processor

    def __init__(
        self, *, max_pixels: PositiveInt = MAX_PIXELS, min_pixels: NonNegativeInt = 0, **settings: Any
    ) -> None:
        if min_pixels > max_pixels:
            raise ModelError(f"model.min_pixels={min_pixels} is more than model.max_pixels={max_pixels}.")
        self._max_pixels, self._min_pixels = max_pixels, min_pixels
        super().__init__(**settings)

    def _read(self, folder: Path, config: Any) -> int | None:
        side = config.vision_config.patch_size * config.vision_config.spatial_merge_size
        if self._max_pixels < side**2:
            raise ModelError(
                f"model.max_pixels={self._max_pixels} is less than the {side} x {side} = {side**2} pixels of the "
                "smallest frame that can be shown."
            )
        config.frame_pixels = self._max_pixels
        self._processor = Tarsier2Processor(folder, config, max_pixels=self._max_pixels, min_pixels=self._min_pixels)
        return self._processor.end_token_id

    def describe(self) -> dict[str, Any]:
        """Return everything the outputs depend on."""
        return {**super().describe(), "max_pixels": self._max_pixels, "min_pixels": self._min_pixels}

    @property
    def frames(self) -> FramePolicy:
        """The frames that it is to be shown, in the size in which they must arrive."""
        return self._processor.frame_policy(self._n_frames, self._fps)

    def _media(self, clip: ClipPrompts) -> list[Medium]:
        media, done = [], 0
        for count in clip.counts or ((len(clip.frames),) if clip.frames else ()):
            media.append(self._model.medium(self._processor.frames(clip.frames[done : done + count])))
            done += count
        return media

    def _prompts(self, clip: ClipPrompts, media: Sequence[Medium]) -> list[tuple[str, list[int]]]:
        positions = [len(medium.pixels) * medium.positions for medium in media]
        texts = [self._processor.text(prompt, turns, positions) for prompt, turns in clip.conversations()]
        return [(self._processor.shown(text), self._processor.token_ids(text)) for text in texts]
