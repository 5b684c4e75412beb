"""The gate's check of resuming: an interrupted run must end with the same files as an uninterrupted one."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.config import Settings
from eval.core import Clip, ClipPrompts, FramePolicy, Generation, LoadedClip, Model, ModelDefaults, Result
from eval.engines.local import LocalSession
from eval.regression.observing import Chosen
from eval.regression.records import Record
from eval.running.benchmark_run import Job
from eval.running.judge_session import Judging
from eval.running.loop import run
from eval.runs.folder import PREDICTIONS, SCORES
from eval.timing import Clock

if TYPE_CHECKING:
    from eval.models.checkpoints.runner import CheckpointRunner

CUT = (("mvbench", 6), ("dream-1k", 3))
"""Benchmarks and numbers of samples of the interrupted run: one benchmark is settled by a letter, one is judged."""


def in_process(
    clips: Iterable[Clip],
    policy: FramePolicy,
    *,
    ahead: int | None = None,  # noqa: ARG001 - as FrameLoader.load takes it
) -> Iterator[LoadedClip]:
    """Read clips in this process."""
    from eval.video import workers

    return workers.in_process(clips, policy)


def _summed_up(result: Result) -> dict[str, Any]:
    """Return the content of a result except metrics and provenance, which names the current code."""
    kept = ("primary", "judge", "protocol", "score_id", "complete")
    return {"counts": asdict(result.counts), **{name: getattr(result, name) for name in kept}}


class _Resumable(ModelDefaults):
    """A model that can be stopped as by Ctrl-C, and that counts the prompts it has continued."""

    def __init__(self, model: Model, calls: int | None) -> None:
        self._model, self._calls = model, calls
        self.name, self.frames = model.name, model.frames
        self.whole_clips = model.whole_clips
        self.asked = 0
        self.is_stopped = False

    def clips_at_once(self, n_prompts: int) -> int:  # noqa: ARG002
        """Return 2: several calls, each of several clips, where the model takes more than one."""
        return 1 if self.whole_clips else 2

    def describe(self) -> Mapping[str, Any]:
        """Return the inner model's description."""
        return self._model.describe()

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:
        """Continue the prompts, up to a set number. Raises KeyboardInterrupt after that."""
        if self._calls is not None:
            if not self._calls:
                self.is_stopped = True
                raise KeyboardInterrupt
            self._calls -= 1
        self.asked += sum(len(clip.prompts) for clip in asked)
        return self._model.generate(asked, clock)


class _Loader:
    """Reads clips in this process, in place of a FrameLoader."""

    load = staticmethod(in_process)


def resumed(
    settings: Mapping[str, Settings], chosen: Mapping[str, Chosen], runner: CheckpointRunner, scratch: Path
) -> Iterator[Record]:
    """Interrupt a run, leave half a line behind, resume it, and compare its files with an uninterrupted run's."""

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
        expected = list(run(jobs(whole), LocalSession(_Resumable(runner, None), loader)))
        try:
            list(run(jobs(cut), LocalSession(before, loader)))
        except KeyboardInterrupt:
            if not before.is_stopped:  # the user's own
                raise
        with (cut / CUT[0][0] / PREDICTIONS).open("ab") as file:
            file.write(b'{"id": "half a li')
        found = list(run(jobs(cut), LocalSession(after, loader)))
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
