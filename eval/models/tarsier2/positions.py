"""Rotary positions of a Tarsier2 prompt: time, height and width for each id.

Text counts up in all three. The positions of a video are those of its grid on top of the position behind the preceding
text, and text goes on behind the largest of all three. Transformers up to 5.0 did the same; 5.23 goes on behind the
largest of height and width, which moves everything after a video of more frames than that.
Source: Qwen2-VL (arXiv 2409.12191, sec. 2.1), and upstream's branch `tarsier2`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch


def prompt_positions(ids: Sequence[int], grids: Iterable[tuple[int, int, int]], image_token: int) -> torch.Tensor:
    """Return the positions of a prompt, (3, n).

    Args:
        ids: the prompt.
        grids: frames, rows and columns of positions of each medium, in order.
        image_token: the id at a medium's positions.

    Raises:
        ValueError: the media do not take up as many positions as there are image tokens.
    """
    tokens = torch.tensor(ids)
    is_image = tokens == image_token
    parts: list[torch.Tensor] = []
    done, after = 0, 0
    for grid in grids:
        where = is_image[done:].nonzero()
        n_text = int(where[0]) if len(where) else len(ids) - done
        shape = torch.cartesian_prod(*map(torch.arange, grid)).T
        parts += [_text(n_text, after), shape + (after + n_text)]
        done += n_text + shape.shape[1]
        after += n_text + max(grid)
        if done > len(ids) or not is_image[done - shape.shape[1] : done].all():
            raise ValueError(f"fewer image tokens than the {shape.shape[1]} positions of a medium")
    if is_image[done:].any():
        raise ValueError(f"{int(is_image[done:].sum())} image tokens without a medium")
    return torch.cat([*parts, _text(len(ids) - done, after)], dim=1)


def _text(n: int, start: int) -> torch.Tensor:
    return (torch.arange(n) + start).expand(3, n)
