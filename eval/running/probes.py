"""Probes: the samples of a benchmark with something taken away or moved, and the question left alone.

A probed run is a run of its own, under a name of its own (`mvbench:reversed`), so that no number of it passes for one
of the benchmark. Its clips are those of the plain run, or views of them, wherever that can be: what is equal is loaded
and encoded once for all probes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any, cast

from eval.core import Benchmark, Clip, Sample, Selection, Turn, View
from eval.errors import ConfigError, did_you_mean
from eval.readers.choices import option_spans

GREY = Path(__file__).resolve().parents[1] / "video" / "grey.png"
"""The picture that stands in the place of every frame."""
_GREY_S, _GREY_FPS = 32, 4
"""Length and rate of the grey clip, from which a frame policy chooses as from any other clip."""

Change = Callable[[Sequence[Sample]], list[Sample]]
"""Returns the samples as a probe asks them, without those that it cannot ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One intervention."""

    name: str
    """Its name, and that of its run folder."""
    title: str
    """What the model is shown, in a few words."""
    change: Change
    n_frames: int | None = None
    """Number of frames that it shows, where that is what it changes."""


class _Probed:
    """A benchmark under the name of a probe of it; everything else is the benchmark's."""

    def __init__(self, benchmark: Benchmark, probe: Probe) -> None:
        self._benchmark = benchmark
        self.name = f"{benchmark.name}:{probe.name}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._benchmark, name)


def probed(benchmark: Benchmark, samples: Sequence[Sample], probe: Probe) -> tuple[Benchmark, list[Sample]]:
    """Return a benchmark, and some of its samples, under a probe."""
    renamed = cast("Benchmark", _Probed(benchmark, probe))
    return renamed, [replace(sample, benchmark=renamed.name) for sample in probe.change(samples)]


def _without_video(samples: Sequence[Sample]) -> list[Sample]:
    return [replace(sample, clip=replace(_grey(sample.clip), more=_greys(sample.clip))) for sample in samples]


def _greys(clip: Clip) -> tuple[Clip, ...]:
    return tuple(map(_grey, clip.more))


def _grey(medium: Clip) -> Clip:
    if medium.selection is not None and medium.selection.is_image:
        return Clip(source=GREY, selection=Selection(is_image=True))
    return Clip(source=(GREY,) * (_GREY_S * _GREY_FPS), fps=_GREY_FPS)


def _in_view(view: Callable[[str], View]) -> Change:
    """Return the change of each clip to a view of it, with the clip's first sample as the seed."""

    def change(samples: Sequence[Sample]) -> list[Sample]:
        seeds: dict[Clip, str] = {}
        for sample in samples:
            seeds.setdefault(sample.clip, sample.id)
        return [replace(one, clip=replace(one.clip, view=view(seeds[one.clip]))) for one in samples]

    return change


def _shuffled(seed: str) -> View:
    return View(order="shuffled", seed=seed)


def _of_frames(n: int) -> Change:
    return lambda samples: [replace(one, clip=replace(one.clip, n_frames=n)) for one in samples]


