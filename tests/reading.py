"""A loader of clips that starts no process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eval.config import Settings
from eval.core import Clip, LoadedClip


class ReadHere:
    """Reads clips in this process, in place of a FrameLoader, whose processes have tests of their own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> ReadHere:  # noqa: PYI034 (Python 3.10 has no Self)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""

    def load(
        self, clips: Iterable[Clip], *, n_frames: int, side: int | None, ahead: int | None = None
    ) -> Iterator[LoadedClip]:
        from eval.video.frame_store import FrameStore
        from eval.video.loading import load

        how, folder = self._settings, self._settings.loading.store
        store = FrameStore(folder) if folder else None
        for clip in clips:
            yield load(clip, n_frames=n_frames, side=side, decoder=how.decoder, rules=how.picture_rules, store=store)
