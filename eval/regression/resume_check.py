"""A run that is cut in two, as the gate observes it: whether it goes on to the files of a whole one."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.config import Settings
from eval.core import Asked, Clip, Generation, Loaded, Model, Result
from eval.regression.observing import Chosen
from eval.regression.records import Record
from eval.running.judge_session import Judging
from eval.running.loop import Job, run
from eval.runs.folder import PREDICTIONS, SCORES
from eval.timing import Clock

if TYPE_CHECKING:
    from eval.models.tarsier.runner import TarsierRunner

CUT = (("mvbench", 6), ("dream-1k", 3))
"""Benchmarks, and how many samples of each, of the run that is cut: one is settled by a letter, one is judged."""


def in_process(
    clips: Iterable[Clip],
    *,
    n_frames: int,
    side: int | None,
    ahead: int | None = None,  # noqa: ARG001 - as FrameLoader.load takes it
) -> Iterator[Loaded]:
    """Read clips in this process."""
    from eval.video import workers

    return workers.in_process(clips, n_frames=n_frames, side=side)


def _summed_up(result: Result) -> dict[str, Any]:
    """Return what a result says besides its metrics and its provenance, which names this very code."""
    kept = ("primary", "judge", "protocol", "score_id", "complete")
    return {"counts": asdict(result.counts), **{name: getattr(result, name) for name in kept}}


class _Resumable:
    """A model that can be stopped as Ctrl-C does it, and counts the prompts it has continued."""

    def __init__(self, model: Model, calls: int | None) -> None:
        self._model, self._calls = model, calls
        self.name, self.n_frames, self.frame_side = model.name, model.n_frames, model.frame_side
        self.whole_clips = model.whole_clips
        self.asked = 0
        self.is_stopped = False

    def clips_at_once(self, n_prompts: int) -> int:  # noqa: ARG002
        """Return 2: several calls, each of several clips, where the model takes more than one."""
        return 1 if self.whole_clips else 2

    def describe(self) -> Mapping[str, Any]:
        """Return what the model inside says."""
        return self._model.describe()

    def generate(self, asked: Sequence[Asked], clock: Clock | None = None) -> list[list[Generation]]:
        """Continue the prompts, so many times. Raises KeyboardInterrupt after that."""
        if self._calls is not None:
            if not self._calls:
                self.is_stopped = True
                raise KeyboardInterrupt
            self._calls -= 1
        self.asked += sum(len(clip.prompts) for clip in asked)
        return self._model.generate(asked, clock)


class _Loader:
    """Reads clips in this process, where a FrameLoader is wanted."""

    load = staticmethod(in_process)


def resumed(
    settings: Mapping[str, Settings], chosen: Mapping[str, Chosen], runner: TarsierRunner, scratch: Path
) -> Iterator[Record]:
    """Cut a run in two, leave half a line behind, let it go on, and compare its files with those of a whole run."""

    def jobs(folder: Path) -> list[Job]:
        found = []
        for name, count in CUT:
            benchmark, transcript = (judging := Judging(settings[name])).benchmark(settings[name])
            found.append(
                Job(
                    settings=settings[name],
                    benchmark=benchmark,
                    judging=judging,
                    transcript=transcript,
                    samples=chosen[name].samples[:count],
                    population=chosen[name].population,
                    read_from={"split_size": len(chosen[name].population)},
                    identity={"benchmark": name},
                    out=folder / name,
                )
            )
        return found

    loader: Any = _Loader()
    whole, cut = scratch / "whole", scratch / "cut"
    before, after = _Resumable(runner, 2), _Resumable(runner, None)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        expected = list(run(jobs(whole), _Resumable(runner, None), loader))
        try:
            list(run(jobs(cut), before, loader))
        except KeyboardInterrupt:
            if not before.is_stopped:  # the user's own
                raise
        with (cut / CUT[0][0] / PREDICTIONS).open("ab") as file:
            file.write(b'{"id": "half a li')
        found = list(run(jobs(cut), after, loader))
    same = {
        f"{name}/{file}": (whole / name / file).read_bytes() == (cut / name / file).read_bytes()
        for name, _ in CUT
        for file in (PREDICTIONS, SCORES)
    }
    metrics = [[asdict(metric) for metric in result.metrics] for result in (*expected, *found)]
    values = {
        "asked before the cut": before.asked,
        "asked after it": after.asked,
        "same files": same,
        "same metrics": metrics[: len(CUT)] == metrics[len(CUT) :],
        "results": {result.benchmark: _summed_up(result) for result in found},
    }
    yield Record(benchmark="resume", id="cut after two calls of the model", fields={"resume": values})
