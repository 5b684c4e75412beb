"""The questions about clips as token ids, and which of them can be worked on together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

Ids = tuple[int, ...]

Settled = Callable[[Sequence[int]], bool]
"""Whether a row that has generated these ids needs no further token."""

Row = tuple[Ids, Settled | None]
"""A prompt, and what may end its continuation before the end token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The frames of a clip, and the prompts about them, as the model reads them."""

    pixels: torch.Tensor
    """The frames, (n, 3, side, side)."""
    prompts: Sequence[Sequence[int]]
    """Ids, with one image token for each position that the frames take."""
    settled: Sequence[Settled | None]
    """One for each prompt."""

    def rows(self) -> list[Row]:
        """Return what has to be continued, each prompt once, shortest first.

        In order of length, so that a batch has little padding, and always the same rows together, in whatever order
        they were asked.
        """
        pairs = zip(map(tuple, self.prompts), self.settled, strict=True)
        return sorted(dict.fromkeys(pairs), key=lambda row: (len(row[0]), row[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A clip in a group, and those of its rows that belong there."""

    clip: int
    """Its place in the call."""
    rows: Sequence[Row]


def groups(clips: Sequence[tuple[int, Encoded]], image: int) -> list[list[Member]]:
    """Return the clips in groups whose prompts agree through their last image position.

    So a group's prefixes are of one length and differ only in what the frames show. A clip is in several groups where
    its own prompts do not agree.

    Args:
        clips: clips with their places in the call.
        image: the image token.
    """
    found: dict[Ids, dict[int, list[Row]]] = {}
    for place, encoded in clips:
        for row in encoded.rows():
            head = row[0][: after_images(row[0], image)]
            found.setdefault(head, {}).setdefault(place, []).append(row)
    return [[Member(clip=clip, rows=rows) for clip, rows in members.items()] for members in found.values()]


def after_images(ids: Sequence[int], image: int) -> int:
    """Return how many ids there are up to the last image position, included; 0 if there is none."""
    return next((n for n in range(len(ids), 0, -1) if ids[n - 1] == image), 0)


def agreement(members: Sequence[Member]) -> int:
    """Return how many ids all prompts begin with, and after which each still has one of its own.

    That one's state is what the first token is read from. The prompts that come first and last in order differ
    earliest.
    """
    prompts = [ids for member in members for ids, _ in member.rows]
    first, last = min(prompts), max(prompts)
    same = next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return min(same, min(map(len, prompts)) - 1)
