"""A loader of clips that starts no process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eval.core import Clip, FramePolicy, LoadedClip


class ReadHere:
    """Reads clips in this process, in place of a FrameLoader, whose processes have tests of their own."""

    def __init__(self, reading: Mapping[str, Any]) -> None:
        self._reading = reading

    def __enter__(self) -> ReadHere:  # noqa: PYI034 (Python 3.10 has no Self)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""

    def load(self, clips: Iterable[Clip], *, policy: FramePolicy, ahead: int | None = None) -> Iterator[LoadedClip]:
        from eval.video.frame_store import FrameStore
        from eval.video.loading import load

        how, folder = self._reading, self._reading["store"]
        store = FrameStore(folder) if folder else None
        draw = how.get("draw", False)
        for clip in clips:
            yield load(clip, policy=policy, decoder=how["decoder"], rules=how["rules"], store=store, draw=draw)
