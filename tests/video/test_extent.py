"""A video that was cut off is refused where its container says that more was there; a whole one never is."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from eval.core import Clip, DecoderName, FramePolicy
from eval.errors import MediaError
from eval.video.containers import Extent, stated_extent
from eval.video.extent import check_whole
from eval.video.frames import DECODERS, load_frames
from tests.video.clips import COUNT, KINDS, encode
from tests.video.conftest import BuildFile

KIND = {kind.file: kind for kind in KINDS}
STATED = [
    "h264.mkv",
    "vfr.mkv",
    "vp9.webm",
    "h264.flv",
    "mpeg4.avi",
    "h264.avi",
    "packed.avi",
    "wmv2.wmv",
    "fragmented.mp4",
    "faststart.mp4",
]
"""Kinds whose containers state their length."""


def pictures_in(path: Path) -> int:
    try:
        with av.open(str(path)) as container:
            return sum(packet.size > 0 and not packet.is_corrupt for packet in container.demux(video=0))
    except av.error.FFmpegError:
        return 0


def refused(path: Path, decoder: DecoderName = "pyav") -> MediaError | None:
    try:
        load_frames(Clip(source=path), FramePolicy(n_frames=8), decoder=decoder)
    except MediaError as error:
        return error
    return None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.numbers is not None], ids=lambda kind: kind.file)
def test_a_whole_file_is_not_refused(kind: Any, build: BuildFile) -> None:
    path = build(kind)
    check_whole(path)
    extent = stated_extent(path)
    assert (extent.end is None) == path.name.endswith((".ts", ".mpg"))
    assert extent.end is None or 0.95 * path.stat().st_size < extent.end <= path.stat().st_size


@pytest.mark.parametrize("file", STATED)
def test_a_cut_is_refused_wherever_it_is_unless_all_pictures_are_there(
    tmp_path: Path, build: BuildFile, file: str
) -> None:
    data = build(KIND[file]).read_bytes()
    whole = pictures_in(build(KIND[file]))
    with av.open(str(build(KIND[file]))) as container:
        borders = [packet.pos for packet in container.demux(video=0) if packet.pos]
    shares = [len(data) * percent // 100 for percent in range(5, 100, 5)]
    for size in {*shares, *borders[1::5], borders[-1], borders[-1] - 8, borders[-1] + 4, len(data) - 1}:
        (tmp_path / file).write_bytes(data[:size])
        left = pictures_in(tmp_path / file)
        extent = stated_extent(tmp_path / file)
        if 0 < left < whole and (extent.end or extent.seconds):
            with pytest.raises(MediaError, match="is cut off: ") as caught:
                check_whole(tmp_path / file)
            assert caught.value.reason == "truncated"
        else:
            # Fragments of an mp4 that ends between two of them are all there is to know.
            assert left in {0, whole} or file == "fragmented.mp4"


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("file", STATED)
def test_both_decoders_refuse_it(
    tmp_path: Path, build: BuildFile, file: str, share: float, decoder: DecoderName
) -> None:
    if decoder == "decord":
        pytest.importorskip("decord")
    data = build(KIND[file]).read_bytes()
    (tmp_path / file).write_bytes(data[: int(len(data) * share)])
    error = refused(tmp_path / file, decoder)
    assert error is not None
    assert error.reason == "truncated"


@pytest.mark.parametrize("file", ["h264.ts", "mpeg2.mpg", "mpeg1.mpg"])
def test_half_a_packet_at_the_end_is_a_cut(tmp_path: Path, build: BuildFile, file: str) -> None:
    """Packets of 188 bytes, and packs of 2048: nothing else tells the end of these."""
    data = build(KIND[file]).read_bytes()
    size = len(data) // 2 // (188 * 2048) * (188 * 2048) or (188 * 100 if file.endswith("ts") else 2048 * 10)
    (tmp_path / file).write_bytes(data[:size])
    check_whole(tmp_path / file)
    assert stated_extent(tmp_path / file) == Extent()
    for more in (30, 100, 180):
        (tmp_path / file).write_bytes(data[: size + more])
        with pytest.raises(MediaError, match="is cut off"):
            check_whole(tmp_path / file)


@pytest.mark.parametrize(("distance", "before"), [(192, 4), (204, 0)])
def test_transport_packets_with_a_time_or_a_checksum(
    tmp_path: Path, build: BuildFile, distance: int, before: int
) -> None:
    data = build(KIND["h264.ts"]).read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    wide = b"".join(bytes(before) + packet + bytes(distance - 188 - before) for packet in packets)
    for size, is_whole in ((len(wide), True), (distance * 60, True), (distance * 60 + 50, False)):
        (tmp_path / "a.m2ts").write_bytes(wide[:size])
        assert stated_extent(tmp_path / "a.m2ts").torn is not is_whole


def _avi(data: bytearray) -> None:
    movi = data.index(b"movi")
    data[4:8] = data[movi - 4 : movi] = struct.pack("<I", 2 * len(data))


def _segment(data: bytearray) -> None:
    at = data.index(b"\x18\x53\x80\x67") + 4
    data[at : at + 8] = b"\x01" + (2 * len(data)).to_bytes(7, "big")


def _flv(data: bytearray) -> None:
    at = data.index(b"filesize\0") + 9
    data[at : at + 8] = struct.pack(">d", 2 * len(data))


def _asf(data: bytearray) -> None:
    at = data.index(bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")) + 16
    data[at : at + 8] = struct.pack("<Q", 2 * len(data))


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("mpeg4.avi", _avi),
        ("packed.avi", _avi),
        ("h264.avi", _avi),
        ("h264.mkv", _segment),
        ("vfr.mkv", _segment),
        ("vp8.webm", _segment),
        ("h264.flv", _flv),
        ("wmv2.wmv", _asf),
    ],
)
def test_a_wrong_size_is_outvoted_by_pictures_or_seconds(
    tmp_path: Path, build: BuildFile, file: str, spoil: Callable[[bytearray], None]
) -> None:
    data = bytearray(build(KIND[file]).read_bytes())
    spoil(data)
    (tmp_path / file).write_bytes(data)
    extent = stated_extent(tmp_path / file)
    assert extent.end is not None
    assert extent.end > len(data)
    assert refused(tmp_path / file) is None
    (tmp_path / file).write_bytes(data[: len(data) * 8 // 10])
    assert refused(tmp_path / file) is not None


def test_a_duration_alone_says_that_more_was_there(tmp_path: Path, build: BuildFile) -> None:
    """Tags that end with the file, no stated size, and 4 s of 10 or of 4.9 s."""
    encode(tmp_path / "a.flv", "flv", numbers=range(100))
    data = bytearray((tmp_path / "a.flv").read_bytes())
    at = data.index(b"filesize\0") + 9
    data[at : at + 8] = struct.pack(">d", 0.0)
    at = data.index(b"duration\0") + 9
    for seconds, message in ((10.0, "4.0 s are there of 10.0"), (4.9, None)):
        data[at : at + 8] = struct.pack(">d", seconds)
        (tmp_path / "a.flv").write_bytes(data)
        error = refused(tmp_path / "a.flv")
        assert (error is None) == (message is None)
        assert error is None or message in error.detail  # type: ignore[operator]


def test_a_stream_of_unknown_size_and_duration_is_read(tmp_path: Path) -> None:
    encode(tmp_path / "a.mkv", "libx264", muxing={"live": "1"})
    assert stated_extent(tmp_path / "a.mkv") == Extent()
    assert refused(tmp_path / "a.mkv") is None


@pytest.mark.parametrize("file", [*STATED, "h264.ts", "mpeg2.mpg"])
def test_damaged_headers_are_no_exception(tmp_path: Path, build: BuildFile, file: str) -> None:
    data = build(KIND[file]).read_bytes()
    chance = random.Random(file)
    for _ in range(200):
        damaged = bytearray(data[: chance.choice([20, 200, 2000, len(data)])])
        for _ in range(3):
            at = chance.randrange(min(len(damaged), chance.choice([64, 1000, len(damaged)])))
            damaged[at : at + 8] = chance.choice([bytes(8), b"\xff" * 8, b"\x7f" + b"\xff" * 7, chance.randbytes(8)])
        (tmp_path / file).write_bytes(damaged)
        stated_extent(tmp_path / file)


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def test_an_index_of_several_parts_reaches_beyond_the_first(tmp_path: Path) -> None:
    """OpenDML: two parts, of which the second's index chunk would stand at byte 10,000 with 64 bytes."""
    index = struct.pack("<HBBI4s3I", 4, 0, 0, 2, b"00dc", 0, 0, 0)
    index += struct.pack("<QII", 500, 64, 10) + struct.pack("<QII", 10_000, 64, 10)
    header = chunk(b"LIST", b"hdrl" + chunk(b"indx", index))
    movi = chunk(b"LIST", b"movi" + bytes(400))
    first = chunk(b"RIFF", b"AVI " + header + movi)
    (tmp_path / "a.avi").write_bytes(first)
    assert stated_extent(tmp_path / "a.avi").end == 10_064
    second = chunk(b"RIFF", b"AVIX" + chunk(b"LIST", b"movi" + bytes(20_000)))
    (tmp_path / "a.avi").write_bytes(first + second)
    assert stated_extent(tmp_path / "a.avi").end == len(first + second)
    (tmp_path / "a.avi").write_bytes((first + second)[:15_000])
    assert stated_extent(tmp_path / "a.avi").end == len(first + second)


