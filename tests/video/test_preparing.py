"""Frames that are prepared give the model the same numbers, bit for bit, as frames that are not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.core import Square
from eval.models.tarsier.processing import TarsierProcessor
from eval.video.preparing import prepare

TINY = Path(__file__).resolve().parents[2] / "benchmarks" / "mini" / "tarsier-tiny"
SIZES = [(1, 1), (2, 5), (3, 3), (56, 56), (55, 57), (57, 3), (336, 336), (335, 337), (640, 360), (361, 641), (999, 13)]


@pytest.fixture(scope="module", params=[56, 336])
def processor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[TarsierProcessor, int]:
    import json

    side: int = request.param
    folder = tmp_path_factory.mktemp("processor")
    for file in TINY.iterdir():
        if file.name.startswith(("tokenizer", "special_tokens", "preprocessor")):
            (folder / file.name).write_bytes(file.read_bytes())
    settings = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    settings |= {"crop_size": {"height": side, "width": side}, "size": {"shortest_edge": side}}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")
    token = json.loads((TINY / "config.json").read_text(encoding="utf-8"))["image_token_index"]
    return TarsierProcessor(folder, image_token=token, image_size=side, positions_per_frame=1), side


def noise(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(sum(size)).integers(0, 256, (size[1], size[0], len(mode)), np.uint8)
    return Image.fromarray(pixels.squeeze(-1) if len(mode) == 1 else pixels, mode)


@pytest.mark.slow
def test_the_model_sees_no_difference(processor: tuple[TarsierProcessor, int]) -> None:
    process, side = processor
    draw = random.Random(1)
    sizes = [*SIZES, *((draw.randint(1, 700), draw.randint(1, 700)) for _ in range(15))]
    for size in sizes:
        frames = [noise(size)]
        ready = prepare(frames, Square(side=side))
        assert [(frame.size, frame.mode) for frame in ready] == [((side, side), "RGB")]
        assert process.pixel_values(ready).numpy().tobytes() == process.pixel_values(frames).numpy().tobytes(), size


@pytest.mark.slow
def test_frames_of_other_modes(processor: tuple[TarsierProcessor, int]) -> None:
    process, side = processor
    frames = [noise((80, 60), "L"), noise((80, 60), "RGBA"), noise((80, 60)).quantize(16), Image.new("1", (9, 7), 1)]
    assert process.pixel_values(prepare(frames, Square(side=side))).equal(process.pixel_values(frames))


def test_a_repeated_frame_is_prepared_once() -> None:
    first, second = noise((40, 30)), noise((30, 40))
    ready = prepare([first, second, first], Square(side=20))
    assert ready[0] is ready[2]
    assert ready[0] is not ready[1]
    again = prepare(ready, Square(side=20))
    assert [frame.tobytes() for frame in again] == [frame.tobytes() for frame in ready]
