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


Grid = tuple[int, int]
"""Rows and columns of patches of a frame."""


@dataclass(frozen=True, slots=True)
class PatchTargets:
    """Targets of stage one for the patches of n frames, row by row, frame by frame, (p,) unless said otherwise."""

    colour: torch.Tensor
    """Class of the thing whose centre lies in the patch; 0 for none."""
    shape: torch.Tensor
    place: torch.Tensor
    """(p, 5): x and y within the patch, radius, x and y on the canvas, each scaled to about -1 to 1."""
    frame: torch.Tensor
    """Number of the frame that the patch is of."""
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


def patch_targets(scenes: Sequence[tuple[Scene, Sequence[int], Grid]], merge: int = 1) -> PatchTargets:
    """Return the targets of stage one for some frames of some scenes, in order.

    Args:
        scenes: each with the indices of its frames and their grid of patches.
        merge: patches come in groups of so many rows and columns; a group's follow each other.
    """
    parts: list[list[np.ndarray]] = [[], [], [], []]
    background: list[int] = []
    for scene, indices, grid in scenes:
        for index in indices:
            for part, values in zip(parts, _of_patches(scene, index, grid), strict=False):
                part.append(_in_groups(values, merge))
            parts[3].append(np.full(grid[0] * grid[1], len(background)))
            background.append(background_class(scene, index))
    colour, shape, place, frame = (torch.from_numpy(np.concatenate(part)) for part in parts)
    return PatchTargets(colour, shape, place, frame, torch.tensor(background))


def _of_patches(scene: Scene, index: int, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return colour, shape and place of the thing in each patch of a frame, (rows, columns) or (rows, columns, 5)."""
    rows, columns = grid
    colour, shape = np.zeros(grid, np.int64), np.zeros(grid, np.int64)
    place = np.zeros((*grid, 5), np.float32)
    for thing in scene.things:
        state = thing.at(index / (scene.n_frames - 1))
        if not state.visible:
            continue
        column = min(columns - 1, max(0, int(state.x * columns)))
        line = min(rows - 1, max(0, int(state.y * rows)))
        colour[line, column] = 1 + COLOUR_NAMES.index(state.colour)
        shape[line, column] = 1 + SHAPES.index(thing.shape)
        place[line, column] = (
            state.x * columns - column - 0.5,
            state.y * rows - line - 0.5,
            (state.radius - 0.15) * 10,
            (state.x - 0.5) * 2,
            (state.y - 0.5) * 2,
        )
    return colour, shape, place


def _in_groups(values: np.ndarray, merge: int) -> np.ndarray:
    """Return values of patches, (rows, columns, ...), as (rows * columns, ...), group after group."""
    rows, columns, *rest = values.shape
    grouped = values.reshape(rows // merge, merge, columns // merge, merge, *rest).swapaxes(1, 2)
    flat: np.ndarray = grouped.reshape(rows * columns, *rest)
    return flat


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
