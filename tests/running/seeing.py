"""A model that answers the questions of `benchmarks.mini.probed` from what it is shown, and otherwise guesses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.mini.probed import FIRST, SIDE, STRIPE, STRIPED
from benchmarks.mini.scenes import COLOURS
from eval.core import ClipPrompts, FramePolicy, Generation, ModelDefaults
from eval.readers.choices import read_options


class SeeingModel(ModelDefaults):
    """Looks at the colours of frames. What these and the words do not tell, a hash of prompt and frames decides.

    Args:
        blind: whether it guesses all, so that no probe has an effect.
        seed: another one guesses otherwise.
    """

    def __init__(self, *, blind: bool = False, seed: int = 0) -> None:
        self.name = "seeing"
        self.frames = FramePolicy(n_frames=8)
        self.calls: list[tuple[int, int]] = []
        """Number of frames and of prompts of each clip that it was asked about."""
        self._blind, self._seed = blind, seed

    def describe(self) -> Mapping[str, Any]:
        return {"name": self.name, "seed": self._seed, "blind": self._blind, **self.frames.describe()}

    def clips_at_once(self, n_prompts: int) -> int:
        return 4

    def generate(self, asked: Sequence[ClipPrompts], clock: Any = None) -> list[list[Generation]]:
        self.calls += [(len(clip.frames), len(clip.prompts)) for clip in asked]
        return [self._about(clip) for clip in asked]

    def _about(self, clip: ClipPrompts) -> list[Generation]:
        pixels = [np.asarray(frame.resize((SIDE, SIDE))) for frame in clip.frames]
        top, stripe = (
            [_colour(one[part]) for one in pixels] for part in (slice(0, STRIPE - 4), slice(STRIPE + 4, SIDE))
        )
        seen = hashlib.sha256(b"".join(one.tobytes() for one in pixels)).digest()
        return [Generation(prompt=p, output=self._answer(p, top[0], stripe[0], seen), n_tokens=1) for p in clip.prompts]

    def _answer(self, prompt: str, first: str | None, stripe: str | None, seen: bytes) -> str:
        options = read_options(prompt)
        question = prompt.partition("\n(A)")[0].partition("Question:")[2].strip()
        told = {FIRST: first, STRIPED: stripe}.get(question, question.removeprefix("Which option says ").rstrip("?"))
        if not self._blind and told in options:
            return "ABCD"[options.index(told)]
        drawn = hashlib.sha256(f"{self._seed} {prompt}".encode() + seen).digest()
        return "ABCD"[drawn[0] % len(options)]


def _colour(part: np.ndarray) -> str | None:
    """Return the name of a colour; None for grey."""
    mean = part.reshape(-1, 3).mean(axis=0)
    if mean.max() - mean.min() < 40:
        return None
    return min(COLOURS, key=lambda name: float(np.abs(mean - COLOURS[name]).sum()))
