"""Every kind of file gives the frames that were asked for, to the bit, whether or not it has to be sought in."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from eval.core import Clip, FramePolicy
from eval.video import demux
from eval.video.frames import load_frames
from eval.video.sampling import sample_indices, span_indices
from tests.video.clips import KINDS, Kind, Pixels, of_palette, read_number
from tests.video.conftest import BuildFile

SPANS = [(0.5, None), (None, 1.0), (0.4, 1.3), (1.0, 0.5)]
WHOLE = [kind for kind in KINDS if kind.numbers is not None]
CUT = [kind for kind in KINDS if kind.numbers is None]
every_kind = pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.file)


@functools.lru_cache(maxsize=4)
def decode_all(path: Path) -> tuple[list[Pixels], float]:
    """Decode a file from front to back as FFmpeg does it: RGB pictures and the average frame rate."""
    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate)
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)], rate


def read(path: Path, n_frames: int, start: float | None = None, end: float | None = None) -> list[Pixels]:
    return [
        np.asarray(frame)
        for frame in load_frames(Clip(source=path, start=start, end=end), FramePolicy(n_frames=n_frames))
    ]


def numbers(kind: Kind, frames: Sequence[Pixels]) -> list[int]:
    return [read_number(kind.turn(frame)) for frame in frames]


def test_there_are_many_kinds() -> None:
    assert len({kind.file for kind in KINDS}) == len(KINDS) >= 60


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.file)
def test_no_frame_is_another_one(kind: Kind, build: BuildFile, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kind.numbers is not None
    path = build(kind)
    every, rate = decode_all(path)
    total = len(kind.numbers)
    assert len(every) == total
    for n_frames, start, end in [(16, None, None), *((8, *span) for span in SPANS)]:
        frames = read(path, n_frames, start, end)
        indices = span_indices(total, rate, n_frames, start, end)
        assert numbers(kind, frames) == [kind.numbers[i] for i in indices], (n_frames, start, end)
        assert all(np.array_equal(kind.turn(frame), every[i]) for frame, i in zip(frames, indices, strict=True))
        monkeypatch.setattr(demux, "NEAR", 0)  # from the second round on nothing is read over that can be sought across


@pytest.mark.parametrize("kind", CUT, ids=lambda kind: kind.file)
def test_what_remains_of_a_cut_file_is_right(kind: Kind, build: BuildFile) -> None:
    path = build(kind)
    whole = {read_number(pixels): pixels for pixels in decode_all(path.with_stem(f"whole_{path.stem}"))[0]}
    found = numbers(kind, frames := read(path, 16))
    assert found == sorted(found)
    for number, pixels in zip(found, frames, strict=True):
        assert np.array_equal(pixels, whole[number]), number
    remaining = [n for n in map(read_number, decode_all(path)[0]) if n >= 0]
    assert found[0] == remaining[0]
    assert found[-1] in remaining[-3:]


@pytest.mark.parametrize("kind", [kind for kind in WHOLE if not kind.strange], ids=lambda kind: kind.file)
def test_decord_agrees_on_ordinary_files(kind: Kind, build: BuildFile) -> None:
    pytest.importorskip("decord")
    path = build(kind)
    ours = load_frames(Clip(source=path), FramePolicy(n_frames=16))
    theirs = load_frames(Clip(source=path), FramePolicy(n_frames=16), decoder="decord")
    assert [frame.tobytes() for frame in ours] == [frame.tobytes() for frame in theirs]


@pytest.mark.skipif(int(av.__version__.split(".")[0]) < 18, reason="PyAV 17 does not tell fields from frames")
def test_the_frames_between_keyframes_are_not_decoded(build: BuildFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten pictures are enough for two of them that stand next to keyframes."""
    kind = next(kind for kind in KINDS if kind.file == "h264.mkv")
    from eval.video import pyav

    fed: list[int] = []
    plain = pyav._Output.feed

    def feed(self: Any, codec: Any, packet: Any, number: int) -> None:
        fed.append(number)
        plain(self, codec, packet, number)

    monkeypatch.setattr(pyav._Output, "feed", feed)
    assert numbers(kind, read(build(kind), 2)) == [0, 49]
    assert len(fed) <= 10


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("rawvideo", "pal8", "avi"),
        ("rawvideo", "pal8", "mov"),
        ("rawvideo", "monow", "avi"),
        ("rawvideo", "monob", "avi"),
        ("rawvideo", "monow", "mov"),
        ("rawvideo", "monob", "nut"),
        ("rawvideo", "gray", "mov"),
        ("qtrle", "gray", "mov"),
        ("msrle", "pal8", "avi"),
        ("zmbv", "pal8", "avi"),
    ],
)
def test_colours_that_come_with_the_first_packet_hold_for_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, pix_fmt: str, suffix: str
) -> None:
    path = of_palette(tmp_path / f"a.{suffix}", codec, pix_fmt)
    every, _ = decode_all(path)
    assert len({pixels.tobytes() for pixels in every}) == 20
    monkeypatch.setattr(demux, "NEAR", 0)
    frames = read(path, 8)
    for frame, index in zip(frames, sample_indices(20, 8), strict=True):
        assert np.array_equal(frame, every[index]), index
