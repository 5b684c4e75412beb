"""The Tarsier runner: checkpoints of the first family (7b, 34b, or of the same form)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eval.core import ClipPrompts, FramePolicy, Square
from eval.errors import ModelError
from eval.models.checkpoints.runner import CheckpointRunner
from eval.models.tarsier.family import FAMILY
from eval.models.tarsier.processing import TarsierProcessor, place_frames, wrap_prompt

if TYPE_CHECKING:
    from pathlib import Path

    from eval.models.decoding.questions import Medium


class TarsierRunner(CheckpointRunner):
    """A loaded checkpoint of the Tarsier family; see `CheckpointRunner` for its settings."""

    family = FAMILY
    published_frames = 8
    half = "float16"
    _processor: TarsierProcessor

    def _read(self, folder: Path, config: Any) -> int | None:
        self._processor = TarsierProcessor(
            folder,
            image_token=config.image_token_index,
            image_size=config.vision_config.image_size,
            positions_per_frame=config.positions_per_frame(),
        )
        return self._processor.tokenizer.end_token_id

    @property
    def frames(self) -> FramePolicy:
        """The frames that it is to be shown; they may be resized before they arrive, with the same result as here."""
        side = self._processor.frame_side
        return FramePolicy(n_frames=self._n_frames, fps=self._fps, size=None if side is None else Square(side=side))

    def _media(self, clip: ClipPrompts) -> list[Medium]:
        if not clip.frames:
            raise ModelError("There are no frames to show.")
        return [self._model.medium(self._processor.pixel_values(clip.frames))]

    def _prompts(self, clip: ClipPrompts, media: Sequence[Medium]) -> list[tuple[str, list[int]]]:
        n_frames = len(media[0].pixels)
        processor = self._processor
        wrapped = [wrap_prompt(prompt) for prompt in clip.prompts]
        return [(prompt, processor.expand(processor.token_ids(place_frames(prompt, n_frames)))) for prompt in wrapped]
