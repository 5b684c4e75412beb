"""A model that says what it is told: the pipeline's own check, and a baseline such as "always A"."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import NonNegativeFloat, PositiveInt

from eval.core import Asked, Generation
from eval.errors import ModelError
from eval.timing import Clock


class ScriptedModel:
    """Gives each prompt one of its outputs: always the same one, whatever was asked before, so that runs can go on.

    Args:
        name: what results call the model.
        outputs: the texts to give; a prompt's hash picks one.
        n_frames: frames sampled from a clip; they are decoded and not looked at.
        frame_side: pixels a side to which frames are brought before they come; None: they come as they are.
        delay_s: seconds to take over each clip, for measuring what goes on around a model.
    """

    whole_clips = False

    def __init__(
        self,
        *,
        name: str = "scripted",
        outputs: Sequence[str] = ("A",),
        n_frames: PositiveInt = 8,
        frame_side: PositiveInt | None = 336,
        delay_s: NonNegativeFloat = 0.0,
    ) -> None:
        if not outputs:
            raise ModelError("model.outputs is empty: a scripted model needs at least one output.")
        self.name = name
        self.n_frames = n_frames
        self.frame_side = frame_side
        self._delay_s = delay_s
        self._outputs = tuple(outputs)

    def describe(self) -> Mapping[str, Any]:
        """Return what the outputs depend on."""
        return {"name": self.name, "outputs": list(self._outputs), "n_frames": self.n_frames}

    def clips_at_once(self, n_prompts: int) -> int:  # noqa: ARG002
        """Return 1: nothing is gained by more."""
        return 1

    def generate(self, asked: Sequence[Asked], clock: Clock | None = None) -> list[list[Generation]]:
        """Return an output for each prompt, and tell the clock of a token for each."""
        if self._delay_s:
            time.sleep(self._delay_s * len(asked))
        found = [[Generation(prompt=p, output=self._output(p), n_tokens=1) for p in clip.prompts] for clip in asked]
        if clock is not None:
            clock.count("tokens", sum(map(len, found)))
        return found

    def _output(self, prompt: str) -> str:
        digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
        return self._outputs[int.from_bytes(digest[:8], "big") % len(self._outputs)]
