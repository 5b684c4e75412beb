"""Who gets which clip groups: longest first, a bounded number under way, and the blame for workers that died.

Pure bookkeeping, without processes: `eval/engines/ray.py` sends what it hands out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from eval.core import Clip
from eval.engines.groups import ClipGroup
from eval.errors import MediaError

HORIZON_S = 1.0
"""Seconds of work that a worker has before it, by its speed so far; more clips are on their way only to be read."""

MOST_DEATHS = 2
"""Number of workers that may die over a group before it counts as failed."""


@dataclass(slots=True)
class Share:
    """The work of one worker."""

    under_way: dict[int, ClipGroup] = field(default_factory=dict)
    """Groups by number, in the order in which they were handed out."""
    alone: bool = False
    """Whether it has a group that is suspected of ending workers, and nothing else."""
    groups: int = 0
    """Number of groups done."""
    clips: int = 0
    """Number of clips in them."""
    seconds: float = 0.0
    """Seconds that these took."""


class Dealing:
    """Hands clip groups to workers.

    Args:
        groups: the groups of a run.
        clips_ahead: clips that a worker has under way, so that it can read them while the model is busy.
    """

    def __init__(self, groups: Sequence[ClipGroup], *, clips_ahead: int) -> None:
        self._left = deque(sorted(groups, key=_length, reverse=True))
        self._suspects: deque[ClipGroup] = deque()
        self._deaths: dict[int, int] = {}
        self._clips_ahead = clips_ahead
        self._shares: dict[str, Share] = {}

    @property
    def finished(self) -> bool:
        """Whether no group is left or under way."""
        return not (self._left or self._suspects or any(share.under_way for share in self._shares.values()))

    def under_way(self, worker: str) -> bool:
        """Whether a worker has groups to do."""
        return bool(self._shares.setdefault(worker, Share()).under_way)

    def hand_out(self, worker: str, n_workers: int) -> list[ClipGroup]:
        """Return the next groups for a worker, of `n_workers`: as many as keep it busy, and not the others' share.

        A group over which a worker has died is handed out by itself, so that another death shows whether it is the one.
        """
        share = self._shares.setdefault(worker, Share())
        if share.alone:
            return []
        if self._suspects and not share.under_way:
            group = self._suspects.popleft()
            share.alone = True
            share.under_way[group.number] = group
            return [group]
        rate = share.clips / share.seconds if share.seconds else 0.0
        wanted = max(self._clips_ahead, round(HORIZON_S * rate))
        # Towards the end each takes half of its share of the rest, so that all end at about the same time.
        fair = -(-sum(len(group.clips) for group in self._left) // (2 * n_workers))
        found: list[ClipGroup] = []
        there = sum(len(group.clips) for group in share.under_way.values())
        while self._left and (there < min(wanted, max(fair, 1)) or not (share.under_way or found)):
            group = self._left.popleft()
            there += len(group.clips)
            found.append(group)
        share.under_way.update({group.number: group for group in found})
        return found

    def done(self, worker: str, numbers: Iterable[int], seconds: float) -> list[ClipGroup]:
        """Record groups that a worker has done in so many seconds, and return them."""
        share = self._shares[worker]
        found = [share.under_way.pop(number) for number in numbers]
        share.groups += len(found)
        share.clips += sum(len(group.clips) for group in found)
        share.seconds += seconds
        share.alone = share.alone and bool(share.under_way)
        return found

    def died(self, worker: str, untold_s: float = 0.0) -> list[ClipGroup]:
        """Take back what a dead worker had under way; return the group that has ended its last worker allowed, if any.

        Args:
            worker: the dead one.
            untold_s: seconds for which it may have worked without a word: any of the groups of that time may be the one
                that it was at.
        """
        share = self._shares.pop(worker, Share())
        under_way = list(share.under_way.values())
        if share.alone:
            (group,) = under_way
            self._deaths[group.number] += 1
            if self._deaths[group.number] >= MOST_DEATHS:
                return [group]
            self._suspects.appendleft(group)
            return []
        begun = 1 + (round(untold_s * share.groups / share.seconds) if share.seconds else 0)
        for group in under_way[:begun]:
            self._deaths[group.number] = self._deaths.get(group.number, 0) + 1
            self._suspects.append(group)
        self._left.extendleft(reversed(under_way[begun:]))
        return []


def _length(group: ClipGroup) -> tuple[int, int]:
    """Return the measure of a group's length: its questions, and among equals the bytes of its media."""
    return sum(map(len, group.clips.values())), sum(_bytes(clip) for clip in group.clips)


def _bytes(clip: Clip) -> int:
    with suppress(MediaError, OSError, ValueError):
        return clip.source.stat().st_size if isinstance(clip.source, Path) else 0
    return 0
