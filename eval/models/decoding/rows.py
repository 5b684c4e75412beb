"""Key-value cache of the language model: shared prefixes once, and the keys and values of each row.

Shapes: c clips, b rows, k key-value heads, d width of a head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

KeyValue = tuple[torch.Tensor, torch.Tensor]

_GROWTH = 16
"""Positions by which a row's buffer grows: one copy every so many tokens instead of one a token, with little waste."""


@dataclass(slots=True, kw_only=True)
class Prefix:
    """Keys and values of the positions that the rows of a clip share, for several clips."""

    layers: list[KeyValue]
    """A layer's keys and values, (c, k, longest or more, d) each, on the layer's device. Behind a clip's prefix they
    are never read: padding, or room for later positions."""
    lengths: list[int]
    """Number of positions of each clip's prefix, ascending."""

    @property
    def clips(self) -> int:
        """Number of stacked clips."""
        return len(self.lengths)

    def of(self, layer: int) -> Iterator[tuple[slice, KeyValue]]:
        """Yield runs of clips whose prefixes are of one length, with their keys and values in a layer."""
        key, value = self.layers[layer]
        start = 0
        for length, run in groupby(self.lengths):
            clips = slice(start, start + len(list(run)))
            yield clips, (key[clips, :, :length], value[clips, :, :length])
            start = clips.stop

    def keep(self, clips: Sequence[int]) -> None:
        """Drop all other clips, one layer at a time, so that there is no second copy of the whole."""
        index = _everywhere(clips, self.layers)
        for layer, (key, value) in enumerate(self.layers):
            here = index[key.device]
            self.layers[layer] = key.index_select(0, here), value.index_select(0, here)
        self.lengths = [self.lengths[clip] for clip in clips]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Slots of the rows when every clip gets as many slots as the clip with the most rows needs."""

    row: torch.Tensor
    """The row in each slot, (c * slots of a clip,), clip by clip; an empty slot holds row 0, whose result is unread."""
    slot: torch.Tensor
    """The slot of each row, (b,)."""


class Rows:
    """The rows that continue prefixes, and their own keys and values, which grow step by step.

    A row's suffix is on the left, padded on the right to the longest; generated tokens follow. The padding is never
    attended to: within the suffix attention is causal, and later `seen` masks it.

    Args:
        prefix: the rows' prefixes. It is modified if it holds more than one clip.
        lengths: positions of each row's suffix.
        clips: the clip of each row, as its index in the prefix, in order; each clip has a row.
    """

    def __init__(self, prefix: Prefix, lengths: Sequence[int], clips: Sequence[int]) -> None:
        self.prefix = prefix
        self._clips = list(clips)
        self._suffix = max(lengths)
        self._lengths = torch.tensor(lengths)
        # Single-position rows that share with no other row grow the prefix itself: one kernel a layer.
        is_even = prefix.lengths[0] == prefix.lengths[-1]
        self.alone = self._suffix == 1 and is_even and self._clips == list(range(prefix.clips))
        self._filled = prefix.lengths[0] if self.alone else 0
        self._own: list[KeyValue | None] = [None] * len(prefix.layers)
        self._ragged = min(lengths) != self._suffix
        self._seen: dict[torch.device, torch.Tensor] = {}
        self._slots: dict[torch.device, Slots | None] = {}
        self._places: dict[torch.device, torch.Tensor] = {}

    @property
    def lengths(self) -> torch.Tensor:
        """Positions of each row's suffix, (b,), on the CPU."""
        return self._lengths

    def append(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> KeyValue:
        """Append the new positions of a layer, (b, k, n, d) each.

        Returns all of the rows' own keys and values; for single rows, those of all clips in the prefix.
        """
        end = self._filled + key.shape[2]
        kept = self.prefix.layers[layer] if self.alone else self._own[layer]
        keys = _with_room(kept and kept[0], key, self._filled)
        values = _with_room(kept and kept[1], value, self._filled)
        if self.alone and len(self._clips) < self.prefix.clips:
            if key.device not in self._places:
                self._places[key.device] = torch.tensor(self._clips, device=key.device)
            index = self._places[key.device]
            keys[index, :, self._filled : end] = key
            values[index, :, self._filled : end] = value
        else:
            keys[:, :, self._filled : end] = key
            values[:, :, self._filled : end] = value
        if self.alone:
            self.prefix.layers[layer] = keys, values
        else:
            self._own[layer] = keys, values
        return keys[:, :, :end], values[:, :, :end]

    def advance(self, n: int) -> None:
        """Count n positions as appended, once every layer has appended them."""
        self._filled += n
        self._seen.clear()

    def seen(self, columns: int, device: torch.device) -> torch.Tensor | None:
        """Return the rows' own columns that hold a position, as a mask (b, columns), or None if all do."""
        if not self._ragged:
            return None
        if device not in self._seen:
            column = torch.arange(columns)
            seen = (column[None, :] < self._lengths[:, None]) | (column >= self._suffix)
            self._seen[device] = seen.to(device)
        return self._seen[device]

    def slots(self, device: torch.device) -> Slots | None:
        """Return the slots of the rows among all clips in the prefix, or None if every slot has its row."""
        if device not in self._slots:
            self._slots[device] = _lay_out(self._clips, self.prefix.clips, device)
        return self._slots[device]

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other rows; once half of the clips have no row, drop those clips too."""
        index = _everywhere(rows, [kept for kept in self._own if kept is not None])
        self._clips = [self._clips[row] for row in rows]
        self._lengths = self._lengths[torch.tensor(rows)]
        self._ragged = bool((self._lengths != self._suffix).any())
        self._seen.clear()
        self._slots.clear()
        self._places.clear()
        for layer, kept in enumerate(self._own):
            if kept is not None:
                here = index[kept[0].device]
                self._own[layer] = kept[0].index_select(0, here), kept[1].index_select(0, here)
        there = sorted(set(self._clips))
        if 2 * len(there) <= self.prefix.clips:
            self.prefix.keep(there)
            places = {clip: place for place, clip in enumerate(there)}
            self._clips = [places[clip] for clip in self._clips]


def _everywhere(index: Sequence[int], layers: Sequence[KeyValue]) -> dict[torch.device, torch.Tensor]:
    """Return an index on each device of some layers: a copy for each layer would synchronize the GPU each time."""
    return {device: torch.tensor(index, device=device) for device in {key.device for key, _ in layers}}


def _lay_out(clips: Sequence[int], n_clips: int, device: torch.device) -> Slots | None:
    """Assign a slot to every row, given its clip."""
    of_clip = [0] * n_clips
    places = []
    for clip in clips:
        places.append((clip, of_clip[clip]))
        of_clip[clip] += 1
    each = max(of_clip)
    slots = [clip * each + place for clip, place in places]
    if len(slots) == n_clips * each:
        return None
    rows = [0] * (n_clips * each)
    for row, slot in enumerate(slots):
        rows[slot] = row
    return Slots(row=torch.tensor(rows, device=device), slot=torch.tensor(slots, device=device))


def _with_room(kept: torch.Tensor | None, new: torch.Tensor, filled: int) -> torch.Tensor:
    """Return a buffer with room for new positions after the filled ones, contents kept."""
    rows, heads, n, width = new.shape
    if kept is None:
        # zeros, not empty: a masked position is multiplied by a weight of zero, and garbage may be NaN
        return new.new_zeros(rows, heads, filled + n + _GROWTH, width)
    if filled + n <= kept.shape[2]:
        return kept
    grown = kept.new_zeros(kept.shape[0], heads, filled + n + _GROWTH, width)
    grown[:, :, :filled] = kept[:, :, :filled]
    return grown
