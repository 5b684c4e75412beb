"""From clip groups to predictions in one process: receive frames, generate, yield.

Other processes load frames ahead (`eval.video.workers`). Groups go to the model as they become complete, mostly in the
order given: only a very slow clip comes out of order, and delays its own group.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from eval.core import Clip, ClipPrompts, LoadedClip, Model, Prediction, Sample, StopWhen
from eval.engines.groups import ClipGroup, Predicted, calls, failed, plan
from eval.errors import ModelError, TarsierEvalError
from eval.readers.malformed import first_line
from eval.timing import Clock
from eval.video.views import seen

if TYPE_CHECKING:
    from PIL.Image import Image

    from eval.video.workers import FrameLoader

Load = Callable[[Iterable[Clip]], Iterator[LoadedClip]]
"""Reads clips, each once, mostly in the order given."""


def frame_loader(reading: Mapping[str, Any]) -> FrameLoader:
    """Return the loader of clips, whose processes start while the model is loaded."""
    from eval.video.workers import FrameLoader

    loader = FrameLoader(**reading)
    loader.start()
    return loader


def clips_ahead(model: Model) -> int:
    """Return the number of clips to load ahead: two calls of the model, and a reserve for clips that load slowly."""
    return max(16, 2 * model.clips_at_once(1))


def predict(
    samples: Sequence[Sample],
    model: Model,
    load: Load,
    *,
    settled: Mapping[str, StopWhen | None] | None = None,
    clock: Clock | None = None,
) -> Iterator[Predicted]:
    """Plan the clip groups of samples, and yield the samples of each with their predictions; see predict_groups."""
    groups, refused = plan(samples, model)
    if refused:
        yield refused
    for _, predicted in predict_groups(groups, model, load, settled=settled, clock=clock):
        yield predicted


def predict_groups(
    groups: Sequence[ClipGroup],
    model: Model,
    load: Load,
    *,
    settled: Mapping[str, StopWhen | None] | None = None,
    clock: Clock | None = None,
) -> Iterator[tuple[ClipGroup, Predicted]]:
    """Yield each group, and its samples with their predictions.

    A clip that can't be read, or a prompt that the model can't take, gives predictions with an error; the run goes on.
    Once a model says that it has `stopped`, no further clips are loaded, and their samples fail with its reason.

    Args:
        groups: of one or several benchmarks.
        model: what predicts.
        load: reads the clips.
        settled: by benchmark, the check whether an output's score can no longer change.
        clock: records the time of each stage.
    """
    settled, clock = settled or {}, clock or Clock()
    assembly = Assembly(model, settled, clock)
    clips = assembly.add(groups)
    with closing(timed(load(clips), clock)) as loading:
        for loaded in loading:
            for group in assembly.put(loaded):
                yield group, assembly.predicted(group)
            if model.stopped is not None:
                break
    yield from assembly.rest()


class Assembly:
    """Groups that wait for the frames of their clips.

    Args:
        model: what predicts.
        settled: by benchmark, the check whether an output's score can no longer change.
        clock: records the time of each stage.
    """

    def __init__(self, model: Model, settled: Mapping[str, StopWhen | None], clock: Clock) -> None:
        self._model = model
        self._settled = settled
        self._clock = clock
        self._group_of: dict[Clip, ClipGroup] = {}
        self._loaded: dict[int, dict[Clip, LoadedClip]] = {}
        self._waiting: dict[Clip, list[Clip]] = {}
        """For each clip that is being loaded, the clips that show its frames: itself, or views of it."""

    def add(self, groups: Iterable[ClipGroup]) -> list[Clip]:
        """Take groups; return the clips that are to be loaded for them, each once for all of its views."""
        clips: list[Clip] = []
        for group in groups:
            self._group_of.update(dict.fromkeys(group.clips, group))
            self._loaded[group.number] = {}
            for clip in group.clips:
                if clip.loaded not in self._waiting:
                    clips.append(clip.loaded)
                self._waiting.setdefault(clip.loaded, []).append(clip)
        return clips

    def put(self, loaded: LoadedClip) -> list[ClipGroup]:
        """Take a clip that was loaded; return the groups whose clips are now all there."""
        complete = []
        for clip in self._waiting.pop(loaded.clip):
            group = self._group_of.pop(clip)
            there = self._loaded[group.number]
            there[clip] = seen(loaded, clip)
            if len(there) == len(group.clips):
                complete.append(group)
        return complete

    def predicted(self, group: ClipGroup) -> Predicted:
        """Return the predictions of a complete group."""
        there = self._loaded.pop(group.number)
        found: Predicted = []
        shown: list[_Shown] = []
        for clip, samples in group.clips.items():
            loaded = there[clip]
            if loaded.frames is None:
                said = f"{loaded.error.reason}: {loaded.error}" if loaded.error else "unreadable"
                found += failed(samples, said)
            else:
                made = partial(_Shown, loaded=loaded, frames=loaded.frames)
                shown += [made(samples=together) for together in calls(samples, self._model)]
        for call in [[each] for each in shown] if self._model.whole_clips else [shown]:
            found += _generate(call, self._model, self._settled, self._clock) if call else []
        return found

    def rest(self) -> Iterator[tuple[ClipGroup, Predicted]]:
        """Yield the groups whose clips were not all loaded, as failed with the reason why the model has stopped."""
        for group in {group.number: group for group in self._group_of.values()}.values():
            yield group, failed(group.samples, f"model: {self._model.stopped}")
        self._group_of.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A readable clip, and the samples that show it."""

    loaded: LoadedClip
    frames: Sequence[Image]
    samples: Sequence[Sample]


def timed(loaded: Iterator[LoadedClip], clock: Clock) -> Generator[LoadedClip, None, None]:
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
        seen = {clip.loaded.clip: clip.loaded.shown for clip in shown}
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
                    shown=seen[clip.loaded.clip],
                    strip=clip.loaded.strip,
                ),
            )
            for clip, of_clip in zip(shown, generations, strict=True)
            for sample, made in zip(clip.samples, of_clip, strict=True)
        ]
    # Outside the handlers, whose error would keep the failed attempt's memory in use.
    first, rest = _halves(shown)
    if not rest:
        return failed([sample for clip in first for sample in clip.samples], said)
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
