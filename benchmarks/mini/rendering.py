"""Drawing a scene into pixels, with smooth edges and in numpy alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from benchmarks.mini.scenes import BRIGHTNESS, COLOURS, Scene

Pixels = npt.NDArray[np.float32]

FLASH_STRENGTH = 0.9
"""A flash is a little darker than things of its colour, so that those stay visible."""


def edge_distance(shape: str, right: Pixels, down: Pixels, radius: float) -> Pixels:
    """Return signed distances in pixels from a shape's outline, negative inside, given offsets from its centre."""
    if shape == "circle":
        distance = np.sqrt(right * right + down * down) - radius
    elif shape == "square":
        distance = np.maximum(np.abs(right), np.abs(down)) - 0.86 * radius
    elif shape == "triangle":
        distance = np.maximum(down - 0.75 * radius, 0.894 * np.abs(right) - 0.447 * (down + 1.05 * radius))
    else:
        long, short = 1.05 * radius, 0.36 * radius
        distance = np.minimum(
            np.maximum(np.abs(right) - long, np.abs(down) - short),
            np.maximum(np.abs(right) - short, np.abs(down) - long),
        )
    return distance.astype(np.float32)


def render(scene: Scene, indices: Iterable[int], size: tuple[int, int] | None = None) -> Pixels:
    """Draw frames of a scene: (n, height, width, 3) float32 RGB from 0 to 255.

    `size` is (height, width) of the sampling grid, by default the canvas itself. Another size samples the canvas
    on that grid, which is what a decoded clip looks like after its resize; training uses it to skip the video file.
    """
    rows, columns = size or (scene.height, scene.width)
    scale_x, scale_y = scene.width / columns, scene.height / rows
    across = ((np.arange(columns, dtype=np.float32) + 0.5) * scale_x)[None, :]
    down = ((np.arange(rows, dtype=np.float32) + 0.5) * scale_y)[:, None]
    edge = max(scale_x, scale_y)
    shorter = min(scene.width, scene.height)
    frames = []
    for index in indices:
        frame = np.full((rows, columns, 3), BRIGHTNESS[scene.background], dtype=np.float32)
        if index in scene.flashes:
            frame[:] = np.array(COLOURS[scene.flashes[index]], dtype=np.float32) * FLASH_STRENGTH
        for thing in scene.things:
            state = thing.at(index / (scene.n_frames - 1))
            if not state.visible:
                continue
            outline = edge_distance(
                thing.shape, across - state.x * scene.width, down - state.y * scene.height, state.radius * shorter
            )
            cover = np.clip(0.5 - outline / edge, 0, 1)[..., None]
            frame = frame * (1 - cover) + np.array(COLOURS[state.colour], dtype=np.float32) * cover
        frames.append(frame)
    return np.stack(frames)


def render_bytes(scene: Scene, indices: Iterable[int] | None = None) -> npt.NDArray[np.uint8]:
    """Draw frames at canvas size as a video encoder wants them: (n, height, width, 3) uint8 RGB; all by default."""
    frames = render(scene, range(scene.n_frames) if indices is None else indices)
    pixels: npt.NDArray[np.uint8] = frames.clip(0, 255).round().astype(np.uint8)
    return pixels
