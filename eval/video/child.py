"""A worker process from the loader's side: starting it, sending requests, reading replies, and ending it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.core import Clip, FramePolicy
from eval.video import worker_protocol

_ROOT = Path(__file__).resolve().parents[2]
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_ASKING_S = 10.0
"""Seconds in which a worker must receive a request; it reads at once, even while it works."""
_DYING_S = 2.0
"""Seconds to wait for a killed process to end. A process in a hanging system call, as on a lost network disk, ends
later; the system then cleans it up."""


class Child:
    """One worker process, which loads one clip at a time."""

    def __init__(self, command: Sequence[str], setup: dict[str, Any], deadline: float) -> None:
        """Start the process. It must be ready by `deadline`, on the clock of `time.monotonic`."""
        self.ready = False
        """Whether all imports are done."""
        self.task: Any = None
        """The task it works on; None while it is idle."""
        self.since = 0.0
        """Time when the task was assigned."""
        self.deadline: float | None = deadline
        """Time of its next due progress, by `time.monotonic`; None while it is idle or waits for its parent."""
        self.reply: worker_protocol.Reply | None = None
        """Its reply about the clip, while the pixels are still to come."""
        self.admitted = False
        """Whether there is memory for these pixels."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the child is ready, or has ended)
        self.socket, theirs = socket.socketpair()
        try:
            with theirs:
                descriptor = theirs.fileno()
                self._process = subprocess.Popen(
                    [*command, str(descriptor)],
                    pass_fds=[descriptor],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    env=_environment(),
                )
        except BaseException:
            self.socket.close()
            self._errors.close()
            raise
        self._inbox = worker_protocol.Inbox(self.socket)
        with contextlib.suppress(OSError):  # a process that has ended already is noticed when its socket is read
            self._send({**setup, "parent": os.getpid()})

    def ask(self, task: Any, clip: Clip, policy: FramePolicy, deadline: float) -> None:
        """Request the loading of a clip. Raises OSError where the process is gone."""
        self.task, self.since, self.deadline = task, time.monotonic(), deadline
        self._send({"clip": worker_protocol.clip_to_json(clip), "policy": asdict(policy)})

    def greet(self) -> None:
        """Check whether it is ready. Raises EOFError, OSError or NonsenseError where it will never be ready."""
        message = self._inbox.message()
        if message is None:
            return
        if message != worker_protocol.READY:
            raise worker_protocol.NonsenseError("another greeting than a worker's")
        self.ready, self.deadline = True, None
        self._errors.close()

    def read_reply(self, *, wanted: Sequence[int], max_bytes: int) -> worker_protocol.Reply | None:
        """Return the reply when it has arrived; call `expect` next for its pixels, if any. Raises as `greet`."""
        message = self._inbox.message()
        if message is None:
            return None
        self.reply, self.deadline = worker_protocol.read_reply(message, wanted=wanted, max_bytes=max_bytes), None
        return self.reply

    def read_nothing(self) -> None:
        """Read from an idle worker. Raises as `greet`."""
        if self._inbox.message() is not None:
            raise worker_protocol.NonsenseError("words without being asked")

    def expect(self, n_bytes: int, deadline: float) -> None:
        """Allocate memory for the pixels of its reply."""
        self.admitted, self.deadline = True, deadline
        self._inbox.expect(n_bytes)

    def pixels(self) -> bytearray | None:
        """Return the pixels when all have arrived. Raises as `greet`."""
        return self._inbox.pixels()

    def rest(self) -> None:
        """Record that its task is done."""
        self.task, self.reply, self.admitted, self.deadline = None, None, False, None

    @property
    def working(self) -> bool:
        """Whether it works on a clip and has not replied yet."""
        return self.task is not None and self.reply is None

    def kill(self) -> None:
        """Kill the process without waiting."""
        self._process.kill()

    def end(self) -> str:
        """Kill it unless it has ended by itself, and return a description of how it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            # A process that has closed its socket is about to end by itself; its exit status is informative.
            self._process.wait(_DYING_S if self._hung_up() else 0)
        code = self._process.poll()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_DYING_S)
        self.socket.close()
        self._errors.close()
        if code is None:
            return "was stopped"
        if code >= 0:
            return f"exited with status {code}"
        name = signal.Signals(-code).name if -code in signal.Signals._value2member_map_ else f"signal {-code}"
        return f"was ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")

    def last_words(self) -> str:
        """Return the last line that it wrote before it was ready, or "" where there is none."""
        if self._errors.closed:
            return ""
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 4096))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def _send(self, message: dict[str, Any]) -> None:
        self.socket.settimeout(_ASKING_S)
        try:
            self.socket.sendall(worker_protocol.pack(message))
        finally:
            self.socket.settimeout(0)

    def _hung_up(self) -> bool:
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


def _environment() -> dict[str, str]:
    """Return a worker's environment: ours, with one thread per library and imports from our code only."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
