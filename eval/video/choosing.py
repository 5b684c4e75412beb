"""Which frames of a clip a model sees: a frame policy's rule, applied to the number of frames that a file has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from eval.core import Clip, FramePolicy
from eval.errors import MediaError
from eval.video.sampling import distinct_indices, rate_indices, span_indices
from eval.video.sampling_tarsier2 import chosen_indices, frame_shares

Choice = Callable[[int, "float | None"], Sequence[int]]
"""Chooses among the frames of a file, given their number, and how many there are a second (None: not known)."""


class Kept:
    """A choice that keeps which frames it chose, and when they are shown."""

    def __init__(self, choose: Choice) -> None:
        self._choose = choose
        self.first = 0
        """Number of frames of the medium before those that it chooses among."""
        self._found: Sequence[int] = ()
        self._fps: float | None = None

    def __call__(self, total: int, fps: float | None) -> Sequence[int]:
        """Return the choice."""
        self._found, self._fps = self._choose(total, fps), fps
        return self._found

    @property
    def numbers(self) -> tuple[int, ...]:
        """Number of each chosen frame, from 0; empty before the choice."""
        return tuple(self.first + int(index) for index in self._found)

    @property
    def seconds(self) -> tuple[float, ...]:
        """Seconds of each chosen frame; empty where the medium has no rate."""
        fps = self._fps
        return tuple(number / fps for number in self.numbers) if fps else ()


def in_order(choose: Choice) -> Choice:
    """Return the choice of the same frames, each once and in their order."""
    return lambda total, fps: sorted(set(choose(total, fps)))


def policy_of(clip: Clip, policy: FramePolicy) -> FramePolicy:
    """Return the frame policy of a clip, whose number of frames comes first."""
    return policy if clip.n_frames is None else replace(policy, n_frames=clip.n_frames, fps=None)


def shares(clip: Clip, policy: FramePolicy) -> list[int]:
    """Return the number of frames wanted of each medium of a clip, its own first; below 1: none is left for it."""
    policy, media = policy_of(clip, policy), (clip, *clip.more)
    return frame_shares(media, policy.n_frames) if policy.rule == "tarsier2" else [policy.n_frames] * len(media)


def folder_span(clip: Clip, policy: FramePolicy) -> dict[str, float | None]:
    """Return how the files of a folder are narrowed before a choice is made, as arguments of `images.list_folder`.

    Rule `tarsier2` counts the frames of a folder as those of a video.
    """
    if policy.rule == "tarsier2":
        return {"fps": None, "start": None, "end": None}
    return {"fps": clip.fps, "start": clip.start, "end": clip.end}


def of_video(clip: Clip, policy: FramePolicy) -> Choice:
    """Return the choice of a video's frames. It raises MediaError where none can be chosen."""

    def choose(total: int, fps: float | None) -> Sequence[int]:
        if policy.rule == "tarsier2":
            return chosen_indices(clip, policy, total, fps)
        if not fps and (clip.start or clip.end):
            said = "states no frame rate, so a span in seconds cannot be found in it"
            raise MediaError(clip.name, "unsupported", said)
        if policy.fps is not None and fps:
            first, last = span_indices(total, fps, 2, clip.start, clip.end)
            if len(found := rate_indices(first, last, fps, policy.fps)) <= policy.n_frames:
                return found
        return span_indices(total, fps or 0.0, policy.n_frames, clip.start, clip.end)

    return choose


def of_pictures(clip: Clip, policy: FramePolicy) -> Choice:
    """Return the choice among the frames of a gif, a folder or a list; it raises MediaError where none can be chosen.

    By rule `tarsier` each comes once at most, and spans do not count (those of a folder have been applied already).
    """

    def choose(total: int, fps: float | None) -> Sequence[int]:
        # Frames that are shown for unequal times have no rate that a policy could be about.
        rate = policy.fps if clip.fps is not None else None
        if policy.rule == "tarsier2":
            return chosen_indices(clip, replace(policy, fps=rate), total, fps)
        if rate is not None and fps and len(found := rate_indices(0, total - 1, fps, rate)) <= policy.n_frames:
            return found
        return distinct_indices(total, policy.n_frames)

    return choose
