"""One prompt at a time, by transformers' own `generate`, as upstream does it: the reference for every faster way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from eval.models.decoding.questions import Medium


def continue_alone(
    model: Any, media: Sequence[Medium], ids: Sequence[int], max_new_tokens: int, *, repetition_penalty: float = 1.0
) -> list[int]:
    """Return the ids that follow a prompt greedily, the end token included; its frames are encoded for it alone.

    Args:
        model: the model.
        media: the media in the order of their places.
        ids: the prompt, with one image token for each position that the media take.
        max_new_tokens: most tokens of the continuation.
        repetition_penalty: the checkpoint's; 1 for none.
    """
    inputs = torch.tensor([list(ids)], device=model.device)
    with torch.inference_mode():
        sequence: list[int] = model.generate(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            **model.alone_inputs(ids, media),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            repetition_penalty=repetition_penalty,
            temperature=None,
            top_p=None,
            top_k=None,
            use_cache=True,
        )[0, len(ids) :].tolist()
    return sequence
