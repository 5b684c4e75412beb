"""The picture of the frames that a model was shown."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from eval.core import Clip, FramePolicy, Square
from eval.video import loading
from eval.video.strip import COLUMNS, strip_of
from tests.video.clips import encode


def coloured(n, size=(64, 32)):
    return [Image.new("RGB", size, (0, 0, 255 * (i % 2))) for i in range(n)]


def opened(strip):
    return Image.open(BytesIO(strip.content)).convert("RGB")


@pytest.mark.parametrize(("n", "columns", "rows"), [(1, 1, 1), (8, 8, 1), (COLUMNS, 16, 1), (40, 16, 3)])
def test_frames_in_rows_of_sixteen_at_most(n, columns, rows):
    strip = strip_of(coloured(n))
    wide, high = strip.cell
    assert strip.columns == columns
    assert opened(strip).size == (columns * wide, rows * high)
    assert wide == 2 * high  # the shape of the frames
    for place in range(n):
        row, column = divmod(place, columns)
        blue = opened(strip).getpixel((column * wide + wide // 2, row * high + high // 2))[2]
        assert (blue > 128) == (place % 2 == 1)


def test_a_frame_of_another_shape_is_fitted_into_the_cell():
    strip = strip_of([*coloured(1), Image.new("RGB", (10, 40), (255, 0, 0))])
    wide, high = strip.cell
    picture = opened(strip)
    assert picture.getpixel((wide + wide // 2, high // 2))[0] > 200
    assert picture.getpixel((wide + 4, high // 2))[0] < 60


def test_very_wide_frames_and_very_many():
    assert max(strip_of(coloured(2, (4000, 2))).cell) <= 256
    assert strip_of(coloured(3000, (8, 8))).columns == COLUMNS


def test_it_is_named_by_its_content():
    assert strip_of(coloured(2)) == strip_of(coloured(2))
    assert strip_of(coloured(2)).name != strip_of(coloured(3)).name


def test_it_shows_the_frames_as_the_model_sees_them(tmp_path):
    encode(tmp_path / "a.mkv", "mpeg4", numbers=range(10))
    clip = Clip(source=tmp_path / "a.mkv")
    policy = FramePolicy(n_frames=4, size=Square(side=32))
    assert loading.load(clip, policy).strip is None
    strip = loading.load(clip, policy, draw=True).strip
    assert strip is not None
    assert strip.cell == (96, 96)
