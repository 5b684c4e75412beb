"""A model with given outputs: for checks of the pipeline, and for baselines such as "always A"."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, PositiveInt

from eval.core import ClipPrompts, FramePolicy, Generation, ModelDefaults, Square
from eval.errors import ModelError
from eval.timing import Clock


class ScriptedModel(ModelDefaults):
    """Gives each prompt one of its outputs, independent of earlier prompts, so that runs can be resumed.

    Args:
        name: the model's name in results.
        outputs: the texts to give; a prompt's hash picks one.
        n_frames: frames sampled from a clip; they are decoded but not used.
        fps: frames per second of a clip, `n_frames` at most; None: always `n_frames`.
        frame_side: side in pixels to which frames are resized before they arrive; None: no resizing.
        delay_s: seconds to spend on each clip, for measuring the rest of the pipeline.
    """

    def __init__(
        self,
        *,
        name: str = "scripted",
        outputs: Sequence[str] = ("A",),
        n_frames: PositiveInt = 8,
        fps: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None,
        frame_side: PositiveInt | None = 336,
        delay_s: NonNegativeFloat = 0.0,
    ) -> None:
        if not outputs:
            raise ModelError("model.outputs is empty: a scripted model needs at least one output.")
        self.name = name
        size = None if frame_side is None else Square(side=frame_side)
        self.frames = FramePolicy(n_frames=n_frames, fps=fps, size=size)
        self._delay_s = delay_s
        self._outputs = tuple(outputs)

    def describe(self) -> Mapping[str, Any]:
        """Return everything the outputs depend on."""
        return {"name": self.name, "outputs": list(self._outputs), **self.frames.describe()}

    def clips_at_once(self, n_prompts: int) -> int:  # noqa: ARG002
        """Return 1: larger calls bring no gain."""
        return 1

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:
        """Return an output for each prompt, and count one token for each in the clock."""
        if self._delay_s:
            time.sleep(self._delay_s * len(asked))
        found = [[Generation(prompt=p, output=self._output(p), n_tokens=1) for p in clip.prompts] for clip in asked]
        if clock is not None:
            clock.count("tokens", sum(map(len, found)))
        return found

    def _output(self, prompt: str) -> str:
        digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
        return self._outputs[int.from_bytes(digest[:8], "big") % len(self._outputs)]
