"""Runs the frames of several clips through the vision tower, as many at a time as fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from eval.models.decoding.memory import Tally, freed, is_out_of_memory
from eval.models.decoding.questions import Medium


def encode_frames(
    model: Any, clips: Sequence[Sequence[Medium]], at_once: int, tally: Tally, *, halve: bool = True
) -> list[torch.Tensor]:
    """Return the features at the image positions of each clip: (positions of all its frames, width).

    Args:
        model: a model with `encode_media`.
        clips: the media of each, at least one, of any type and on any device.
        at_once: patches in a pass, unless a single frame has more; a pass is halved where memory runs out.
        tally: records statistics.
        halve: whether a pass that runs out of memory is repeated in two halves.
    """
    frames = [
        (clip, medium.frames(i, i + 1)) for clip, media in enumerate(clips) for medium in media
        for i in range(len(medium.pixels))
    ]  # fmt: skip
    passes: list[list[tuple[int, Medium]]] = []
    room = 0
    for clip, frame in frames:
        if room < frame.patches:
            passes.append([])
            room = at_once
        passes[-1].append((clip, frame))
        room -= frame.patches
    of_clip: list[list[torch.Tensor]] = [[] for _ in clips]
    for part in passes:
        for (clip, _), features in zip(part, _pass(model, [frame for _, frame in part], tally, halve), strict=True):
            of_clip[clip].append(features)
    nothing = torch.zeros(0, model.config.text_config.hidden_size, dtype=model.dtype)  # of a prompt that is only text
    return [torch.cat(features) if features else nothing for features in of_clip]


def _pass(model: Any, frames: Sequence[Medium], tally: Tally, halve: bool) -> list[torch.Tensor]:  # noqa: FBT001
    """Return the features of each frame, (positions, width), from one pass or several."""
    try:
        encoded: list[torch.Tensor] = model.encode_media(frames)
    except (RuntimeError, MemoryError) as error:
        if len(frames) == 1 or not halve or not is_out_of_memory(error):
            raise
    else:
        tally.largest_vision = max(tally.largest_vision, len(frames))
        return encoded
    # Outside the handler, whose error still holds the failed attempt's tensors.
    freed(tally)
    half = len(frames) // 2
    return [*_pass(model, frames[:half], tally, halve), *_pass(model, frames[half:], tally, halve)]
