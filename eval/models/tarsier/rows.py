"""What is kept of a pass over the language model: the shared prefix once, and the keys and values of each row.

Shapes: b rows, k key-value heads, d width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

KeyValue = tuple[torch.Tensor, torch.Tensor]

_GROWTH = 64
"""Positions by which a row's room grows: one copy every so many tokens instead of one a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """Keys and values of the positions that all rows share."""

    layers: tuple[KeyValue, ...]
    """A layer's keys and values, (1, k, length, d) each, on the layer's device."""
    length: int
    """Positions."""


class Rows:
    """The rows that continue a prefix, and their own keys and values, which grow step by step.

    A row's suffix stands at the left, padded on the right to the longest; what is generated follows. The padding is
    never looked at: within the suffix a query looks back only, and later `seen` leaves it out.
    """

    def __init__(self, prefix: Prefix, lengths: Sequence[int]) -> None:
        self.prefix = prefix
        self._suffix = max(lengths)
        self._lengths = torch.tensor(lengths)
        # A single row with a single position shares with nobody, and grows the prefix itself: one kernel a layer.
        self.alone = list(lengths) == [1]
        self._filled = prefix.length if self.alone else 0
        self._keys: list[torch.Tensor | None] = [key if self.alone else None for key, _ in prefix.layers]
        self._values: list[torch.Tensor | None] = [value if self.alone else None for _, value in prefix.layers]
        self._seen: torch.Tensor | None = None

    @property
    def lengths(self) -> torch.Tensor:
        """Positions of each row's suffix, (b,), on the CPU."""
        return self._lengths

    def append(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> KeyValue:
        """Keep the new positions of a layer, (b, k, n, d) each; return all of the rows' own (of a row alone, all)."""
        end = self._filled + key.shape[2]
        keys = self._keys[layer] = _with_room(self._keys[layer], key, self._filled)
        values = self._values[layer] = _with_room(self._values[layer], value, self._filled)
        keys[:, :, self._filled : end] = key
        values[:, :, self._filled : end] = value
        return keys[:, :, :end], values[:, :, :end]

    def advance(self, n: int) -> None:
        """Count n positions as kept, once every layer has appended them."""
        self._filled += n
        self._seen = None

    def seen(self, columns: int, device: torch.device) -> torch.Tensor | None:
        """Return which of the rows' own columns hold a position of the row, (b, columns), or None if all do."""
        if bool((self._lengths == self._suffix).all()):
            return None
        if self._seen is None or self._seen.device != device:
            column = torch.arange(columns)
            seen = (column[None, :] < self._lengths[:, None]) | (column >= self._suffix)
            self._seen = seen.to(device)
        return self._seen

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these."""
        index = torch.tensor(rows)
        self._lengths = self._lengths[index]
        self._seen = None
        for states in (self._keys, self._values):
            for layer, kept in enumerate(states):
                if kept is not None:
                    states[layer] = kept.index_select(0, index.to(kept.device))


def _with_room(kept: torch.Tensor | None, new: torch.Tensor, filled: int) -> torch.Tensor:
    """Return a buffer that has room for new positions after the filled ones, contents kept."""
    rows, heads, n, width = new.shape
    if kept is not None and filled + n <= kept.shape[2]:
        return kept
    # zeros, not empty: a masked position is multiplied by a weight of zero, and garbage may be NaN
    grown = new.new_zeros(rows, heads, filled + n + _GROWTH, width)
    if kept is not None:
        grown[:, :, :filled] = kept[:, :, :filled]
    return grown
