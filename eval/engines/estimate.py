"""The time that is left of a run, by what its clip groups took so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from eval.engines.groups import ClipGroup


@dataclass(slots=True)
class _Sums:
    """Sums for the least squares of seconds = a * clips + b * questions."""

    cc: float = 0.0
    cs: float = 0.0
    ss: float = 0.0
    ct: float = 0.0
    st: float = 0.0

    def add(self, clips: int, questions: int, seconds: float) -> None:
        self.cc += clips * clips
        self.cs += clips * questions
        self.ss += questions * questions
        self.ct += clips * seconds
        self.st += questions * seconds

    def seconds(self, clips: int, questions: int) -> float:
        determinant = self.cc * self.ss - self.cs * self.cs
        if determinant > 1e-9 * self.cc * self.ss:
            a = (self.ct * self.ss - self.st * self.cs) / determinant
            b = (self.cc * self.st - self.cs * self.ct) / determinant
            if a >= 0 and b >= 0:
                return a * clips + b * questions
        # Groups of one shape, or a share below zero: all goes by the clips, whose frames cost more than questions.
        return self.ct / self.cc * clips


class TimeLeft:
    """Estimates the seconds of groups that are left: so much for each clip, and so much for each of its questions."""

    def __init__(self) -> None:
        self._clips = self._samples = 0
        self._warm, self._cold = _Sums(), _Sums()

    def expect(self, groups: Iterable[ClipGroup]) -> None:
        """Add groups that are to be done."""
        for group in groups:
            self._clips += len(group.clips)
            self._samples += len(group.samples)

    def done(self, group: ClipGroup, seconds: float, *, first: bool = False) -> None:
        """Take a group off that took so many seconds.

        `first` says that it was among a process's first, whose time holds that of getting going: it is only gone by
        while there are no others.
        """
        self.drop(group)
        (self._cold if first else self._warm).add(len(group.clips), len(group.samples), seconds)

    def drop(self, group: ClipGroup) -> None:
        """Take a group off that will not be done."""
        self._clips -= len(group.clips)
        self._samples -= len(group.samples)

    def seconds(self, workers: int = 1) -> float | None:
        """Return the seconds left for so many workers; None before a group is done."""
        sums = self._warm if self._warm.cc else self._cold
        return sums.seconds(self._clips, self._samples) / workers if sums.cc else None
