"""One prompt at a time, vision tower and all, by transformers' own `generate`: what upstream does, and the reference.

Every shared or batched way of generating has to give these outputs. It is also what `scripts/bench_runner.py` compares
with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL.Image import Image

from eval.core import Generation
from eval.models.tarsier.processing import place_frames, wrap_prompt


def sequential(
    runner: Any, frames: Sequence[Image], prompts: Sequence[str], *, max_new_tokens: int | None = None
) -> list[Generation]:
    """Return the continuation of each prompt, the frames encoded again for each."""
    return [_alone(runner, frames, prompt, max_new_tokens or runner._max_new_tokens) for prompt in prompts]


def continue_alone(model: Any, pixels: torch.Tensor, ids: Sequence[int], max_new_tokens: int) -> list[int]:
    """Return the ids that follow a prompt, the end token included."""
    inputs = torch.tensor([list(ids)], device=model.device)
    with torch.inference_mode():
        sequence: list[int] = model.generate(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            pixel_values=pixels,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            use_cache=True,
        )[0, len(ids) :].tolist()
    return sequence


def _alone(runner: Any, frames: Sequence[Image], prompt: str, max_new_tokens: int) -> Generation:
    wrapped = wrap_prompt(prompt)
    processor = runner._processor
    pixels = processor.pixel_values(frames).to(runner._model.device, runner._dtype)
    ids = processor.expand(processor.token_ids(place_frames(wrapped, len(pixels))))
    new = continue_alone(runner._model, pixels, ids, max_new_tokens)
    return Generation(prompt=wrapped, output=processor.decode(new), n_tokens=len(new))