@pytest.mark.parametrize("version", [0, 1])
def test_a_segment_index_states_what_follows_it(tmp_path: Path, version: int) -> None:
    """Two segments of 1000 and 2000 bytes, 100 bytes after the index."""
    times = struct.pack(">QQ", 0, 100) if version else struct.pack(">II", 0, 100)
    segments = b"".join(struct.pack(">III", size, 25, 0x90000000) for size in (1000, 2000))
    body = b"sidx" + bytes([version, 0, 0, 0]) + struct.pack(">II", 1, 25) + times + struct.pack(">HH", 0, 2) + segments
    data = struct.pack(">I", 8) + b"ftyp" + struct.pack(">I", 4 + len(body)) + body
    moof = struct.pack(">I", 8) + b"moof"
    (tmp_path / "a.mp4").write_bytes(data + moof)
    assert stated_extent(tmp_path / "a.mp4").end == len(data) + 100 + 3000


def test_the_cases_reported(tmp_path: Path) -> None:
    folder = Path(__file__).parents[3] / "shared" / "cases" / "hostile" / "02-truncated-media"
    if not folder.is_dir():
        pytest.skip("the reported files are not here")
    for path in folder.iterdir():
        error = refused(path)
        assert error is not None
        assert error.reason == "truncated"


def test_there_are_as_many_pictures_as_drawn(build: BuildFile) -> None:
    assert pictures_in(build(KIND["h264.mkv"])) == COUNT
