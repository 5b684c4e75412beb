"""From samples to predictions: group by clip, receive frames, generate for several clips, yield.

A clip is decoded and encoded once for all samples that show it, whichever benchmark they belong to. Other processes
load frames ahead (`eval.video.workers`). Clips go to the model in groups of a fixed size, in the order of the requests,
so that a run's batches are the same each time; only a very slow clip comes out of order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from eval.core import Clip, ClipPrompts, Coverage, FramePolicy, LoadedClip, Model, Prediction, Sample, StopWhen
from eval.errors import ModelError, TarsierEvalError
from eval.readers.malformed import first_line
from eval.timing import Clock

if TYPE_CHECKING:
    from PIL.Image import Image

Load = Callable[[Iterable[Clip]], Iterator[LoadedClip]]
"""Reads clips, each once, mostly in the order given."""

Predicted = list[tuple[Sample, Prediction]]


def coverage(samples: Sequence[Sample]) -> list[Coverage]:
    """Return the coverage of each subset: the share of its media on disk, in order of first appearance."""
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


def unshowable(sample: Sample, frames: FramePolicy) -> str:
    """Return the reason why a model that is shown such frames cannot be asked a sample; "" where it can.

    Rule `tarsier` is that of models which are shown one video and one question.
    """
    if frames.rule == "tarsier2":
        return ""
    if sample.clip.more:
        what = f"has {1 + len(sample.clip.more)} videos and images"
    elif sample.clip.selection is not None:
        what = "picks its frames, shows an image, or limits pixels"
    elif [turn.role for turn in sample.turns] not in ([], ["user"], ["user", "assistant"]):
        what = f"has messages of {', '.join(turn.role for turn in sample.turns)}"
    else:
        return ""
    return (
        f"the row of this sample {what}; choose a model of the Tarsier2 family or model=hf for it, or give "
        "model.frame_rule=tarsier2 for a model behind a server"
    )


def predict(
    samples: Sequence[Sample],
    model: Model,
    load: Load,
    *,
    settled: Mapping[str, StopWhen | None] | None = None,
    clock: Clock | None = None,
) -> Iterator[Predicted]:
    """Yield samples with their predictions, those of several clips at a time.

    A clip that can't be read, or a prompt that the model can't take, gives predictions with an error; the run goes on.
    Once a model says that it has `stopped`, no further clips are loaded, and their samples fail with its reason.

    Args:
        samples: of one or several benchmarks.
        model: what predicts.
        load: reads the clips.
        settled: by benchmark, the check whether an output's score can no longer change.
        clock: records the time of each stage.
    """
    settled, clock = settled or {}, clock or Clock()
    if refused := [(sample, said) for sample in samples if (said := unshowable(sample, model.frames))]:
        yield [(sample, _failed(sample, f"model: {said}")) for sample, said in refused]
    left = dict(group_by_clip([sample for sample in samples if not unshowable(sample, model.frames)]))
    waiting: list[_Shown] = []
    with closing(_timed(load(list(left)), clock)) as loading:
        for loaded in loading:
            group = left.pop(loaded.clip)
            if loaded.frames is None:
                said = f"{loaded.error.reason}: {loaded.error}" if loaded.error else "unreadable"
                yield [(sample, _failed(sample, said)) for sample in group]
                continue
            for samples_of_call in _calls(group, model):
                waiting.append(_Shown(loaded=loaded, frames=loaded.frames, samples=samples_of_call))
                if len(waiting) >= model.clips_at_once(max(len(shown.samples) for shown in waiting)):
                    yield _generate(waiting, model, settled, clock)
                    waiting = []
            if _stopped(model) is not None:
                break
    if waiting:
        yield _generate(waiting, model, settled, clock)
    if left and (reason := _stopped(model)) is not None:
        yield [(sample, _failed(sample, f"model: {reason}")) for group in left.values() for sample in group]


def _stopped(model: Model) -> str | None:
    """Return the reason why a model answers nothing more; models on this machine never stop."""
    reason: str | None = getattr(model, "stopped", None)
    return reason


def _calls(group: Sequence[Sample], model: Model) -> list[list[Sample]]:
    """Return a clip's samples: together, or by benchmark if a call must not depend on the rest of the run."""
    if not model.whole_clips:
        return [list(group)]
    by_benchmark: dict[str, list[Sample]] = {}
    for sample in group:
        by_benchmark.setdefault(sample.benchmark, []).append(sample)
    return list(by_benchmark.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A readable clip, and the samples that show it."""

    loaded: LoadedClip
    frames: Sequence[Image]
    samples: Sequence[Sample]


def _timed(loaded: Iterator[LoadedClip], clock: Clock) -> Generator[LoadedClip, None, None]:
    """Pass clips on, and record the waiting and working time in the clock."""
    while True:
        with clock.stage("wait"):
            clip = next(loaded, None)
        if clip is None:
            return
        clock.add("decode", *clip.decode)
        clock.add("prepare", *clip.prepare)
        yield clip


def _generate(shown: Sequence[_Shown], model: Model, settled: Mapping[str, StopWhen | None], clock: Clock) -> Predicted:
    """Run all prompts of some clips at once; on failure, retry each half, down to the sample at fault."""
    asked = [
        ClipPrompts(
            frames=clip.frames,
            prompts=[sample.prompt for sample in clip.samples],
            turns=[sample.turns for sample in clip.samples],
            counts=clip.loaded.counts,
            settled=[settled.get(sample.benchmark) for sample in clip.samples],
        )
        for clip in shown
    ]
    try:
        with clock.stage("model"):
            generations = model.generate(asked, clock)
    except ModelError as error:
        said = f"model: {error}"
    except TarsierEvalError:
        raise
    except Exception as error:  # noqa: BLE001 - out of memory, kernel errors: this sample's, not the run's
        said = f"model: {first_line(error, kind=True)}"
    else:
        return [
            (
                sample,
                Prediction(
                    id=sample.id,
                    prompt=made.prompt,
                    output=made.output if made.error is None else None,
                    error=None if made.error is None else f"model: {made.error}",
                    n_frames=len(clip.frames),
                    media=clip.loaded.media,
                    notes=clip.loaded.notes,
                ),
            )
            for clip, of_clip in zip(shown, generations, strict=True)
            for sample, made in zip(clip.samples, of_clip, strict=True)
        ]
    # Outside the handlers, whose error would keep the failed attempt's memory in use.
    first, rest = _halves(shown)
    if not rest:
        return [(sample, _failed(sample, said)) for clip in first for sample in clip.samples]
    return [*_generate(first, model, settled, clock), *_generate(rest, model, settled, clock)]


def _halves(shown: Sequence[_Shown]) -> tuple[Sequence[_Shown], Sequence[_Shown]]:
    """Split clips in two, or a single clip's samples; the second half of a single sample is empty."""
    if len(shown) > 1:
        return shown[: len(shown) // 2], shown[len(shown) // 2 :]
    (clip,) = shown
    if len(clip.samples) == 1:
        return shown, ()
    half = len(clip.samples) // 2
    first, rest = (replace(clip, samples=part) for part in (clip.samples[:half], clip.samples[half:]))
    return (first,), (rest,)


def _failed(sample: Sample, reason: str) -> Prediction:
    return Prediction(id=sample.id, prompt=sample.prompt, output=None, error=reason)
