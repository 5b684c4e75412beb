"""A process that loads clips for another one: `python -m eval.video.worker FD`.

It may be killed at any time. It is a separate command: a forked child would share its parent's locks, and a spawned
one would import the main script. It ends when its parent does, however the parent ended and whatever it is doing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eval.core import Clip, FramePolicy, LoadedClip, PictureRules
from eval.video import worker_protocol
from eval.video.frames import decoder_version
from eval.video.loading import load

LoadFrames = Callable[[Clip, FramePolicy], LoadedClip]
"""Loads the frames of a clip that a policy wants."""
_PR_SET_PDEATHSIG = 1


def serve(descriptor: int, wrap: Callable[[LoadFrames], LoadFrames] = lambda plain: plain) -> None:
    """Load the clips requested over a socket until the parent is gone.

    Args:
        descriptor: the socket's number.
        wrap: makes the loading function from the plain one; for tests of faulty workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; only the parent reacts
    connection = socket.socket(fileno=descriptor)
    setup = worker_protocol.read_message(connection)
    if hasattr(os, "nice"):
        os.nice(5)  # where cores are few, the model has priority: clips are read ahead, and can wait
    _die_with(setup["parent"])
    tasks: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks), daemon=True).start()
    plain = _loader(setup)
    _limit(setup["memory_bytes"])
    loads = wrap(plain)
    connection.sendall(worker_protocol.pack(worker_protocol.READY))
    # From here on only the parent uses the terminal: decoders write to it directly, bypassing Python.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    while True:
        task = tasks.get()
        policy = worker_protocol.policy_from_json(task["policy"])
        loaded = loads(worker_protocol.clip_from_json(task["clip"]), policy)
        worker_protocol.send_loaded(connection, loaded, time.perf_counter())
        del loaded


def _loader(setup: dict[str, Any]) -> LoadFrames:
    """Return the function that loads clips with the parent's settings, after importing everything it needs."""
    decoder_version(setup["decoder"])
    from eval.video import images, pyav  # noqa: F401 (imported now so that no clip's time includes it)

    store = None
    if setup["store"] is not None:
        from eval.video.frame_store import FrameStore

        store = FrameStore(Path(setup["store"]))
    how: Any = {
        "decoder": setup["decoder"],
        "rules": PictureRules(**setup["rules"]),
        "store": store,
        "draw": setup["draw"],
    }
    return lambda clip, policy: load(clip, policy, **how)


def _listen(connection: socket.socket, tasks: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Queue the requested tasks. When the socket closes, the parent is gone, and this process exits."""
    try:
        while True:
            tasks.put(worker_protocol.read_message(connection))
    finally:
        os._exit(0)


def _die_with(parent: int) -> None:
    """Have Linux kill this process when its parent dies, since native code that hangs keeps `_listen` from running."""
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent had died before
        os._exit(0)


def _limit(memory_bytes: int) -> None:
    """Limit the address space, where the system can, and disable core files."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
