"""What a run's number will be, and what makes it not comparable with published ones, as far as it is known before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.analysis.explain.target import UNSTATED, StatedFrames, Target, family_of, name_of, stated_frames
from eval.analysis.page.run import BUILTIN_CAVEAT
from eval.analysis.plan.media import MediaSurvey
from eval.analysis.plan.plan import Beside
from eval.config import Settings
from eval.core import Benchmark, Card, FramePolicy, Sample
from eval.readers.submission import is_withheld
from eval.report.footers import FEW_VIDEOS
from eval.report.printing import counted, printed
from eval.scorers.traits import metric_named

_AT_MOST = " at most"
_UNNAMED = ("served", "hf")
"""Names of settings that do not tell the model."""


def frames_of(model: Mapping[str, Any]) -> str:
    """Return the frame policy of a model's settings in words."""
    n, fps = int(model.get("n_frames") or 0), model.get("fps")
    if not n:
        return "the model's own"
    name = FramePolicy(n_frames=n, fps=fps).name
    return f"{name}: {n} spread evenly" if fps is None else f"{name}: {fps:g} a second, {n} at most"


def _frames_here(settings: Settings) -> str:
    """Return the number of frames of a clip, "" where the model decides."""
    n, fps = settings.model.get("n_frames"), settings.model.get("fps")
    return f"{n}{_AT_MOST}" if fps is not None else str(n or "")


def accounting_of(benchmark: Benchmark, *, macro: bool) -> str:
    """Return in words how the headline is made of the samples."""
    metric, over = benchmark.card.metric, "mean of the subsets' values" if macro else "over all samples"
    upstream = "left out"
    if metric_named(metric).grouped:
        over, upstream = "over groups that have all their questions", "as in the authors' code"
    return f"{metric}, {over}; without a valid answer: {upstream} (upstream), or nothing earned (strict)"


def caveats_before(
    settings: Settings,
    benchmark: Benchmark,
    samples: Sequence[Sample],
    media: MediaSurvey,
    target: Target | None = None,
) -> list[str]:
    """Return what will make a run's number not comparable with published ones, as far as it is known before.

    Of the target, where one is given, `beside` tells the frames.
    """
    card, split = benchmark.card, str(settings.benchmark.get("split"))
    if settings.is_builtin:
        return [BUILTIN_CAVEAT]
    found = other_size(settings, card, samples)
    if card.upstream_split not in (None, split):
        found.append(f"Split {split}; upstream reports {card.upstream_split}.")
    if target is None or not target.frames:
        found += other_frames(settings, card, target.model if target else None)
    if media.samples_without:
        found.append(f"The media of {counted(media.samples_without, 'sample')} are missing or unreadable.")
    if benchmark.asked_with().name == "own":
        theirs = "upstream's (make import)" if settings.benchmark.get("rows") else "that of published numbers"
        found.append(f"Prompts in this project's own wording, not {theirs}.")
    if (videos := len({sample.cluster or sample.id for sample in samples})) < FEW_VIDEOS:
        found.append(f"Only {counted(videos, 'source video')}.")
    if skipped := benchmark.describe().get("malformed_rows_skipped"):
        found.append(f"{counted(skipped, 'malformed row')} left out.")
    judge = benchmark.scorer.describe().get("judge")
    if isinstance(judge, Mapping) and judge.get("note"):
        found.append(f"The judge {judge['name']} is {judge['note']}.")
    if samples and is_withheld(samples):
        found.append("Its answers are withheld: there will be a file to submit, and no number.")
    return found


def other_size(settings: Settings, card: Card, samples: Sequence[Sample]) -> list[str]:
    """Return that a run has another number of samples than the published split."""
    size = card.splits[str(settings.benchmark.get("split"))]
    here = counted(len(samples), "sample")
    return [f"{here}, and the published split has {size:,}."] if len(samples) != size else []


def other_frames(settings: Settings, card: Card, model: str | None = None) -> list[str]:
    """Return that a run shows another number of frames than those behind published numbers, where these are known.

    Args:
        settings: The run's.
        card: The benchmark's.
        model: The model whose numbers count; None for the run's own family, or any where there are none of it.
    """
    family = family_of(model or name_of(settings.model), card)
    known = {family: card.frames[family]} if family else {} if model else card.frames
    if not known or _frames_here(settings) in {str(n) for counts in known.values() for n in counts}:
        return []
    told = ", ".join(f"{whose}: {' or '.join(map(str, counts))}" for whose, counts in known.items())
    return [f"Frames: {frames_of(settings.model)}; behind published numbers are others ({told})."]


def published_as(target: Target) -> str:
    """Return a published number with its model and source."""
    row = f", row {target.number}" if target.number else ""
    return f"{target.model} {printed(target.metric, target.value)} ({target.source}{row})"


def beside(
    target: Target, settings: Settings, benchmark: Benchmark, samples: Sequence[Sample], judge: str | None
) -> tuple[Beside, ...]:
    """Return the settings of a run beside those of a published number."""
    card = benchmark.card
    split = target.split if target.split or "split" in target.unstated else card.upstream_split or ""
    size = card.splits.get(split)
    frames = stated_frames(target, card)
    rows = [
        ("model", target.model, name_of(settings.model)),
        ("split", target.split, str(settings.benchmark.get("split"))),
        ("samples", f"{size:,}" if size else "", f"{len(samples):,}"),
        ("frames", frames.text, _frames_here(settings)),
        *([("judge", target.judge, judge)] if judge is not None else []),
    ]
    unstated = target.unstated.split()

    def same(what: str, theirs: str, ours: str) -> bool | None:
        return _same_frames(frames, ours) if what == "frames" else _same(what, theirs, ours)

    return tuple(
        Beside(
            what=what,
            published=theirs or UNSTATED,
            here=ours,
            same=None if what in unstated else same(what, theirs, ours),
        )
        for what, theirs, ours in rows
    )


def _same_frames(stated: StatedFrames, ours: str) -> bool | None:
    """Return whether the frames are the same; None where it depends on the clips, or where the publication is open."""
    return None if ours.endswith(_AT_MOST) else stated.same(ours)


def _same(what: str, theirs: str, ours: str) -> bool | None:
    """Return whether two values are the same; None where the publication does not say."""
    if not theirs or (what == "model" and ours in _UNNAMED):
        return None
    # A judge's name in a publication may have more behind it.
    return ours.casefold() in theirs.casefold() if what == "judge" and ours else theirs.casefold() == ours.casefold()
