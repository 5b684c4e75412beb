"""A loader of clips that starts no process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eval.config import Settings
from eval.core import Clip, FramePolicy, LoadedClip


class ReadHere:
    """Reads clips in this process, in place of a FrameLoader, whose processes have tests of their own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> ReadHere:  # noqa: PYI034 (Python 3.10 has no Self)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""

    def load(self, clips: Iterable[Clip], *, policy: FramePolicy, ahead: int | None = None) -> Iterator[LoadedClip]:
        from eval.video.frame_store import FrameStore
        from eval.video.loading import load

        how, folder = self._settings, self._settings.loading.store
        store = FrameStore(folder) if folder else None
        for clip in clips:
            yield load(clip, policy=policy, decoder=how.decoder, rules=how.picture_rules, store=store)
