from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from eval.core import Clip, DecoderName, FramePolicy
from eval.video.frames import DECODERS, load_frames
from eval.video.sampling import distinct_indices, sample_indices, span_indices


@pytest.fixture(scope="module")
def cases(golden: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads((golden / "sampling.json").read_text(encoding="utf-8"))
    return found


def test_indices_are_the_reference_ones(cases: dict[str, list[dict[str, Any]]]) -> None:
    assert len(cases["indices"]) == 400
    for case in cases["indices"]:
        assert sample_indices(case["total_frames"], case["n_frames"], case["start_frame"]) == case["indices"], case


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
def test_frames_are_the_reference_ones_to_the_bit(
    cases: dict[str, list[dict[str, Any]]], real_videos: Path, decoder: DecoderName
) -> None:
    if decoder == "decord":
        pytest.importorskip("decord")
    assert len(cases["videos"]) == 56
    for case in cases["videos"] if decoder == "pyav" else cases["videos"][::5]:
        clip = Clip(source=real_videos / case["video"], start=case["start_time"], end=case["end_time"])
        frames = load_frames(clip, FramePolicy(n_frames=case["n_frames"]), decoder=decoder)
        assert [hashlib.sha256(frame.tobytes()).hexdigest() for frame in frames] == case["frame_sha256"], case
        assert (frames[0].height, frames[0].width) == tuple(case["shape"][:2])


def test_halves_round_to_even() -> None:
    # i * 5 / 2 = 0, 2.5, 5
    assert sample_indices(6, 3) == [0, 2, 5]
    # i * 7 / 2 = 0, 3.5, 7
    assert sample_indices(8, 3) == [0, 4, 7]


def test_one_frame_is_the_first_of_the_video_even_where_the_span_starts_later() -> None:
    assert sample_indices(100, 1, start=40) == [0]
    assert span_indices(100, 25.0, 1, 2.0, 3.0) == [0]


def test_a_short_clip_repeats_indices_and_a_gif_does_not() -> None:
    # i * 2 / 7 = 0, .29, .57, .86, 1.14, 1.43, 1.71, 2
    assert sample_indices(3, 8) == [0, 0, 1, 1, 1, 1, 2, 2]
    assert distinct_indices(3, 8) == [0, 1, 2]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, [0, 50, 99]),  # 49.5 to even
        (0, 0, [0, 50, 99]),
        (0.0, -1, [0, 50, 99]),
        (1.0, None, [25, 62, 99]),
        (1.0, 2.0, [25, 37, 50]),  # 25 + 12.5 to even = 37: the half is rounded before the start is added
        (2.0, 1.0, [50, 50, 50]),
        (9.0, None, [99, 99, 99]),
        (1.0, 90.0, [25, 62, 99]),
        (1.99, None, [49, 74, 99]),
    ],
)
def test_a_span_includes_both_ends_and_stays_inside(
    start: float | None, end: float | None, expected: list[int]
) -> None:
    assert span_indices(100, 25.0, 3, start, end) == expected


@pytest.mark.parametrize(("total", "n_frames"), [(0, 8), (-1, 8), (8, 0)])
def test_nothing_to_choose_is_refused(total: int, n_frames: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        sample_indices(total, n_frames)
