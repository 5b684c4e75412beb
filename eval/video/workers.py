"""Load clips ahead of their use, in processes that a bad clip can kill without harm.

FrameLoader (the caller's thread) <-> Job <-> Dispatcher (a thread) <-> Child <- socket -> worker (a process)
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from eval.core import Clip, DecoderName, FramePolicy, LoadedClip, PictureRules
from eval.errors import ConfigError
from eval.video.dispatch import Dispatcher
from eval.video.frames import check_count, decoder_version
from eval.video.job import PATIENCE_S, LoadJob
from eval.video.loading import load

_ROOT = Path(__file__).resolve().parents[2]
# By the path of this package: `-m` would take any `eval` in the user's working folder.
_SERVE = f"import sys; sys.path[0] = {str(_ROOT)!r}; from eval.video.worker import serve; serve(int(sys.argv[1]))"

MOST_WORKERS = 16
"""Default maximum number of workers: more of them would only wait for the disk."""


def usable_cpus() -> int:
    """Return the number of processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def in_process(clips: Iterable[Clip], policy: FramePolicy, *, decoder: DecoderName = "pyav") -> Iterator[LoadedClip]:
    """Yield the result of each clip in turn, in this process: nothing protects it from a bad clip.

    Raises:
        ConfigError: the decoder is unknown or not installed, or no frame is asked for.
    """
    for clip in clips:
        yield load(clip, policy, decoder=decoder)


class FrameLoader:
    """Loads clips in worker processes; used in a `with` statement, at whose end the workers are gone.

    A clip that hangs, crashes its decoder or eats up the memory fails alone. The workers die with this process, even
    where it is killed.

    Args:
        decoder: the decoder for videos.
        rules: how image files are read.
        workers: number of processes; None is one per usable processor, at most 16. There are never more than clips.
        timeout_s: maximum seconds of work on a clip.
        memory_gb: maximum gigabytes of a worker's address space.
        ahead_mb: maximum megabytes of decoded clips that wait; the one clip that is waited for may add to them.
        store: a folder in which frames are stored for later runs, if any.
        draw: whether each clip comes with a picture of its frames.

    Raises:
        ConfigError: a setting does not fit, or the decoder is not installed.
    """

    _command: ClassVar[tuple[str, ...]] = (sys.executable, "-c", _SERVE)

    def __init__(
        self,
        *,
        decoder: DecoderName = "pyav",
        rules: PictureRules = PictureRules(),  # noqa: B008 (it is frozen)
        workers: int | None = None,
        timeout_s: float = 120.0,
        memory_gb: float = 4.0,
        ahead_mb: int = 512,
        store: Path | None = None,
        draw: bool = False,
    ) -> None:
        if workers is not None and workers < 1:
            raise ConfigError(f"workers is {workers}; at least one process is needed to load clips")
        if not timeout_s > 0 or not memory_gb > 0 or ahead_mb < 0:
            raise ConfigError(
                f"timeout_s is {timeout_s:g}, memory_gb {memory_gb:g}, ahead_mb {ahead_mb}; none may be negative, "
                "and the first two must be more than 0"
            )
        decoder_version(decoder)
        self.workers = min(usable_cpus(), MOST_WORKERS) if workers is None else workers
        self._timeout_s = timeout_s
        self._ahead_bytes = ahead_mb * 1_000_000
        self._setup = {
            "decoder": decoder,
            "rules": asdict(rules),
            "memory_bytes": int(memory_gb * 1e9),
            "store": None if store is None else str(store),
            "draw": draw,
        }
        self._dispatcher: Dispatcher | None = None
        self._job: LoadJob | None = None

    def __enter__(self) -> FrameLoader:  # noqa: PYI034 (Python 3.10 has no Self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, n_clips: int | None = None) -> None:
        """Start workers in advance, so that they are ready when clips come; returns at once.

        Args:
            n_clips: number of coming clips, if known; no more workers are started.
        """
        most = self.workers if n_clips is None else min(n_clips, self.workers)
        self._running().expect(most)

    def load(
        self, clips: Iterable[Clip], policy: FramePolicy, *, ahead: int | None = None
    ) -> Generator[LoadedClip, None, None]:
        """Yield the result of each clip. Loading begins when the first is requested.

        They come in order, except when one clip delays the others for some seconds: ready clips then pass it, and it
        comes when it is done, as an error after `timeout_s` at the latest.

        Args:
            clips: clips to load.
            policy: the frames wanted of each clip, and their size.
            ahead: maximum number of clips loaded before they are requested, where `ahead_mb` allows more.

        Raises:
            ConfigError: no frame is asked for.
            TarsierEvalError: the workers cannot be started.
            RuntimeError: the clips of an earlier call are still being loaded.
        """
        with self.feed(policy, ahead=ahead) as feed:
            feed.add(clips)
            yield from feed

    @contextmanager
    def feed(self, policy: FramePolicy, *, ahead: int | None = None) -> Iterator[ClipFeed]:
        """Open a feed of clips, to which more can be added while they come; its end ends the work on them.

        Args:
            policy: the frames wanted of each clip, and their size.
            ahead: maximum number of clips loaded before they are requested, where `ahead_mb` allows more.

        Raises:
            ConfigError: no frame is asked for.
            TarsierEvalError: the workers cannot be started.
            RuntimeError: the clips of an earlier feed are still being loaded.
        """
        check_count(policy)
        if self._job is not None:
            raise RuntimeError("one load at a time: exhaust or close the one before")
        dispatcher = self._running()
        job = self._job = LoadJob([], policy, self._ahead_bytes, ahead)
        try:
            dispatcher.begin(job)
            yield ClipFeed(dispatcher, job)
        finally:
            dispatcher.end(job)
            self._job = None

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        if self._dispatcher is not None:
            self._dispatcher.stop()
            self._dispatcher = None

    def _running(self) -> Dispatcher:
        if self._dispatcher is None:
            self._dispatcher = Dispatcher(self._command, self._setup, self.workers, self._timeout_s)
            self._dispatcher.start()
        return self._dispatcher


class ClipFeed:
    """Clips on their way from the workers; made by `FrameLoader.feed`."""

    def __init__(self, dispatcher: Dispatcher, job: LoadJob) -> None:
        self._dispatcher = dispatcher
        self._job = job

    def add(self, clips: Iterable[Clip]) -> None:
        """Add clips, to be loaded after those added before."""
        with self._dispatcher.changed:
            self._job.clips.extend(clips)
        self._dispatcher.ring()

    def __iter__(self) -> Iterator[LoadedClip]:
        """Yield the clips that were added and not taken, in the order of FrameLoader.load. Raises TarsierEvalError."""
        while not self._job.finished:
            yield _next(self._dispatcher, self._job)


def _next(dispatcher: Dispatcher, job: LoadJob) -> LoadedClip:
    """Wait for the next clip to hand over and return it."""
    begin = time.monotonic()
    with dispatcher.changed:
        while True:
            now = time.monotonic()
            waited = now - max(begin, job.head_since(now))
            loaded = job.take(patient=waited < PATIENCE_S)
            if loaded is not None:
                break
            if dispatcher.failure is not None:
                raise dispatcher.failure
            dispatcher.changed.wait(max(0.0, PATIENCE_S - waited) if job.any_done and waited < PATIENCE_S else None)
    dispatcher.ring()
    return loaded
