"""Sample frame indices of a clip: index arithmetic only, exactly as for the published numbers.

Source: the frame sampling of the public Tarsier repository (branch `tarsier`). The rule of branch `tarsier2` is in
`sampling_tarsier2.py`; `choosing.py` applies either to a clip.
"""

from __future__ import annotations


def sample_indices(total: int, n_frames: int, start: int = 0) -> list[int]:
    """Return `n_frames` indices spread evenly over `total` frames, first and last included.

    Halves round to even, as Python's `round` does. A clip shorter than `n_frames` repeats indices. One single
    frame is always frame 0, even where the clip starts later: the published numbers were made this way.

    Args:
        total: Frames to choose from.
        n_frames: Indices wanted.
        start: Index of the first of those frames.

    Returns:
        `n_frames` ascending indices.

    Raises:
        ValueError: Where there is no frame to choose from, or none is wanted.
    """
    if total < 1 or n_frames < 1:
        raise ValueError(f"cannot choose {n_frames} of {total} frames: both must be at least 1")
    if n_frames == 1:
        return [0]
    return [round(i * (total - 1) / (n_frames - 1)) + start for i in range(n_frames)]


def span_indices(total: int, fps: float, n_frames: int, start: float | None, end: float | None) -> list[int]:
    """Return `n_frames` indices spread evenly over a span of a video.

    Args:
        total: Frames of the whole video.
        fps: Average frames per second of the video.
        n_frames: Indices wanted.
        start: First second of the span; None, zero or less begins at the first frame.
        end: Last second of the span, included; None, zero or less ends at the last frame.

    Returns:
        `n_frames` ascending indices into the whole video. A span beyond the end gives the last frame.

    Raises:
        ValueError: Where the video has no frames, or nothing is wanted.
    """
    last = total - 1
    # Rounded down only when it is known to be within the video: an infinite time has no whole number.
    first = int(min(last, fps * start)) if start is not None and start > 0 else 0
    if end is not None and end > 0:
        last = int(min(last, max(first, fps * end)))
    return sample_indices(last - first + 1, n_frames, first)


def distinct_indices(total: int, n_frames: int) -> list[int]:
    """Return the sampled indices of a gif, each once: a clip shorter than `n_frames` gives all of its frames."""
    return sorted(set(sample_indices(total, n_frames)))


def rate_indices(first: int, last: int, fps: float, wanted: float) -> range:
    """Return the indices from `first` to `last` at `wanted` frames per second.

    Every round(fps / wanted)-th frame is taken, and each frame of a video that is slower than `wanted`.
    """
    return range(first, last + 1, max(1, round(fps / wanted)))
