"""Clip groups: the clips that go to a model in one call, each with the samples that show it.

They are planned from the samples of a whole run before any of them is predicted, so that a run's batches do not depend
on what is done already, on clips that cannot be read, or on how many processes share the work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.core import Clip, FramePolicy, ModelFacts, Prediction, Sample

Predicted = list[tuple[Sample, Prediction]]
"""Samples with their predictions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipGroup:
    """Clips of one call, in order; no other group of a run has them."""

    number: int
    """Its place among the groups of the run, from 0."""
    clips: Mapping[Clip, tuple[Sample, ...]]
    """The samples that show each clip, which is decoded and encoded once for all of them."""

    @property
    def samples(self) -> list[Sample]:
        """All of its samples."""
        return [sample for samples in self.clips.values() for sample in samples]


def group_by_clip(samples: Iterable[Sample]) -> Mapping[Clip, list[Sample]]:
    """Return the samples of each clip, clips and samples in order of first appearance."""
    groups: dict[Clip, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.clip, []).append(sample)
    return groups


def plan(samples: Sequence[Sample], model: ModelFacts) -> tuple[list[ClipGroup], Predicted]:
    """Return the clip groups of a run, and the failures of samples that such a model cannot be asked.

    A group has as many clips as the model wants at once, in order of first appearance. Views of a clip come when it
    does, so that it is loaded once for all, and are in groups with views of the same kind.
    """
    found: list[ClipGroup] = []
    begun: dict[tuple[str, int | None], dict[Clip, tuple[Sample, ...]]] = {}
    reasons = {id(sample): unshowable(sample, model.frames) for sample in samples}
    refused = [pair for s in samples if (said := reasons[id(s)]) for pair in failed([s], f"model: {said}")]
    clips = group_by_clip(s for s in samples if not reasons[id(s)])
    places = {loaded: place for place, loaded in enumerate(dict.fromkeys(clip.loaded for clip in clips))}
    for clip in sorted(clips, key=lambda clip: places[clip.loaded]):
        kind = ("" if clip.view is None else clip.view.order, clip.n_frames)
        group = begun.setdefault(kind, {})
        group[clip] = tuple(clips[clip])
        if model.whole_clips or len(group) >= model.clips_at_once(max(map(len, group.values()))):
            found.append(ClipGroup(number=len(found), clips=begun.pop(kind)))
    found += (ClipGroup(number=number, clips=group) for number, group in enumerate(begun.values(), len(found)))
    return found, refused


def failed(samples: Iterable[Sample], reason: str) -> Predicted:
    """Return the predictions of samples that fail for one reason."""
    return [(one, Prediction(id=one.id, prompt=one.prompt, output=None, error=reason)) for one in samples]


def still_to_do(
    groups: Iterable[ClipGroup], model: ModelFacts, missing: Collection[tuple[str, str]]
) -> list[ClipGroup]:
    """Return the groups with samples that have no output, with those alone.

    Args:
        groups: the groups of the whole run.
        model: where its calls must hold whole clips, all of a benchmark's samples about a clip come along.
        missing: benchmark and id of the samples that have no output.
    """
    found = []
    for group in groups:
        clips = {}
        for clip, samples in group.clips.items():
            left = [sample for sample in samples if (sample.benchmark, sample.id) in missing]
            if model.whole_clips:
                benchmarks = {sample.benchmark for sample in left}
                left = [sample for sample in samples if sample.benchmark in benchmarks]
            if left:
                clips[clip] = tuple(left)
        if clips:
            found.append(ClipGroup(number=group.number, clips=clips))
    return found


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


def calls(samples: Sequence[Sample], model: ModelFacts) -> list[list[Sample]]:
    """Return a clip's samples by call: together, or by benchmark if a call must not depend on the rest of the run."""
    if not model.whole_clips:
        return [list(samples)]
    by_benchmark: dict[str, list[Sample]] = {}
    for sample in samples:
        by_benchmark.setdefault(sample.benchmark, []).append(sample)
    return list(by_benchmark.values())
