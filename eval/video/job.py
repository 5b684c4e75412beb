"""Which clips are asked for, which have come, and which one is handed over next.

Shared by the thread that asks and the one that talks to the workers; whoever calls a method holds the lock.
"""

from __future__ import annotations

from collections.abc import Sequence

from eval.core import Clip, Loaded

PATIENCE_S = 5.0
"""Seconds for which a clip keeps those behind it waiting that are ready."""


class Job:
    """Clips to be loaded, handed over in their order as long as none of them keeps the others waiting.

    Args:
        clips: what to load.
        n_frames: frames of each.
        side: pixels to bring them to, if any.
        ahead_bytes: what may wait to be handed over.
        ahead: how many clips may be worked on or wait; None sets no bound to their number.
    """

    def __init__(
        self, clips: Sequence[Clip], n_frames: int, side: int | None, ahead_bytes: int, ahead: int | None = None
    ) -> None:
        self.clips = clips
        self.n_frames = n_frames
        self.side = side
        self.closed = False
        """Whether nobody wants the rest of it."""
        self._ahead_bytes = ahead_bytes
        self._ahead = ahead or len(clips)
        self._held = 0
        self._assigned = 0
        self._returned: list[int] = []
        self._since: dict[int, float] = {}
        self._done: dict[int, tuple[Loaded, int]] = {}
        self._late: set[int] = set()
        self._head = 0
        """The first clip that was neither handed over nor is late."""

    @property
    def unassigned(self) -> int:
        """How many clips may be given to workers now."""
        if self.closed:
            return 0
        return max(0, min(len(self.clips), self._head + self._ahead) - self._assigned) + len(self._returned)

    @property
    def finished(self) -> bool:
        """Whether everything has been handed over."""
        return self._head == len(self.clips) and not self._late

    @property
    def any_done(self) -> bool:
        """Whether a clip is ready that is not the next in order."""
        return bool(self._done)

    def assign(self, now: float) -> int:
        """Return the number of the next clip to load, which begins now."""
        if self._returned:
            number = self._returned.pop()
        else:
            number = self._assigned
            self._assigned += 1
        self._since[number] = now
        return number

    def head_since(self, now: float) -> float:
        """Return when the work on the next clip in order began; now where it has not."""
        return self._since.get(self._head, now)

    def give_back(self, number: int) -> None:
        """Take a clip back that was assigned and not begun."""
        self._returned.append(number)
        del self._since[number]

    def admit(self, number: int, n_bytes: int) -> bool:
        """Return whether a clip's pixels may come now, and count them if so.

        They may where there is room, where nothing else is held, and where it is the one that is waited for: so what
        waits is bounded by `ahead_bytes`, or one clip that is larger, and the one that is waited for.
        """
        if self._held and self._held + n_bytes > self._ahead_bytes and number != self._head:
            return False
        self._held += n_bytes
        return True

    def release(self, n_bytes: int) -> None:
        """Count pixels off that were admitted and will not come."""
        self._held -= n_bytes

    def put(self, number: int, loaded: Loaded, n_bytes: int = 0) -> None:
        """Take in what became of a clip; `n_bytes` were admitted for it."""
        self._done[number] = (loaded, n_bytes)

    def take(self, *, patient: bool) -> Loaded | None:
        """Return the clip to be handed over now, None where it has to be waited for.

        Those that were late come as soon as they are there. While `patient`, the others come in order; after that
        the first of those that are ready does, and the ones before it are late.
        """
        number = min(self._late & self._done.keys(), default=None)
        if number is None and self._head in self._done:
            number = self._head
        if number is None and not patient:
            number = min(self._done, default=None)
        if number is None:
            return None
        if number >= self._head:
            self._late.update(range(self._head, number))
            self._head = number + 1
        self._late.discard(number)
        del self._since[number]
        loaded, n_bytes = self._done.pop(number)
        self._held -= n_bytes
        return loaded
