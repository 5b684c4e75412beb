"""Questions about clips as token ids, and their grouping into batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

Ids = tuple[int, ...]

StopWhenIds = Callable[[Sequence[int]], bool]
"""Whether a row with these generated ids needs no further token."""

PromptRow = tuple[Ids, StopWhenIds | None]
"""A prompt, and the check that may end its continuation before the end token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The frames of a clip, and the prompts about them, as model inputs."""

    pixels: torch.Tensor
    """The frames, (n, 3, side, side)."""
    prompts: Sequence[Sequence[int]]
    """Ids, with one image token for each position that the frames take."""
    settled: Sequence[StopWhenIds | None]
    """One for each prompt."""

    def rows(self) -> list[PromptRow]:
        """Return the rows to continue, each prompt once, shortest first.

        The order of length gives little padding, and always the same batches, in whatever order the prompts were asked.
        """
        pairs = zip(map(tuple, self.prompts), self.settled, strict=True)
        return sorted(dict.fromkeys(pairs), key=lambda row: (len(row[0]), row[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A clip in a group, with its rows in that group."""

    clip: int
    """Its index in the call."""
    rows: Sequence[PromptRow]


def groups(clips: Sequence[tuple[int, Encoded]], image: int) -> list[list[Member]]:
    """Return the clips in groups whose prompts agree through their last image position.

    So a group's prefixes are of one length and differ only in the frames. A clip is in several groups where its own
    prompts do not agree.

    Args:
        clips: clips with their indices in the call.
        image: the image token.
    """
    found: dict[Ids, dict[int, list[PromptRow]]] = {}
    for place, encoded in clips:
        for row in encoded.rows():
            head = row[0][: after_images(row[0], image)]
            found.setdefault(head, {}).setdefault(place, []).append(row)
    return [[Member(clip=clip, rows=rows) for clip, rows in members.items()] for members in found.values()]


def after_images(ids: Sequence[int], image: int) -> int:
    """Return the number of ids up to and including the last image position; 0 if there is none."""
    return next((n for n in range(len(ids), 0, -1) if ids[n - 1] == image), 0)


def agreement(members: Sequence[Member]) -> int:
    """Return the length of the longest common prefix of all prompts after which each has at least one more id.

    The first token is read from that id's state. The first and last prompts in sorted order differ earliest.
    """
    prompts = [ids for member in members for ids, _ in member.rows]
    first, last = min(prompts), max(prompts)
    same = next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return min(same, min(map(len, prompts)) - 1)