def _with_other_clips(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples with another video's clip each: of the same subset, or of any where that has one video."""
    every = _deranged(samples)
    of: dict[str, list[Sample]] = {}
    for sample in samples:
        of.setdefault(sample.subset, []).append(sample)
    others = {subset: {**every, **_deranged(part)} for subset, part in of.items()}
    found = ((one, others[one.subset].get(one.clip)) for one in samples)
    return [replace(one, clip=clip) for one, clip in found if clip is not None]


def _deranged(samples: Sequence[Sample]) -> dict[Clip, Clip]:
    """Return another source video's clip for each clip, each clip for one other; without those that there is none for.

    Clips stand in a circle, those of a video together, videos in the order of hashes of their names. Each gets the clip
    that follows at a distance of the most clips of a video: no closer one is sure to be another video's.
    """
    videos: dict[str, dict[Clip, None]] = {}
    for sample in samples:
        videos.setdefault(sample.cluster or sample.id, {})[sample.clip] = None
    order = sorted(videos, key=lambda name: hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest())
    circle = [(name, clip) for name in order for clip in videos[name]]
    most = max((len(clips) for clips in videos.values()), default=0)
    pairs = zip(circle, circle[most:] + circle[:most], strict=True)
    return {clip: other for (name, clip), (other_name, other) in pairs if name != other_name and clip != other}


def _rotated(samples: Sequence[Sample]) -> list[Sample]:
    """Return each sample once for every other place that its options can be moved to, as `<id>@<places>`."""
    return [one for sample in samples for by in range(1, len(sample.options)) for one in _rotated_by(sample, by)]


def _rotated_by(sample: Sample, by: int) -> list[Sample]:
    n = len(sample.options)
    place = ascii_uppercase[:n].find(sample.targets[0]) if sample.targets else -1
    moved = tuple(sample.options[(i - by) % n] for i in range(n))
    changed = _retold(sample, lambda text: _with_options(text, sample.options, moved))
    if changed is None or place < 0 or len(sample.targets[0]) != 1:
        return []
    target = ascii_uppercase[(place + by) % n]
    return [replace(changed, id=f"{sample.id}@{by}", options=moved, targets=(target,))]


def _with_options(text: str, options: Sequence[str], others: Sequence[str]) -> str | None:
    """Return a text with other options in the place of these; None where it does not list exactly these."""
    spans = option_spans(text)
    if [text[start:end].strip() for start, end in spans] != [option.strip() for option in options]:
        return None
    for (start, end), other in reversed([*zip(spans, others, strict=True)]):
        text = text[:start] + other.strip() + text[end:]
    return text


def _without_question(samples: Sequence[Sample]) -> list[Sample]:
    changed = (_unasked(sample) for sample in samples if sample.options)
    return [sample for sample in changed if sample is not None]


def _unasked(sample: Sample) -> Sample | None:
    asked = sample.metadata.get("question")
    question = asked if isinstance(asked, str) else ""
    return _retold(sample, lambda text: _cut(text, question))


def _cut(text: str, question: str) -> str | None:
    """Return a text without its question, which stands before the options; None where it lists no options."""
    spans = option_spans(text)
    if not spans:
        return None
    listed = text.rfind("(A)", 0, spans[0][0])
    head, rest = text[:listed], text[listed:]
    known = question.partition("\n(A)")[0].removesuffix("Options:").strip().removeprefix("Question:").strip()
    start = head.rfind(known) if known else -1
    if start >= 0:
        return head[:start] + head[start + len(known) :] + rest
    # Rows without it: all that follows its label, or else the video.
    label = next((each for each in ("Question:", "<video>") if each in head), "")
    start = head.rfind(label) + len(label)
    end = len(head.rstrip().removesuffix("Options:").rstrip())
    return head[:start] + head[max(start, end) :] + rest


def _retold(sample: Sample, change: Callable[[str], str | None]) -> Sample | None:
    """Return a sample with its prompt changed, and with the same change in its conversation; None where one cannot."""
    prompt = change(sample.prompt)
    turns = tuple(_retold_turn(turn, change) for turn in sample.turns)
    if prompt is None or (sample.turns and turns == sample.turns):
        return None
    return replace(sample, prompt=prompt, turns=turns)


def _retold_turn(turn: Turn, change: Callable[[str], str | None]) -> Turn:
    parts = ((kind, text if kind != "text" or (new := change(text)) is None else new) for kind, text in turn.parts)
    return replace(turn, parts=tuple(parts))


_SHOWN = (2, 4, 8, 16)

ALL: Mapping[str, Probe] = {
    probe.name: probe
    for probe in (
        Probe(name="no-video", title="grey frames", change=_without_video),
        Probe(name="one-frame", title="the middle frame", change=_in_view(lambda _: View(order="middle"))),
        Probe(name="shuffled", title="frames in any order", change=_in_view(_shuffled)),
        Probe(name="reversed", title="frames backwards", change=_in_view(lambda _: View(order="reversed"))),
        Probe(name="other-clip", title="another video's frames", change=_with_other_clips),
        Probe(name="rotated", title="options moved", change=_rotated),
        Probe(name="no-question", title="options alone", change=_without_question),
        *(Probe(name=f"frames-{n}", title=f"{n} frames", change=_of_frames(n), n_frames=n) for n in _SHOWN),
    )
}
"""All probes by name."""
_GROUPS = {"all": tuple(ALL), "frames": tuple(name for name in ALL if name.startswith("frames-"))}


def probes_named(text: str) -> list[Probe]:
    """Return the probes that a list names, in the order of ALL. Raises ConfigError for an unknown name."""
    wanted: set[str] = set()
    for name in (part.strip() for part in text.split(",")):
        if name not in ALL and name not in _GROUPS:
            raise ConfigError(f"--probes: there is no probe {name!r}. {did_you_mean(name, [*_GROUPS, *ALL])}")
        wanted.update(_GROUPS.get(name, (name,)))
    return [probe for name, probe in ALL.items() if name in wanted]
