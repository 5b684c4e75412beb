"""Targets of the throw-away heads that guide training. None of them is part of the checkpoint.

They are there because training from frames alone stayed at chance in first trials. The patch targets teach the vision
tower what a thing is before any language, the frame targets make the state and the motion readable at each frame's
last token, where the questions can find them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch

from benchmarks.mini.scenes import BRIGHTNESS, COLOURS, SHAPES, Scene, State

GRID = 4
"""Patches along each side of a frame."""
COLOUR_NAMES = list(COLOURS)
N_COLOURS = len(COLOURS) + 1
"""Classes of a thing's colour, nothing being class 0."""
N_SHAPES = len(SHAPES) + 1
N_BACKGROUNDS = len(BRIGHTNESS) + len(COLOURS)
N_COUNTS = 7
N_MOTIONS = 5
"""Still, left, right, up, down."""
N_SIZE_CHANGES = 3
"""Same, larger, smaller."""
STILL = 0.008
"""Displacement between sampled frames, in canvases, below which a thing counts as still."""


@dataclass(frozen=True, slots=True)
class PatchTargets:
    """Targets of stage one for n frames, per patch (n, 4, 4) unless said otherwise."""

    colour: torch.Tensor
    """Class of the thing whose centre lies in the patch; 0 for none."""
    shape: torch.Tensor
    place: torch.Tensor
    """(n, 4, 4, 5): x and y within the patch, radius, x and y on the canvas, each scaled to about -1 to 1."""
    background: torch.Tensor
    """(n,): gray level or flash colour."""


@dataclass(frozen=True, slots=True)
class FrameTargets:
    """Targets of stage three for b clips of n sampled frames, (b, n) or (b, n, values)."""

    colour: torch.Tensor
    shape: torch.Tensor
    background: torch.Tensor
    count: torch.Tensor
    """Visible things."""
    motion: torch.Tensor
    """Class of the subject's motion since the sampled frame before."""
    size_change: torch.Tensor
    place: torch.Tensor
    """(b, n, 3): the subject's x, y and radius, scaled."""
    displacement: torch.Tensor
    """(b, n, 6): change of x, y and radius over two sampled frames, and since the subject was first seen."""
    tally: torch.Tensor
    """(b, n, 10): visible things of each colour and of each shape, halved."""


def background_class(scene: Scene, index: int) -> int:
    """Return the class of the background in one frame: its gray level, or its flash colour after those."""
    if index in scene.flashes:
        return len(BRIGHTNESS) + COLOUR_NAMES.index(scene.flashes[index])
    return list(BRIGHTNESS).index(scene.background)


def patch_targets(scenes: Sequence[tuple[Scene, Sequence[int]]]) -> PatchTargets:
    """Return the targets of stage one for some frames of some scenes, in order."""
    n_frames = sum(len(indices) for _, indices in scenes)
    colour = np.zeros((n_frames, GRID, GRID), np.int64)
    shape = np.zeros_like(colour)
    place = np.zeros((n_frames, GRID, GRID, 5), np.float32)
    background = np.zeros(n_frames, np.int64)
    row = 0
    for scene, indices in scenes:
        for index in indices:
            background[row] = background_class(scene, index)
            for thing in scene.things:
                state = thing.at(index / (scene.n_frames - 1))
                if not state.visible:
                    continue
                column, line = (min(GRID - 1, max(0, int(value * GRID))) for value in (state.x, state.y))
                colour[row, line, column] = 1 + COLOUR_NAMES.index(state.colour)
                shape[row, line, column] = 1 + SHAPES.index(thing.shape)
                place[row, line, column] = (
                    state.x * GRID - column - 0.5,
                    state.y * GRID - line - 0.5,
                    (state.radius - 0.15) * 10,
                    (state.x - 0.5) * 2,
                    (state.y - 0.5) * 2,
                )
            row += 1
    return PatchTargets(*(torch.from_numpy(array) for array in (colour, shape, place, background)))


def frame_targets(scenes: Sequence[Scene], indices: Sequence[Sequence[int]]) -> FrameTargets:
    """Return the targets of stage three for the sampled frames of some scenes."""
    rows = [_targets_of(scene, sampled) for scene, sampled in zip(scenes, indices, strict=True)]
    names = [each.name for each in fields(FrameTargets)]
    return FrameTargets(*(torch.from_numpy(np.stack([row[name] for row in rows])) for name in names))


def _targets_of(scene: Scene, indices: Sequence[int]) -> dict[str, np.ndarray]:
    n_frames = len(indices)
    values: dict[str, np.ndarray] = {
        name: np.zeros(n_frames, np.int64)
        for name in ("colour", "shape", "background", "count", "motion", "size_change")
    }
    values["place"] = np.zeros((n_frames, 3), np.float32)
    values["displacement"] = np.zeros((n_frames, 6), np.float32)
    values["tally"] = np.zeros((n_frames, len(COLOURS) + len(SHAPES)), np.float32)
    states = [scene.subject.at(index / (scene.n_frames - 1)) for index in indices]
    seen = next((slot for slot, state in enumerate(states) if state.visible), 0)
    for slot, (index, state) in enumerate(zip(indices, states, strict=True)):
        values["background"][slot] = background_class(scene, index)
        for thing in scene.things:
            other = thing.at(index / (scene.n_frames - 1))
            if other.visible:
                values["count"][slot] += 1
                values["tally"][slot, COLOUR_NAMES.index(other.colour)] += 0.5
                values["tally"][slot, len(COLOURS) + SHAPES.index(thing.shape)] += 0.5
        if not state.visible:
            continue
        values["colour"][slot] = 1 + COLOUR_NAMES.index(state.colour)
        values["shape"][slot] = 1 + SHAPES.index(scene.subject.shape)
        values["place"][slot] = ((state.x - 0.5) * 2, (state.y - 0.5) * 2, (state.radius - 0.15) * 10)
        if slot > seen:
            before, first = states[max(slot - 2, seen)], states[seen]
            values["displacement"][slot] = (*_change(before, state, 6, 15), *_change(first, state, 4, 12))
        if slot and states[slot - 1].visible:
            values["motion"][slot], values["size_change"][slot] = _motion_classes(states[slot - 1], state)
    return values


def _change(before: State, after: State, place_scale: float, radius_scale: float) -> tuple[float, float, float]:
    """Return the change of x, y and radius, scaled so that slow motion still weighs in a squared error."""
    return (
        (after.x - before.x) * place_scale,
        (after.y - before.y) * place_scale,
        (after.radius - before.radius) * radius_scale,
    )


def _motion_classes(before: State, after: State) -> tuple[int, int]:
    right, down, larger = after.x - before.x, after.y - before.y, after.radius - before.radius
    motion = 0
    if max(abs(right), abs(down)) > STILL:
        motion = 1 + int(right > 0) if abs(right) > abs(down) else 3 + int(down > 0)
    return motion, 1 if larger > 0.003 else 2 if larger < -0.003 else 0
