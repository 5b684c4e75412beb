"""Videos through decord, as published: the decoder behind Tarsier's numbers, in a process that can be killed.

decord picks wrong frames from some files (open groups, AVI with B-frames, MPEG-TS) and has been seen to hang
in native code where no exception reaches it. It is here to reproduce, not to be relied on.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.errors import ConfigError, MediaError
from eval.video.sampling import span_indices

if TYPE_CHECKING:
    from PIL.Image import Image

TIMEOUT = 120.0
"""Seconds that one clip may take."""


def version() -> str:
    """Return decord's version. Raises ConfigError where it is not installed."""
    if importlib.util.find_spec("decord") is None:
        raise ConfigError("decoder 'decord' is not installed: pip install -e '.[decord]' (x86-64, no ARM)")
    return importlib.metadata.version("decord")


def read_video(
    path: Path, n_frames: int, start: float | None = None, end: float | None = None, *, timeout: float = TIMEOUT
) -> list[Image]:
    """Return `n_frames` frames spread over a span of seconds, as `eval.video.pyav.read_video` does.

    Raises:
        MediaError: Where decord fails, crashes, or gives nothing for `timeout` seconds.
        ConfigError: Where decord is not installed.
    """
    version()
    from PIL import Image as pil  # noqa: N813 (waits until a video is read)

    return [pil.fromarray(frame) for frame in _WORKER.ask(path, (str(path), n_frames, start, end), timeout)]


def decode(path: str, n_frames: int, start: float | None, end: float | None) -> Any:
    """Return the frames as an (n, height, width, 3) uint8 array, decoded in this process."""
    import decord

    reader = decord.VideoReader(path, num_threads=1, ctx=decord.cpu(0))
    indices = span_indices(len(reader), reader.get_avg_fps(), n_frames, start, end)
    return reader.get_batch(indices).asnumpy()


class _Worker:
    """One child process that decodes clip after clip; killed and replaced when it does not answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None

    def ask(self, path: Path, task: tuple[str, int, float | None, float | None], timeout: float) -> Any:
        with self._lock:
            try:
                pipe = self._pipe or self._start()
                pipe.send(task)
                if not pipe.poll(timeout):
                    self.stop()
                    raise MediaError(path, "timeout", f"decord gave no frames in {timeout:g} s and was stopped")
                ok, answer = pipe.recv()
            except (EOFError, OSError):
                self.stop()
                raise MediaError(path, "corrupt", "decord crashed over it; try the decoder 'pyav'") from None
        if not ok:
            raise MediaError(path, "corrupt", f"decord cannot read it: {answer}")
        return answer

    def _start(self) -> Connection:
        # A command of its own: a forked child would share this process's locks, a spawned one imports its main script.
        self._pipe, theirs = Pipe()
        descriptor = theirs.fileno()
        command = [sys.executable, "-m", "eval.video.decord_worker", str(descriptor)]
        self._process = subprocess.Popen(command, pass_fds=[descriptor], stderr=subprocess.DEVNULL)
        theirs.close()
        return self._pipe

    def stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


_WORKER = _Worker()
atexit.register(_WORKER.stop)


def _serve(pipe: Connection) -> None:
    """Decode what is asked for until the asker is gone."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = pipe.recv()
            try:
                answer = (True, decode(*task))
            except Exception as error:  # noqa: BLE001 (whatever decord raises is this clip's failure, not the run's)
                line = (str(error).splitlines() or [type(error).__name__])[0]
                answer = (False, line.rpartition("ERROR ")[2].strip() or line)
            pipe.send(answer)


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
