"""The sequential loop over prompts, as the tests ask for it: every shared or batched way has to give these outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL.Image import Image

from eval.core import ClipPrompts, Generation
from eval.models.decoding.reference import continue_alone

__all__ = ["continue_alone", "sequential"]


def sequential(
    runner: Any, frames: Sequence[Image], prompts: Sequence[str], *, max_new_tokens: int | None = None
) -> list[Generation]:
    """Return the continuation of each prompt, the frames encoded again for each."""
    return [
        runner.alone(ClipPrompts(frames=frames, prompts=[prompt]), max_new_tokens=max_new_tokens) for prompt in prompts
    ]
