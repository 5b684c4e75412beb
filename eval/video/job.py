"""The requested clips, the loaded ones, and the order in which they are handed over.

Shared by the caller's thread and the dispatcher's; a thread must hold the lock to call a method.
"""

from __future__ import annotations

from collections.abc import Sequence

from eval.core import Clip, FramePolicy, LoadedClip

PATIENCE_S = 5.0
"""Maximum seconds for which a clip delays later clips that are ready."""


class LoadJob:
    """Clips to load, handed over in order unless one of them delays the others.

    Args:
        clips: clips to load.
        policy: the frames wanted of each clip, and their size.
        ahead_bytes: maximum bytes of clips waiting to be handed over.
        ahead: maximum number of clips in work or waiting; None sets no bound.
    """

    def __init__(self, clips: Sequence[Clip], policy: FramePolicy, ahead_bytes: int, ahead: int | None = None) -> None:
        self.clips = list(clips)
        self.policy = policy
        self.closed = False
        """Whether the remaining clips are no longer wanted."""
        self._ahead_bytes = ahead_bytes
        self._ahead = ahead
        self._held = 0
        self._assigned = 0
        self._returned: list[int] = []
        self._since: dict[int, float] = {}
        self._done: dict[int, tuple[LoadedClip, int]] = {}
        self._late: set[int] = set()
        self._head = 0
        """Number of the first clip that was neither handed over nor marked late."""

    @property
    def unassigned(self) -> int:
        """Number of clips that may be assigned to workers now."""
        if self.closed:
            return 0
        most = len(self.clips) if self._ahead is None else min(len(self.clips), self._head + self._ahead)
        return max(0, most - self._assigned) + len(self._returned)

    @property
    def finished(self) -> bool:
        """Whether all clips have been handed over."""
        return self._head == len(self.clips) and not self._late

    @property
    def any_done(self) -> bool:
        """Whether a clip is ready that is not the next in order."""
        return bool(self._done)

    def assign(self, now: float) -> int:
        """Return the number of the next clip to load, and record `now` as its start."""
        if self._returned:
            number = self._returned.pop()
        else:
            number = self._assigned
            self._assigned += 1
        self._since[number] = now
        return number

    def head_since(self, now: float) -> float:
        """Return the start time of the next clip in order, or `now` where it has not started."""
        return self._since.get(self._head, now)

    def give_back(self, number: int) -> None:
        """Take back a clip that was assigned and not started."""
        self._returned.append(number)
        del self._since[number]

    def admit(self, number: int, n_bytes: int) -> bool:
        """Return whether a clip's pixels may be received now, and count them if so.

        They may if the limit allows it, if nothing else is held, or if the caller waits for this clip. So the bytes
        held are bounded by `ahead_bytes`, or one clip that is larger, plus the clip that is waited for.
        """
        if self._held and self._held + n_bytes > self._ahead_bytes and number != self._head:
            return False
        self._held += n_bytes
        return True

    def release(self, n_bytes: int) -> None:
        """Subtract admitted pixels that will not come."""
        self._held -= n_bytes

    def put(self, number: int, loaded: LoadedClip, n_bytes: int = 0) -> None:
        """Store the result of a clip; `n_bytes` were admitted for it."""
        self._done[number] = (loaded, n_bytes)

    def take(self, *, patient: bool) -> LoadedClip | None:
        """Return the clip to hand over now, or None where the caller has to wait.

        Late clips are returned as soon as they are ready. While `patient`, the others come in order; after that
        the first ready clip is returned, and the ones before it are marked late.
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
