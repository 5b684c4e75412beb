"""The thread that manages the workers: assigns clips, receives frames, and kills workers that hang.

It starts the workers itself, since Linux kills them when the thread that started them ends.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from eval.core import LoadedClip
from eval.errors import MediaReason, TarsierEvalError
from eval.video.child import Child
from eval.video.choosing import shares
from eval.video.job import LoadJob
from eval.video.loading import clean_error
from eval.video.worker_protocol import NonsenseError

_START_S = 120.0
"""Maximum seconds for a worker to start: imports over a network disk can be slow."""
_STARTS = 3
"""Number of failed starts in a row after which no other start is tried."""
_SLOW_S = 5.0
"""Seconds after which a worker counts as stuck, and another one may start in its place, up to twice as many."""
_LOST = (EOFError, OSError, NonsenseError)
_SHARED_CLOCK = any(
    name in time.get_clock_info("perf_counter").implementation for name in ("CLOCK_MONOTONIC", "mach_absolute_time")
)
"""Whether `perf_counter` counts from the same moment in every process."""


@dataclass(frozen=True, slots=True)
class _Task:
    job: LoadJob
    number: int


class Dispatcher(threading.Thread):
    """Runs until `stop`, or until workers cannot be started; `failure` then holds the error.

    Args:
        command: what starts a worker, without the socket's number.
        setup: first message to a worker.
        workers: maximum number of clips loaded at the same time.
        timeout_s: seconds that a clip may take.
    """

    def __init__(self, command: Sequence[str], setup: dict[str, Any], workers: int, timeout_s: float) -> None:
        super().__init__(name="frame-loader", daemon=True)
        self.changed = threading.Condition()
        """Holds the lock of the job; notified when a clip is ready."""
        self.failure: BaseException | None = None
        """The error after which no more clips will come."""
        self._command = command
        self._setup = setup
        self._workers = workers
        self._timeout_s = timeout_s
        self._early = 0
        self._job: LoadJob | None = None
        self._stopping = False
        self._children: list[Child] = []
        self._failed_starts = 0
        self._bell, self._ringer = socket.socketpair()
        self._bell.settimeout(0)
        self._ringer.settimeout(0)

    def expect(self, n_clips: int) -> None:
        """Start workers for this number of coming clips."""
        self._early = n_clips
        self.ring()

    def begin(self, job: LoadJob) -> None:
        """Start working on a job."""
        with self.changed:
            self._job = job
        self.ring()

    def end(self, job: LoadJob) -> None:
        """Stop working on a job."""
        with self.changed:
            job.closed = True
            self._job = None
        self.ring()

    def ring(self) -> None:
        """Wake the thread to check for changes."""
        with contextlib.suppress(BlockingIOError, OSError):  # it has been woken already, or has ended
            self._ringer.send(b"!")

    def stop(self) -> None:
        """End the workers and the thread, and wait for the thread."""
        self._stopping = True
        self.ring()
        self.join()
        self._ringer.close()

    def run(self) -> None:
        """Run the thread. Errors are raised where clips are waited for, not here."""
        try:
            while not self._stopping:
                self._staff()
                self._hand_out()
                self._listen()
                self._expire()
        except BaseException as error:  # noqa: BLE001 (without the thread, callers would wait for a clip for ever)
            self.failure = error
        finally:
            for child in self._children:
                child.kill()
            for child in self._children:
                child.end()
            self._children.clear()
            self._bell.close()
            with self.changed:
                self.failure = self.failure or RuntimeError("the loader was closed")
                self.changed.notify_all()

    def _staff(self) -> None:
        """Start as many workers as there is work for, and end those whose results are no longer wanted."""
        for child in [child for child in self._children if child.task is not None and child.task.job.closed]:
            self._dismiss(child)
        now = time.monotonic()
        stuck = sum(child.working and child.since + _SLOW_S < now for child in self._children)
        idle = [child for child in self._children if child.task is None]
        with self.changed:
            todo = self._job.unassigned if self._job else 0
        most = self._workers + min(stuck, self._workers)
        for _ in range(min(most - len(self._children), max(todo, self._early) - len(idle))):
            if not self._hire():
                most = self._workers
                break
        for child in idle[: max(0, len(self._children) - most)]:
            self._dismiss(child)

    def _hire(self) -> bool:
        """Start a worker, and return whether that succeeded; a failure is accepted while other workers run."""
        try:
            self._children.append(Child(self._command, self._setup, time.monotonic() + _START_S))
        except OSError as error:
            if not self._children:
                raise TarsierEvalError(f"Cannot start a process that loads clips: {error}") from error
            self._workers = len(self._children)
            return False
        return True

    def _hand_out(self) -> None:
        for child in [child for child in self._children if child.ready and child.task is None]:
            with self.changed:
                if self._job is None or not self._job.unassigned:
                    return
                task = _Task(self._job, self._job.assign(time.monotonic()))
            self._early = 0
            job = task.job
            try:
                child.ask(task, job.clips[task.number], job.policy, time.monotonic() + self._timeout_s)
            except OSError:
                # The worker was gone before the request, so the clip is not the cause.
                with self.changed:
                    job.give_back(task.number)
                child.task = None
                self._lose(child)

    def _listen(self) -> None:
        """Wait for a message of a worker, a change or a deadline; then process it."""
        talking = {child.socket: child for child in self._children if self._may_talk(child)}
        now = time.monotonic()
        due = [child.deadline for child in self._children if child.deadline is not None]
        slow = [child.since + _SLOW_S for child in self._children if child.working]
        timeout = min((max(0.0, at - now) for at in (*due, *(at for at in slow if at > now))), default=None)
        for source in wait([self._bell, *talking], timeout):
            if source is self._bell:
                with contextlib.suppress(BlockingIOError):
                    self._bell.recv(4096)
                continue
            child = talking[source]  # type: ignore[index]
            try:
                self._hear(child)
            except _LOST as error:
                self._lose(child, error)

    def _may_talk(self, child: Child) -> bool:
        """Return whether there is memory for a worker's pixels, and reserve it."""
        if child.reply is None or child.admitted:
            return True
        n_bytes = child.reply.n_bytes_held
        with self.changed:
            if not child.task.job.admit(child.task.number, n_bytes):
                return False
        child.expect(child.reply.n_bytes, time.monotonic() + self._timeout_s)
        return True

    def _hear(self, child: Child) -> None:
        if not child.ready:
            child.greet()
            return
        task = child.task
        if task is None:
            child.read_nothing()
            return
        if child.reply is None:
            wanted = shares(task.job.clips[task.number], task.job.policy)
            reply = child.read_reply(wanted=wanted, max_bytes=self._setup["memory_bytes"])
            if reply is None:
                return
            self._failed_starts = 0
            if reply.error is not None:
                self._finish(child, self._loaded(child, reply, None))
                return
            if not self._may_talk(child):
                return
        pixels = child.pixels()
        if pixels is not None and child.reply is not None:
            self._finish(child, self._loaded(child, child.reply, pixels))

    def _loaded(self, child: Child, reply: Any, pixels: bytearray | None) -> LoadedClip:
        """Return a worker's result for a clip, with times on our clock and within the time that the worker had."""
        now = time.perf_counter()
        shift = 0.0 if _SHARED_CLOCK else now - reply.sent
        earliest = now - (time.monotonic() - child.since)
        decode, prepare = (
            (min(max(begin + shift, earliest), now), min(max(end + shift, earliest), now))
            for begin, end in (reply.decode, reply.prepare)
        )
        frames = None if pixels is None else reply.images(pixels)
        clip = child.task.job.clips[child.task.number]
        return LoadedClip(
            clip=clip,
            frames=frames,
            counts=reply.counts,
            error=reply.error,
            media=reply.media,
            notes=reply.notes,
            strip=None if pixels is None else reply.drawn(pixels),
            decode=decode,
            prepare=prepare,
        )

    def _finish(self, child: Child, loaded: LoadedClip) -> None:
        task, n_bytes = child.task, child.reply.n_bytes_held if child.reply is not None and child.admitted else 0
        child.rest()
        with self.changed:
            task.job.put(task.number, loaded, n_bytes)
            self.changed.notify_all()

    def _expire(self) -> None:
        now = time.monotonic()
        for child in [child for child in self._children if child.deadline is not None and child.deadline <= now]:
            if child.ready:
                self._fail(child, "timeout", f"took more than {self._timeout_s:g} s and was stopped")
                self._dismiss(child)
            else:
                self._lose(child)

    def _lose(self, child: Child, error: Exception | None = None) -> None:
        """Discard a worker that is gone, or whose messages can't be trusted any more."""
        words, how = child.last_words(), self._dismiss(child)
        if child.task is None:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise TarsierEvalError(
                    f"A process that loads clips {how} before it loaded any, {_STARTS} times in a row: "
                    f"{words or 'it said nothing'}. Try it: {' '.join(self._command)}"
                )
        else:
            said = f" after it sent {error}" if isinstance(error, NonsenseError) else ""
            self._fail(child, "crashed", f"the process that read it {how}{said}")

    def _fail(self, child: Child, reason: MediaReason, detail: str) -> None:
        """Record that a worker's clip has failed."""
        clip, end = child.task.job.clips[child.task.number], time.perf_counter()
        begin = end - (time.monotonic() - child.since)
        error = clean_error(clip.name, reason, detail)
        if child.admitted and child.reply is not None:
            with self.changed:
                child.task.job.release(child.reply.n_bytes_held)
            child.admitted = False
        self._finish(child, LoadedClip(clip=clip, frames=None, error=error, decode=(begin, end), prepare=(end, end)))

    def _dismiss(self, child: Child) -> str:
        self._children.remove(child)
        return child.end()
