"""What a plan learns by trying: whether each clip can be decoded, and how long a few of them take."""

from __future__ import annotations

import time
from collections.abc import Sequence

from eval import building
from eval.analysis.plan.plan import ProbeTimes
from eval.config import Settings
from eval.core import Benchmark, Clip, FramePolicy, Sample
from eval.engines.engine import Engine
from eval.engines.groups import plan
from eval.engines.predicting import frame_loader
from eval.errors import MediaError
from eval.report.progress import RunProgress
from eval.running.start import setup_of
from eval.timing import Clock

PROBED = 8
"""Clips of a probe at least, besides those of the first call."""


def decoded(settings: Settings, clips: Sequence[Clip]) -> list[MediaError | None]:
    """Return what speaks against decoding a frame of each clip, by the loader of a run."""
    found: dict[Clip, MediaError | None] = {}
    with frame_loader(setup_of(settings).reading) as loader, RunProgress("media", total=len(clips)) as told:
        for loaded in loader.load(clips, policy=FramePolicy(n_frames=1)):
            found[loaded.clip] = loaded.error
            told.advance(1)
    return [found.get(clip) for clip in clips]


def probe(settings: Settings, benchmark: Benchmark, samples: Sequence[Sample]) -> ProbeTimes | None:
    """Return the time of a few clips, put to the model as a run would; None where no media are there.

    The first call takes longer than others, so the rate is that of the calls after it.
    """
    there = [sample for sample in samples if sample.clip.exists()]
    engine: Engine = building.build(settings.engine, "engine")
    begin = time.perf_counter()
    with engine.start(setup_of(settings)) as session:
        loaded = time.perf_counter()
        groups, _ = plan(there, session.model)
        few = groups[:1]
        for group in groups[1 :: max(1, len(groups) // (PROBED + 1))]:
            if sum(len(each.clips) for each in few[1:]) < PROBED:
                few.append(group)
        marks, ended = [loaded], []
        for predicted in session.predict(few, settled={benchmark.name: benchmark.scorer.settled()}, clock=Clock()):
            marks.append(time.perf_counter())
            ended += predicted
    if not ended:
        return None
    later = [len(group.samples) for group in few[1:]]
    rate = (marks[-1] - marks[1]) / sum(later) if later else (marks[1] - loaded) / len(ended)
    first = marks[1] - loaded if later else 0.0
    return ProbeTimes(
        clips=sum(len(group.clips) for group in few),
        samples=len(ended),
        failed=sum(prediction.error is not None for _, prediction in ended),
        load_s=loaded - begin,
        probe_s=marks[-1] - loaded,
        whole_s=first + rate * len(there),
    )
