"""One prompt at a time, by transformers' own `generate`, as upstream does it: the reference for every faster way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def continue_alone(model: Any, pixels: torch.Tensor, ids: Sequence[int], max_new_tokens: int) -> list[int]:
    """Return the ids that follow a prompt greedily, the end token included; its frames are encoded for it alone.

    Args:
        model: a TarsierForConditionalGeneration.
        pixels: the frames, (n, 3, side, side).
        ids: the prompt, with one image token for each position that the frames take.
        max_new_tokens: most tokens of the continuation.
    """
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
