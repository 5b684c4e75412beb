"""A model that says what it is told: the pipeline's own check, and a baseline such as "always A"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from pydantic import PositiveInt

from eval.core import Generation
from eval.errors import ModelError

if TYPE_CHECKING:
    from PIL.Image import Image


class ScriptedModel:
    """Gives its outputs one after the other, from the first again when they are used up.

    Args:
        name: what results call the model.
        outputs: the texts to give.
        n_frames: frames sampled from a clip; they are decoded and not looked at.
    """

    def __init__(self, *, name: str = "scripted", outputs: Sequence[str] = ("A",), n_frames: PositiveInt = 8) -> None:
        if not outputs:
            raise ModelError("model.outputs is empty: a scripted model needs at least one output.")
        self.name = name
        self.n_frames = n_frames
        self._outputs = tuple(outputs)
        self._next = cycle(self._outputs)

    def describe(self) -> Mapping[str, Any]:
        """Return what the outputs depend on."""
        return {"name": self.name, "outputs": list(self._outputs), "n_frames": self.n_frames}

    def generate(self, frames: Sequence[Image], prompts: Sequence[str]) -> list[Generation]:  # noqa: ARG002
        """Return the next output for each prompt."""
        return [Generation(prompt=prompt, output=next(self._next), n_tokens=1) for prompt in prompts]
