"""Questions about clips as token ids, and their grouping into batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch

Ids = tuple[int, ...]

StopWhenIds = Callable[[Sequence[int]], bool]
"""Whether a row with these generated ids needs no further token."""

PromptRow = tuple[Ids, StopWhenIds | None]
"""A prompt, and the check that may end its continuation before the end token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A video's frames, or a picture, as model input."""

    pixels: torch.Tensor
    """The frames, (n, ...), in the form that the model's `encode_media` takes."""
    positions: int
    """Number of positions of a frame in a prompt."""
    patches: int
    """Number of positions of a frame in the vision tower."""
    grid: tuple[int, int] = (0, 0)
    """Rows and columns of a frame's positions, for models whose positions depend on them."""

    def frames(self, start: int, end: int) -> Medium:
        """Return a part of the frames."""
        return replace(self, pixels=self.pixels[start:end])


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The media of a clip, and the prompts about them, as model inputs."""

    media: Sequence[Medium]
    """The media in the order of their places in the prompts."""
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
    head: int
    """Number of ids through the last image position of its prompts."""


def groups(clips: Sequence[tuple[int, Encoded]], image: int) -> list[list[Member]]:
    """Return the clips in groups whose prompts have the same text before and between their media, shortest first.

    So a group's prefixes differ only in the media. A clip is in several groups where its own prompts do not agree.

    Args:
        clips: clips with their indices in the call.
        image: the image token.
    """
    found: dict[Ids, dict[int, list[PromptRow]]] = {}
    lengths: dict[tuple[Ids, int], int] = {}
    for place, encoded in clips:
        for row in encoded.rows():
            n = after_images(row[0], image)
            head = _around_images(row[0][:n], image)
            found.setdefault(head, {}).setdefault(place, []).append(row)
            lengths[head, place] = n
    return [
        [
            Member(clip=clip, rows=members[clip], head=lengths[head, clip])
            for clip in sorted(members, key=lambda clip: lengths[head, clip])
        ]
        for head, members in found.items()
    ]


def _around_images(head: Ids, image: int) -> Ids:
    """Return the ids with each run of image tokens as one, and behind them the runs' lengths if there are several."""
    runs = [(token, len(list(run))) for token, run in groupby(head)]
    ids = tuple(token for token, n in runs for _ in range(1 if token == image else n))
    of_images = tuple(n for token, n in runs if token == image)
    return ids + (of_images if len(of_images) > 1 else ())


def after_images(ids: Sequence[int], image: int) -> int:
    """Return the number of ids up to and including the last image position; 0 if there is none."""
    return next((n for n in range(len(ids), 0, -1) if ids[n - 1] == image), 0)


def agreement(members: Sequence[Member]) -> int:
    """Return the number of ids after the media that all prompts share, each having at least one more after them.

    The first token is read from that id's state, so it is -1 where a prompt ends with a medium. The first and last
    texts in sorted order differ earliest.
    """
    rests = [ids[member.head :] for member in members for ids, _ in member.rows]
    first, last = min(rests), max(rests)
    same = next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return min(same, min(map(len, rests)) - 1)
