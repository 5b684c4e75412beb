"""A worker that does what the name of the clip says: hang, crash, lie. The loader's tests start it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

from eval.core import Clip, FramePolicy, LoadedClip
from eval.video.worker import LoadFrames, serve

TOLD = (
    b'{"decode": [0, %s], "prepare": [0, 0], "sent": 0, "sizes": [[%s]], "about": [[null, null, null]], "order": [%s]}'
)
"""A worker's reply about a clip of one frame."""


def misbehave(plain: LoadFrames) -> LoadFrames:  # noqa: C901 (a list of deeds)
    def load(clip: Clip, policy: FramePolicy) -> LoadedClip:  # noqa: C901
        assert isinstance(clip.source, Path)
        deed = clip.source.stem.split("_")[0]
        if deed == "hang":
            while True:
                time.sleep(1)
        if deed == "stuck":  # native code that neither ends nor lets another thread run
            ctypes.PyDLL(None).pause()
        if deed == "slow":
            time.sleep(3)
        if deed == "late":
            time.sleep(0.2)
        if deed == "segfault":
            signal.raise_signal(signal.SIGSEGV)
        if deed == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if deed == "exit":
            os._exit(3)
        if deed == "raise":
            raise SystemExit(4)
        if deed == "babble":
            os.write(int(sys.argv[1]), b"\xff" * 100)
            time.sleep(60)
        if deed == "lie":
            message = TOLD % (b"1e999", b"1, 1", b"7")
            os.write(int(sys.argv[1]), len(message).to_bytes(4, "big") + message)
            time.sleep(60)
        if deed == "half":  # says that pixels follow, and ends before they do
            message = TOLD % (b"0", b"100, 100", b"0")
            os.write(int(sys.argv[1]), len(message).to_bytes(4, "big") + message + bytes(1000))
            os._exit(5)
        if deed == "noise":
            os.write(1, b"noise\n")
            os.write(2, b"noise\n")
        if deed == "threads":
            assert threading.active_count() == 2
        return plain(clip, policy)

    return load


if __name__ == "__main__":
    if "--broken" in sys.argv:
        raise ImportError("no module named nonsense")
    serve(int(sys.argv[1]), misbehave)
