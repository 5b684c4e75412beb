"""Limits on picture sizes: a header beyond them is broken or hostile, and would only exhaust the memory."""

from __future__ import annotations

from pathlib import Path

from eval.errors import MediaError

MAX_SIDE = 16_384
"""Maximum pixels per side."""
MAX_PIXELS = 200_000_000
"""Maximum pixels per picture; each takes three bytes once decoded."""
MAX_GIF_FRAMES = 20_000
"""Maximum frames of a gif, each of which has to be composed on the one before it."""


def check_size(path: Path, width: int, height: int) -> None:
    """Raise MediaError (`too_large`) where a picture's size in pixels is beyond any sensible video."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise MediaError(
            path, "too_large", f"claims {width}x{height} pixels; at most {MAX_SIDE} a side and {MAX_PIXELS} in all"
        )
