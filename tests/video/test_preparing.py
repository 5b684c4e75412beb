"""Frames that are prepared give the model the same numbers, bit for bit, as frames that are not."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.core import Area, Clip, Selection, Square
from eval.errors import MediaError
from eval.models.tarsier.processing import TarsierProcessor
from eval.video.preparing import area_size, most_cells, prepare, sizes_of

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


@pytest.mark.parametrize(
    ("size", "factor", "limits", "expected"),
    [
        ((1280, 720), 1, (0, 460_800), (905, 509)),  # both sides divided by sqrt(2): 905.1, 509.1
        ((905, 509), 28, (3136, 2_073_600), (896, 504)),  # 32.3 and 18.2 times 28
        ((640, 272), 1, (0, 460_800), (640, 272)),
        ((96, 64), 1, (40_000, 460_800), (245, 164)),  # times sqrt(6.51) = 2.5516: 244.95, 163.3, rounded up
        ((42, 70), 28, (0, None), (56, 56)),  # 1.5 and 2.5 to even
        ((30, 30), 28, (3136, None), (56, 56)),  # 28x28 is less than 3136: times 1.867, 2 times 28
        ((100, 400), 28, (0, 20_000), (56, 280)),  # by 1.41: 70.7 and 282.8, rounded down
        ((5600, 28), 28, (0, None), (5600, 28)),
    ],
)
def test_an_area_keeps_the_aspect(
    size: tuple[int, int], factor: int, limits: tuple[int, int | None], expected: tuple[int, int]
) -> None:
    assert area_size(size, factor, *limits) == expected


@pytest.mark.parametrize(
    ("size", "factor", "most", "said"),
    [
        ((27, 90), 28, None, "a.mp4: has frames of 27x90 pixels, and the model needs 28 on each side"),
        ((5601, 28), 28, None, "5601x28 pixels; one side may be 200 times the other at most"),
        ((200, 1), 1, 50, "200x1 pixels, of which 50 leave less than 1 on a side"),
    ],
)
def test_frames_that_fit_no_area(size: tuple[int, int], factor: int, most: int | None, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        area_size(size, factor, 0, most, "a.mp4")


def test_the_frames_of_a_prompt_share_its_pixels() -> None:
    area = Area(max_pixels=1000, min_pixels=900, budget=8000, image_weight=3, factor=4)
    video, picture = Clip(source=Path("v")), Clip(source=Path("p"), selection=Selection(is_image=True))
    # Twice 3 frames, and 3 for the picture: 8000 / 9 is 888.9.
    assert (
        sizes_of(area, replace(video, more=(picture,)), [3, 1])
        == [replace(area, max_pixels=888, min_pixels=888, budget=None)] * 2
    )
    assert sizes_of(area, video, [4]) == [replace(area, budget=None)]  # 8000 / 8 is the limit itself
    own = replace(video, selection=Selection(max_pixels=500, min_pixels=0))
    assert sizes_of(area, own, [4]) == [replace(area, max_pixels=500, min_pixels=0, budget=None)]
    assert sizes_of(Square(side=8), replace(video, more=(picture,)), [3, 1]) == [Square(side=8)] * 2
    with pytest.raises(MediaError, match="v: is to have 900 pixels at least and 500 at most"):
        sizes_of(area, replace(video, selection=Selection(max_pixels=500)), [4])


def test_an_area_takes_two_resizes_and_all_frames_get_the_size_of_the_first() -> None:
    first, second = noise((90, 60)), noise((60, 90))
    area = Area(max_pixels=2400, factor=8)  # 60x40, then 56 (7.5 to even is 8: 64) x 40
    ready = prepare([first, second, first], area)
    assert [frame.size for frame in ready] == [(64, 40)] * 3
    assert ready[0] is ready[2]

    def by_hand(frame: Image.Image, *sizes: tuple[int, int]) -> bytes:
        for width, height in sizes:
            frame = frame.resize((width, frame.height), Image.Resampling.BICUBIC)
            frame = frame.resize((width, height), Image.Resampling.BICUBIC)
        return frame.tobytes()

    assert ready[0].tobytes() == by_hand(first, (60, 40), (64, 40))
    assert ready[1].tobytes() == by_hand(second, (40, 60), (64, 40))
    (once,) = prepare([noise((90, 60), "L")], replace(area, factor=1))
    assert (once.size, once.mode) == ((60, 40), "RGB")


@pytest.mark.parametrize(
    ("most", "least", "top"),
    [(147_456, 3136, 1_003_520), (12_544, 3136, 12_544), (5_000, 3136, None), (460_800, 3136, 1_003_520)],
)
def test_no_frame_takes_more_squares_than_said(most, least, top):
    area = Area(max_pixels=most, factor=28, factor_min=least, factor_max=top)
    sides = [*range(28, 220, 3), *range(220, 9000, 97)]
    found = 0
    for width, height in product(sides, sides):
        with suppress(MediaError):
            limited = area_size((width, height), 1, 0, most)
            fitted = area_size(limited, 28, least, top)
            found = max(found, fitted[0] * fitted[1] // 28**2)
    assert 0.8 * most_cells(area) <= found <= most_cells(area)
