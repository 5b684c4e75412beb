"""The time that is left of a run, by what its clip groups took so far."""

from __future__ import annotations

from collections.abc import Iterable

from eval.engines.groups import ClipGroup


class TimeLeft:
    """Estimates the seconds of groups that are left: so much for each clip, and so much for each of its questions."""

    def __init__(self) -> None:
        self._clips = self._samples = 0
        # Sums for the least squares of seconds = a * clips + b * samples.
        self._cc = self._cs = self._ss = self._ct = self._st = 0.0

    def expect(self, groups: Iterable[ClipGroup]) -> None:
        """Add groups that are to be done."""
        for group in groups:
            self._clips += len(group.clips)
            self._samples += len(group.samples)

    def done(self, group: ClipGroup, seconds: float) -> None:
        """Take a group off that took so many seconds."""
        self.drop(group)
        clips, samples = len(group.clips), len(group.samples)
        self._cc += clips * clips
        self._cs += clips * samples
        self._ss += samples * samples
        self._ct += clips * seconds
        self._st += samples * seconds

    def drop(self, group: ClipGroup) -> None:
        """Take a group off that will not be done."""
        self._clips -= len(group.clips)
        self._samples -= len(group.samples)

    def seconds(self, workers: int = 1) -> float | None:
        """Return the seconds left for so many workers; None before a group is done."""
        if not self._cc:
            return None
        determinant = self._cc * self._ss - self._cs * self._cs
        if determinant > 1e-9 * self._cc * self._ss:
            a = (self._ct * self._ss - self._st * self._cs) / determinant
            b = (self._cc * self._st - self._cs * self._ct) / determinant
            if a >= 0 and b >= 0:
                return (a * self._clips + b * self._samples) / workers
        # Groups of one shape, or a share below zero: all goes by the questions.
        return self._st / self._ss * self._samples / workers
