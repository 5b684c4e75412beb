"""Pixel values that are looked up are those of transformers' image processor, to the bit."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from benchmarks.mini.world import WORLD
from eval.models.tarsier.processing import TarsierProcessor, to_square

TINY = WORLD.parent / "tarsier-tiny"

pytestmark = pytest.mark.slow


def load(folder):
    return TarsierProcessor(folder, image_token=4, image_size=56, positions_per_frame=21)


@pytest.fixture(scope="module")
def processor():
    return load(TINY)


def drawn(seed, size, mode="RGB"):
    width, height = size
    channels = {"RGB": (3,), "L": (), "RGBA": (4,)}[mode]
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, *channels), dtype=np.uint8))


def of_library(processor, frames):
    return processor._by_library([to_square(frame.convert("RGB")) for frame in frames])


def same(found, expected):
    return found.dtype == expected.dtype and found.shape == expected.shape and found.tobytes() == expected.tobytes()


def test_every_byte_in_every_channel(processor):
    byte = np.resize(np.arange(256, dtype=np.uint8), (56, 56))
    channels = np.stack([byte, 255 - byte, byte // 2], axis=-1)
    frames = [Image.fromarray(np.roll(channels, i, axis=-1)) for i in range(3)]
    assert processor.frame_side == 56
    assert same(processor.pixel_values(frames).numpy(), of_library(processor, frames))


@pytest.mark.parametrize("size", [(56, 56), (64, 48), (30, 90), (56, 40), (57, 56), (300, 168), (1, 1)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_frames_of_any_size_and_mode(size, mode, processor):
    frames = [drawn(seed, size, mode) for seed in range(3)]
    assert same(processor.pixel_values(frames).numpy(), of_library(processor, frames))


@pytest.mark.parametrize(
    ("change", "side"),
    [
        ({"size": {"shortest_edge": 64}}, None),
        ({"size": {"height": 56, "width": 56}}, None),
        ({"do_resize": False}, None),
        ({"do_center_crop": False}, None),
        ({"resample": 2}, None),
        ({"do_normalize": False}, 56),
        ({"do_rescale": False}, 56),
        ({"image_mean": [0.5, 0.5, 0.5]}, 56),
    ],
)
def test_processors_of_other_forms(change, side, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(TINY, folder)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    processor = load(folder)
    assert processor.frame_side == side
    frames = [drawn(seed, (64, 56)) for seed in range(2)]
    assert same(processor.pixel_values(frames).numpy(), of_library(processor, frames))
