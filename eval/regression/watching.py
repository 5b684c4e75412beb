"""Records a model's inputs and the log-probabilities of its first token, without a second pass.

The gate must see the tensors that the pipeline itself makes: recomputed ids and pixel values could agree with the
baseline while the model's real inputs do not. So the generator's methods are wrapped for the duration of a call, and
restored after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eval.core import ClipPrompts, Generation, ModelDefaults
from eval.timing import Clock

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from eval.models.checkpoints.runner import CheckpointRunner

LIKELIEST = 5
"""Number of first tokens whose log-probabilities are recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The recorded inputs and first-token probabilities of one prompt."""

    frames: Sequence[str]
    """Size and hash of each frame given to the model."""
    ids: str
    """Input ids, runs of one id as `id*count`."""
    pixels: Mapping[str, Any]
    """`sha256`, and `mean` and `std` of each channel, of the pixels as the model takes them."""
    positions: Mapping[str, Any]
    """`last` and `sha256` of the ids' positions in time, height and width; empty where positions count the ids."""
    logprobs: Sequence[Sequence[Any]]
    """[id, token, log-probability] of the likeliest first tokens, natural logarithm."""
    generation: Generation


class Watched(ModelDefaults):
    """A runner that records every prompt, in the order of the prompts."""

    def __init__(self, runner: CheckpointRunner, clips_at_once: int | None = None) -> None:
        self._runner = runner
        self._clips_at_once = clips_at_once
        self.name = runner.name
        self.frames = runner.frames
        self.whole_clips = runner.whole_clips
        self.seen: list[Seen] = []
        """The records of all prompts continued so far."""

    def clips_at_once(self, n_prompts: int) -> int:
        """Return the requested number, otherwise the runner's own."""
        return self._clips_at_once or self._runner.clips_at_once(n_prompts)

    def describe(self) -> Mapping[str, Any]:
        """Return the runner's description."""
        return self._runner.describe()

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:
        """Continue each prompt by the runner, and record it. Raises as the runner does."""
        with _watching(self._runner) as watch:
            generations = self._runner.generate(asked, clock)
        for place, (clip, of_clip) in enumerate(zip(asked, generations, strict=True)):
            encoded = watch.encoded[place]
            frames, pixels = [frame_hash(frame) for frame in clip.frames], _pixels(encoded.media[0].pixels)
            found = (self._runner._model.prompt_positions(ids, encoded.media) for ids in encoded.prompts)
            for ids, settled, made, positions in zip(encoded.prompts, encoded.settled, of_clip, found, strict=True):
                self.seen.append(
                    Seen(
                        frames=frames,
                        ids=_in_runs(ids),
                        pixels=pixels,
                        positions=_places(positions),
                        logprobs=self._likeliest(watch.first[place, (tuple(ids), settled)]),
                        generation=made,
                    )
                )
        return generations

    def _likeliest(self, logits: torch.Tensor) -> list[list[Any]]:
        values, ids = logits.float().log_softmax(-1).topk(LIKELIEST)
        tokens = [self._runner._processor.token_of(i) for i in ids.tolist()]
        found = zip(ids.tolist(), tokens, values.tolist(), strict=True)
        return [[i, token, round(value, 4)] for i, token, value in found]


class _Watch:
    """The inputs of one generator call, and the logits of each row's first token, (vocabulary,)."""

    def __init__(self) -> None:
        self.encoded: Sequence[Any] = ()
        self.first: dict[tuple[int, Any], torch.Tensor] = {}
        self.batch: list[torch.Tensor] = []
        """Logits of the rows in progress, (b, vocabulary) each batch."""


@contextmanager
def _watching(runner: CheckpointRunner) -> Iterator[_Watch]:
    generator: Any = runner._generator
    watch = _Watch()
    generate, stack, rows = generator.generate, generator._stack, generator._rows

    def given(clips: Sequence[Any], clock: Clock | None = None) -> Any:
        watch.encoded = clips
        return generate(clips, clock)

    def stacked(members: Sequence[Any], *rest: Any) -> Any:
        watch.batch = []
        done = stack(members, *rest)
        keys = [(member.clip, row) for member in members for row in member.rows]
        logits = [row for batch in watch.batch for row in batch]
        watch.first.update(zip(keys, logits, strict=True))
        return done

    def continued(*arguments: Any) -> Any:
        outputs: list[torch.Tensor] = []
        handle = runner._model.lm_head.register_forward_hook(lambda _m, _i, output: outputs.append(output))
        try:
            done = rows(*arguments)
        finally:
            handle.remove()
        watch.batch.append(outputs[0])
        return done

    generator.generate, generator._stack, generator._rows = given, stacked, continued
    try:
        yield watch
    finally:
        del generator.generate, generator._stack, generator._rows


def frame_hash(frame: Image) -> str:
    """Return a frame's mode, size and first digits of the SHA-256 of its bytes, as `RGB 64x48 0123456789ab`."""
    return f"{frame.mode} {frame.width}x{frame.height} {hashlib.sha256(frame.tobytes()).hexdigest()[:12]}"


def _in_runs(ids: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for i in ids:
        if runs and runs[-1][0] == i:
            runs[-1][1] += 1
        else:
            runs.append([i, 1])
    return " ".join(str(i) if count == 1 else f"{i}*{count}" for i, count in runs)


def _places(positions: torch.Tensor) -> dict[str, Any]:
    """Return the last position in time, height and width, and a hash of all of them, of positions (3, n).

    Nothing for positions (n,), which count the ids.
    """
    if positions.ndim == 1:
        return {}
    digest = hashlib.sha256(positions.contiguous().numpy().tobytes()).hexdigest()
    return {"last": positions[:, -1].tolist(), "sha256": digest[:16]}


def _pixels(values: torch.Tensor) -> dict[str, Any]:
    """Return hash and channel statistics of pixels, (n, 3, height, width)."""
    data = values.detach().cpu().contiguous()
    channels = data.double()
    return {
        "shape": list(data.shape),
        "dtype": str(data.dtype).removeprefix("torch."),
        "mean": [round(value, 6) for value in channels.mean(dim=(0, 2, 3)).tolist()],
        "std": [round(value, 6) for value in channels.std(dim=(0, 2, 3)).tolist()],
        "sha256": hashlib.sha256(data.numpy().tobytes()).hexdigest()[:16],
    }
