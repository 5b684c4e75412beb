"""What a benchmark expects of a data folder, and what is there."""

from __future__ import annotations

from dataclasses import dataclass

from eval.analysis.data.oddities import Oddities
from eval.analysis.plan.media import MediaSurvey
from eval.readers.archived import Archive


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """One benchmark's part of a data folder."""

    benchmark: str
    title: str
    homepage: str
    licence: str
    by_hand: str
    """The part that has to be requested from its owners."""
    hub: str
    """Its data set on the hub; "" where none is known."""
    revision: str
    """The commit there; "" for none."""
    split: str
    samples: int
    """Samples of the published split."""
    subsets: tuple[str, ...]
    """The subsets that were asked for; () for all."""
    home: str
    """The folder in which its files are expected."""
    files: tuple[str, ...]
    """Its annotation files."""
    absent: str
    """Why its samples cannot be read, "" where they can."""
    near: tuple[tuple[str, str], ...] = ()
    """Where there are none: files and folders under nearly the expected names, each with its expected path."""
    media: MediaSurvey | None
    odd: Oddities | None
    archives: tuple[Archive, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing or unreadable."""
        return self.media is not None and self.media.is_whole
