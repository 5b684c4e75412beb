"""From samples to predictions: group by clip, decode ahead, generate, hand over.

One clip is decoded once for all the samples that show it. While the model works on a clip, the next one is
decoded in a thread; the order of work is fixed, so two runs write the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from eval.core import Clip, Coverage, Model, Prediction, Sample
from eval.errors import MediaError, ModelError, TarsierEvalError

if TYPE_CHECKING:
    from PIL.Image import Image

LoadFrames = Callable[[Clip, int], "list[Image]"]
"""Reads so many RGB frames of a clip; raises MediaError."""

CLIPS_AHEAD = 2
"""Clips decoded before the model asks for them: enough to hide decoding, little memory."""


def coverage(samples: Sequence[Sample]) -> list[Coverage]:
    """Return how much of each subset has its media on disk, in order of first appearance."""
    there: dict[Clip, bool] = {}
    counts: dict[str, list[int]] = {}
    for sample in samples:
        if sample.clip not in there:
            there[sample.clip] = sample.clip.exists()
        count = counts.setdefault(sample.subset, [0, 0])
        count[0] += 1
        count[1] += there[sample.clip]
    return [Coverage(subset=subset, total=total, present=present) for subset, (total, present) in counts.items()]


def group_by_clip(samples: Sequence[Sample]) -> Mapping[Clip, list[Sample]]:
    """Return the samples of each clip, clips and samples in order of first appearance."""
    groups: dict[Clip, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.clip, []).append(sample)
    return groups


def predict(samples: Sequence[Sample], model: Model, load_frames: LoadFrames) -> Iterator[list[Prediction]]:
    """Yield the predictions of one clip after the other, in the order of `group_by_clip`.

    A clip that cannot be decoded, or a prompt that the model cannot take, gives predictions with an error;
    the run goes on.
    """
    groups = list(group_by_clip(samples).items())
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as pool:
        ahead: list[Future[list[Image]]] = []
        upcoming = iter(groups)
        try:
            for clip, _ in islice(upcoming, CLIPS_AHEAD):
                ahead.append(pool.submit(load_frames, clip, model.n_frames))
            for _, group in groups:
                decoded = ahead.pop(0)
                for clip, _ in islice(upcoming, 1):
                    ahead.append(pool.submit(load_frames, clip, model.n_frames))
                yield _predict_clip(group, model, decoded)
        finally:
            for future in ahead:
                future.cancel()


def _predict_clip(group: Sequence[Sample], model: Model, decoded: Future[list[Image]]) -> list[Prediction]:
    try:
        frames = decoded.result()
    except MediaError as error:
        return [_failed(sample, f"{error.reason}: {error}") for sample in group]
    except TarsierEvalError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a clip does to a decoder, it costs its own samples only
        said = f"unreadable: {group[0].clip.name}: {type(error).__name__}: {error}"
        return [_failed(sample, said) for sample in group]
    return _predict_samples(group, model, frames)


def _predict_samples(group: Sequence[Sample], model: Model, frames: Sequence[Image]) -> list[Prediction]:
    """Ask all questions about a clip at once; where that fails, half of them at a time, down to the one at fault."""
    try:
        generations = model.generate(frames, [sample.prompt for sample in group])
    except ModelError as error:
        said = f"model: {error}"
    except TarsierEvalError:
        raise
    except Exception as error:  # noqa: BLE001 - out of memory, kernel errors: this sample's, not the run's
        first_line = (str(error).strip().splitlines() or [""])[0]
        said = f"model: {type(error).__name__}: {first_line}"
    else:
        return [
            Prediction(id=sample.id, prompt=generation.prompt, output=generation.output, n_frames=len(frames))
            for sample, generation in zip(group, generations, strict=True)
        ]
    # Outside of the handlers, whose error would hold on to the memory of the failed attempt.
    if len(group) == 1:
        return [_failed(group[0], said)]
    half = len(group) // 2
    return [*_predict_samples(group[:half], model, frames), *_predict_samples(group[half:], model, frames)]


def _failed(sample: Sample, reason: str) -> Prediction:
    return Prediction(id=sample.id, prompt=sample.prompt, output=None, error=reason)
