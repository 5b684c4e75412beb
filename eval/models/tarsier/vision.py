"""Runs the frames of several clips through the vision tower and the projector, as many at a time as fit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch

from eval.models.tarsier.memory import Tally, freed, is_out_of_memory


def encode_frames(
    model: Any, clips: Sequence[torch.Tensor], at_once: int, tally: Tally, *, halve: bool = True
) -> list[torch.Tensor]:
    """Return the features at the image positions of each clip: (n * positions of a frame, width).

    Args:
        model: a TarsierForConditionalGeneration.
        clips: the frames of each, (n, 3, side, side), of any type and on any device.
        at_once: frames in a pass; halved where memory runs out.
        tally: records statistics.
        halve: whether a pass that runs out of memory is repeated in two halves.
    """
    frames = clips[0] if len(clips) == 1 else torch.cat(list(clips))
    parts = [frames[start : start + at_once] for start in range(0, len(frames), at_once)]
    features = torch.cat([encoded for part in parts for encoded in _pass(model, part, tally, halve)])
    ends = list(accumulate(map(len, clips)))
    return [features[end - len(clip) : end].flatten(0, 1) for clip, end in zip(clips, ends, strict=True)]


def _pass(model: Any, frames: torch.Tensor, tally: Tally, halve: bool) -> list[torch.Tensor]:  # noqa: FBT001
    """Return the features of frames, (n, positions, width), in one part or several."""
    try:
        pixels = frames.to(model.device, model.dtype)
        encoded = torch.stack(list(model.model.get_image_features(pixels, return_dict=True).pooler_output))
    except (RuntimeError, MemoryError) as error:
        if len(frames) == 1 or not halve or not is_out_of_memory(error):
            raise
    else:
        tally.largest_vision = max(tally.largest_vision, len(frames))
        return [encoded]
    # Outside the handler, whose error still holds the failed attempt's tensors.
    freed(tally)
    half = len(frames) // 2
    return [*_pass(model, frames[:half], tally, halve), *_pass(model, frames[half:], tally, halve)]
