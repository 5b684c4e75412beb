"""What a folder of videos from the internet may hold besides videos, each made on the spot.

`scripts/bad_media.py` prints what becomes of each; the test holds the harness to it.
"""

from __future__ import annotations

import math
import os
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eval.core import Clip
from tests.video.clips import encode, picture, sound_only

FRAMES = "frames"
"""Stands among the reasons where the clip may give frames after all."""
_REFUSED = "not_a_video no_video_stream truncated corrupt unreadable unsupported too_large"
_X264 = {"preset": "superfast", "g": "12", "bf": "2"}


@dataclass(frozen=True, kw_only=True)
class Bad:
    """One kind of bad media."""

    name: str
    make: Callable[[Path], Clip]
    """Writes it into an empty folder."""
    ends_as: frozenset[str]
    """Reasons of which it must end with one, or FRAMES."""
    needs_user: bool
    """Root may read it."""
    heavy: bool
    """Takes seconds, to be made or to be read."""


KINDS: list[Bad] = []


def kind(
    ends_as: str, *, needs_user: bool = False, heavy: bool = False
) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    """Note a maker, which returns a clip, or the path of one."""

    def note(make: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def clip(folder: Path) -> Clip:
            made = make(folder)
            return made if isinstance(made, Clip) else Clip(source=made)

        name = make.__name__.strip("_").replace("_", " ")
        reasons = frozenset(ends_as.split())
        KINDS.append(Bad(name=name, make=clip, ends_as=reasons, needs_user=needs_user, heavy=heavy))
        return make

    return note


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _video(folder: Path, name: str = "whole.mp4", **settings: Any) -> Path:
    encode(folder / name, "libx264", options=_X264, **settings)
    return folder / name


def _png(folder: Path, name: str = "picture.png") -> Path:
    Image.fromarray(picture(5)).save(folder / name, format="png")
    return folder / name


# What is no file


@kind("missing")
def missing(folder: Path) -> Path:
    return folder / "gone.mp4"


@kind("missing")
def link_to_nothing(folder: Path) -> Path:
    (folder / "link.mp4").symlink_to("gone.mp4")
    return folder / "link.mp4"


@kind("unreadable")
def link_to_itself(folder: Path) -> Path:
    (folder / "link.mp4").symlink_to("link.mp4")
    return folder / "link.mp4"


@kind("unreadable")
def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


@kind("unreadable")
def fifo_in_a_folder_of_frames(folder: Path) -> Path:
    os.mkfifo(folder / "1.png")
    return folder


@kind("unreadable")
def fifo_in_a_list_of_frames(folder: Path) -> Clip:
    os.mkfifo(folder / "1.png")
    return Clip(source=(_png(folder), folder / "1.png"))


@kind("unreadable")
def link_to_dev_zero(folder: Path) -> Path:
    (folder / "zero.mp4").symlink_to("/dev/zero")
    return folder / "zero.mp4"


@kind("unreadable")
def dev_zero_as_a_frame(folder: Path) -> Clip:
    (folder / "zero.png").symlink_to("/dev/zero")
    return Clip(source=(folder / "zero.png",))


@kind("unreadable")
def dev_full(_: Path) -> Path:
    return Path("/dev/full")


@kind("unreadable")
def socket_file(folder: Path) -> Path:
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # the path of a socket must be short
        try:
            server.bind("s.mp4")
        finally:
            os.chdir(here)
    return folder / "s.mp4"


@kind("empty")
def empty_file(folder: Path) -> Path:
    return _written(folder / "a.mp4", b"")


@kind("empty")
def empty_frame(folder: Path) -> Clip:
    return Clip(source=(_written(folder / "1.png", b""),))


@kind("empty")
def folder_without_images(folder: Path) -> Path:
    _written(folder / "notes.txt", b"no frames here")
    return folder


@kind("unreadable")
def folder_named_as_a_frame(folder: Path) -> Path:
    (folder / "1.png").mkdir()
    return folder


@kind("empty")
def empty_list_of_frames(_: Path) -> Clip:
    return Clip(source=())


@kind("unreadable", needs_user=True)
def forbidden_file(folder: Path) -> Path:
    _video(folder).chmod(0)
    return folder / "whole.mp4"


@kind("unreadable")
def name_that_is_too_long(folder: Path) -> Path:
    return folder / ("a" * 300 + ".mp4")


@kind("unreadable")
def name_with_a_null(folder: Path) -> Path:
    return folder / "a\0b.mp4"


# Names


@kind(FRAMES)
def name_that_is_not_utf_8(folder: Path) -> Path:
    return _video(folder).rename(folder / os.fsdecode(b"caf\xe9.mp4"))


@kind("missing")
def missing_name_that_is_not_utf_8(folder: Path) -> Path:
    return folder / os.fsdecode(b"caf\xe9.mp4")


@kind(FRAMES)
def name_with_line_breaks(folder: Path) -> Path:
    return _video(folder).rename(folder / "two\nlines\r.mp4")


@kind("missing")
def missing_name_with_an_escape(folder: Path) -> Path:
    return folder / "\x1b[2J\nall is well.mp4"


@kind("missing")
def name_that_is_an_address(_: Path) -> Path:
    return Path("http://127.0.0.1:9/a.mp4")


# Something else under the name


@kind(FRAMES)
def png_named_mp4(folder: Path) -> Path:
    return _png(folder, "a.mp4")


@kind(FRAMES)
def mp4_named_gif(folder: Path) -> Path:
    return _video(folder).rename(folder / "a.gif")


@kind(FRAMES)
def mp4_named_png(folder: Path) -> Path:
    return _video(folder).rename(folder / "a.png")


@kind(FRAMES)
def gif_named_mp4(folder: Path) -> Path:
    return _written(folder / "a.mp4", _gif(3, 8, 8))


@kind("not_a_video")
def html(folder: Path) -> Path:
    return _written(folder / "a.mp4", b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n" * 50)


@kind("not_a_video")
def words(folder: Path) -> Path:
    return _written(folder / "a.avi", b"many words and no picture\n" * 500)


@kind("not_a_video")
def json_error(folder: Path) -> Path:
    return _written(folder / "a.webm", b'{"error": "quota exceeded"}')


@kind("not_a_video")
def git_lfs_pointer(folder: Path) -> Path:
    text = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123456\n"
    return _written(folder / "a.mp4", text)


@kind("not_a_video")
def zip_file(folder: Path) -> Path:
    import zipfile

    with zipfile.ZipFile(folder / "a.mp4", "w") as archive:
        archive.writestr("b.mp4", b"x" * 1000)
    return folder / "a.mp4"


@kind("not_a_video")
def subtitles(folder: Path) -> Path:
    return _written(folder / "a.mkv", b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n" * 20)


@kind("not_a_video no_video_stream")
def zeros(folder: Path) -> Path:
    return _written(folder / "a.mp4", bytes(100_000))


@kind("no_video_stream")
def sound(folder: Path) -> Path:
    sound_only(folder / "a.mp4")
    return folder / "a.mp4"


@kind("no_video_stream")
def sound_as_wav(folder: Path) -> Path:
    sound_only(folder / "a.wav")
    return folder / "a.wav"


def _noise(suffix: str) -> None:
    def noise(folder: Path) -> Path:
        return _written(folder / f"a{suffix}", random.Random(suffix).randbytes(60_000))

    noise.__name__ = f"random_bytes_as_{suffix[1:]}"
    kind(_REFUSED)(noise)


for _suffix in (
    ".mp4",
    ".avi",
    ".mkv",
    ".webm",
    ".ts",
    ".mpg",
    ".flv",
    ".wmv",
    ".mov",
    ".gif",
    ".png",
    ".jpg",
    ".webp",
):
    _noise(_suffix)


def _magic(suffix: str, magic: bytes) -> None:
    def noise(folder: Path) -> Path:
        return _written(folder / f"a{suffix}", magic + random.Random(suffix).randbytes(60_000))

    noise.__name__ = f"random_bytes_with_the_head_of_{suffix[1:]}"
    kind(f"{_REFUSED} {FRAMES}")(noise)


for _suffix, _head in {
    ".mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    ".avi": b"RIFF\xff\xff\xff\x7fAVI LIST",
    ".mkv": b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\xf7\x81\x01",
    ".ts": b"G@\0\x10\0\0\xb0\r",
    ".mpg": b"\0\0\x01\xba!\0\x01\0\x01\x80\0\x01",
    ".flv": b"FLV\x01\x05\0\0\0\t\0\0\0\0",
    ".wmv": b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\0\xaa\0b\xcel",
    ".gif": b"GIF89a",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff\xe0",
    ".webp": b"RIFF\xff\xff\0\0WEBPVP8 ",
    ".tif": b"II*\0",
    ".bmp": b"BM",
}.items():
    _magic(_suffix, _head)


# Files that name other files, or addresses


def _pointer(name: str, content: str) -> None:
    def pointer(folder: Path) -> Path:
        inner = _video(folder)
        return _written(folder / name, content.format(inner=inner, folder=folder).encode())

    pointer.__name__ = f"{name.replace('.', ' as ')} that names another file"
    kind("not_a_video")(pointer)


_pointer("playlist.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\n{inner}\n#EXT-X-ENDLIST\n")
_pointer("playlist.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\nfile://{inner}\n#EXT-X-ENDLIST\n")
_pointer("address.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
_pointer("concat.mp4", "ffconcat version 1.0\nfile whole.mp4\n")
_pointer("concat.avi", "ffconcat version 1.0\nfile 'file:{inner}'\n")
_pointer("session.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n")
_pointer("session.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n")
_pointer(
    "manifest.mpd",
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet><Representation id="1">'
    "<BaseURL>file:{inner}</BaseURL></Representation></AdaptationSet></Period></MPD>",
)
_pointer("reference.mov", "rtsptextRTSP://127.0.0.1:9/a.mov\r\n")
_pointer("index.idx", "# VobSub index file, v7\nsize: 720x576\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 0\n")


# Cut and torn files


def _cut(name: str, share: float, codec: str = "libx264") -> None:
    def cut(folder: Path) -> Path:
        encode(folder / name, codec, options=_X264 if codec == "libx264" else {"g": "12"})
        data = (folder / name).read_bytes()
        return _written(folder / name, data[: int(len(data) * share)])

    cut.__name__ = f"{name[6:]}_cut_at_{share:.0%}"
    # These two state no length, and may be cut between two packets.
    kind("truncated not_a_video corrupt" + (f" {FRAMES}" if name.endswith((".ts", ".mpg")) else ""))(cut)


for _share in (0.01, 0.2, 0.5, 0.8, 0.99):
    _cut("whole.mp4", _share)
for _share in (0.2, 0.5, 0.8):
    for _name in ("whole.avi", "whole.mkv", "whole.flv", "whole.ts", "whole.3gp"):
        _cut(_name, _share)
    _cut("whole.webm", _share, "libvpx")
    _cut("whole.wmv", _share, "wmv2")
    _cut("whole.mpg", _share, "mpeg2video")


def _hole(name: str) -> None:
    def hole(folder: Path) -> Path:
        data = bytearray(_video(folder, name).read_bytes())
        data[len(data) // 4 : len(data) * 3 // 4] = bytes(len(data) * 3 // 4 - len(data) // 4)
        return _written(folder / name, bytes(data))

    hole.__name__ = f"{name[6:]}_with_zeros_in_the_middle"
    kind("corrupt truncated")(hole)


for _name in ("whole.mp4", "whole.avi", "whole.mkv", "whole.ts"):
    _hole(_name)


@kind("truncated")
def png_cut(folder: Path) -> Path:
    data = _png(folder).read_bytes()
    return _written(folder / "a.png", data[: len(data) // 2])


@kind("truncated")
def gif_cut(folder: Path) -> Path:
    pictures = [Image.fromarray(picture(number)) for number in range(5)]
    pictures[0].save(folder / "whole.gif", save_all=True, append_images=pictures[1:])
    data = (folder / "whole.gif").read_bytes()
    return _written(folder / "a.gif", data[: len(data) // 2])


# Absurd sizes and numbers


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _declared_png(width: int, height: int, data: bytes = b"", extra: bytes = b"") -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _gif(frames: int, width: int, height: int, *, trailer: bool = True) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    loop = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + loop + frame * frames + (b";" if trailer else b"")


@kind("too_large")
def png_of_100000_a_side(folder: Path) -> Path:
    return _written(folder / "a.png", _declared_png(100_000, 100_000, zlib.compress(bytes(1000))))


@kind("too_large truncated")
def png_of_100000_a_side_named_mp4(folder: Path) -> Path:
    return _written(folder / "a.mp4", _declared_png(100_000, 100_000, zlib.compress(bytes(1000))))


@kind("too_large truncated")
def gif_of_65535_a_side(folder: Path) -> Path:
    return _written(folder / "a.gif", _gif(3, 65_535, 65_535))


@kind("too_large")
def bmp_of_100000_a_side(folder: Path) -> Path:
    head = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    return _written(folder / "a.bmp", head + struct.pack("<IiiHHIIiiII", 40, 100_000, 100_000, 1, 24, 0, 0, 0, 0, 0, 0))


@kind("too_large")
def jpeg_of_65535_a_side(folder: Path) -> Path:
    Image.fromarray(picture(5)).save(folder / "whole.jpg")
    data = bytearray((folder / "whole.jpg").read_bytes())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    return _written(folder / "a.jpg", bytes(data))


@kind(f"memory timeout {FRAMES}", heavy=True)
def png_bomb(folder: Path) -> Path:
    """A large black picture in few bytes, just within the bounds."""
    rows = zlib.compressobj(9)
    row = bytes(1 + 3 * 13_000)
    data = b"".join(rows.compress(row) for _ in range(13_000)) + rows.flush()
    return _written(folder / "a.png", _declared_png(13_000, 13_000, data))


@kind(f"truncated unreadable too_large {FRAMES}")
def png_with_a_bomb_for_a_text(folder: Path) -> Path:
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(70_000_000), 9))
    pixel = zlib.compress(b"\0\0\0\0")
    return _written(folder / "a.png", _declared_png(1, 1, pixel, extra=text))


@kind("too_large")
def gif_of_a_million_frames(folder: Path) -> Path:
    return _written(folder / "a.gif", _gif(1_000_000, 1, 1))


@kind("too_large")
def gif_without_an_end(folder: Path) -> Path:
    return _written(folder / "a.gif", _gif(1_000_000, 4_000, 4_000, trailer=False))


@kind(f"timeout too_large {FRAMES}", heavy=True)
def gif_of_many_large_frames(folder: Path) -> Path:
    return _written(folder / "a.gif", _gif(19_999, 8_000, 8_000))


def _patch(path: Path, box: bytes, change: Callable[[bytearray, int], None]) -> Path:
    data = bytearray(path.read_bytes())
    at = data.index(box)
    change(data, at)
    return _written(path, bytes(data))


@kind(f"{FRAMES} too_large")
def mp4_that_declares_65535_a_side(folder: Path) -> Path:
    encode(folder / "a.mp4", "mpeg4", options={"g": "12"})

    def change(data: bytearray, at: int) -> None:
        data[at + 28 : at + 32] = b"\xff\xff\xff\xff"

    return _patch(folder / "a.mp4", b"mp4v", change)


@kind(f"{FRAMES} too_large")
def avi_that_declares_100000_a_side(folder: Path) -> Path:
    encode(folder / "a.avi", "mpeg4", options={"g": "12"})

    def change(data: bytearray, at: int) -> None:
        struct.pack_into("<ii", data, at + 12, 100_000, 100_000)

    return _patch(folder / "a.avi", b"strf", change)


def _declared_count(count: int) -> None:
    def declared(folder: Path) -> Path:
        def change(data: bytearray, at: int) -> None:
            struct.pack_into(">II", data, at + 8, 1, count)  # all samples of one byte, no table
            times = data.index(b"stts")
            struct.pack_into(">III", data, times + 8, 1, count, 512)

        return _patch(_video(folder), b"stsz", change)

    declared.__name__ = f"mp4_that_declares_{count}_pictures"
    kind("truncated corrupt not_a_video memory no_video_stream too_large")(declared)


for _count in (1_000_000, 50_000_000, 2**31 - 1):
    _declared_count(_count)


@kind("truncated not_a_video no_video_stream")
def mp4_of_boxes_in_boxes(folder: Path) -> Path:
    """Ten thousand boxes, each in the one before."""
    boxes = b"".join(struct.pack(">I4s", 8 * n, b"trak") for n in range(10_000, 0, -1))
    head = b"\0\0\0\x10ftypisom\0\0\0\0" + struct.pack(">I4s", 8 + len(boxes), b"moov")
    return _written(folder / "a.mp4", head + boxes)


@kind("too_large corrupt truncated memory not_a_video")
def avi_of_jpegs_of_65535_a_side(folder: Path) -> Path:
    encode(folder / "a.avi", "mjpeg", pix_fmt="yuvj420p", numbers=range(5))
    data = bytearray((folder / "a.avi").read_bytes())
    at = 0
    while (at := data.find(b"\xff\xc0\0\x11", at)) >= 0:
        data[at + 5 : at + 9] = b"\xff\xf0\xff\xf0"
        at += 9
    return _written(folder / "a.avi", bytes(data))


@kind("not_a_video unreadable truncated no_video_stream")
def mkv_with_a_size_of_exabytes(folder: Path) -> Path:
    head = b"\x1aE\xdf\xa3\x8bB\x82\x88matroska" + b"\x18S\x80g\x01" + b"\x0f" * 7
    return _written(folder / "a.mkv", head + b"\x16T\xaek\x01" + b"\x0f" * 7 + bytes(1000))


@kind("not_a_video unreadable")
def sparse_file_of_a_terabyte(folder: Path) -> Path:
    with (folder / "a.mp4").open("wb") as file:
        file.truncate(1 << 40)
    return folder / "a.mp4"


@kind("not_a_video unreadable truncated unsupported")
def tiff_whose_directories_go_in_circles(folder: Path) -> Path:
    entry = struct.pack("<HHII", 256, 3, 1, 1)
    return _written(folder / "a.tif", b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + struct.pack("<I", 8))


@kind(FRAMES)
def animated_webp(folder: Path) -> Path:
    pictures = [Image.fromarray(picture(number)) for number in range(3)]
    pictures[0].save(folder / "a.webp", save_all=True, append_images=pictures[1:])
    return folder / "a.webp"


@kind(FRAMES)
def animated_png(folder: Path) -> Path:
    pictures = [Image.fromarray(picture(number)) for number in range(3)]
    pictures[0].save(folder / "a.png", save_all=True, append_images=pictures[1:])
    return folder / "a.png"


@kind(FRAMES)
def picture_of_one_pixel(folder: Path) -> Path:
    Image.new("RGB", (1, 1), (1, 2, 3)).save(folder / "a.png")
    return folder / "a.png"


@kind(f"{FRAMES} memory timeout", heavy=True)
def picture_like_a_thread(folder: Path) -> Path:
    Image.new("RGB", (16_000, 1)).save(folder / "a.png")
    return folder / "a.png"


@kind(FRAMES)
def video_of_two_pixels(folder: Path) -> Path:
    encode(folder / "a.mkv", "ffv1", size=(2, 2), numbers=[0, 0, 0])
    return folder / "a.mkv"


@kind("unsupported")
def png_of_sixteen_bits(folder: Path) -> Path:
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(folder / "a.png")
    return folder / "a.png"


# Spans and times


def _span(name: str, start: float | None, end: float | None, ends_as: str = FRAMES) -> None:
    def span(folder: Path) -> Clip:
        return Clip(source=_video(folder), start=start, end=end)

    span.__name__ = f"span_{name}"
    kind(ends_as)(span)

    def folder_span(folder: Path) -> Clip:
        _png(folder, "1.png")
        _png(folder, "2.png")
        return Clip(source=folder, start=start, end=end, fps=3.0)

    folder_span.__name__ = f"span_{name}_of_a_folder"
    kind(ends_as)(folder_span)


_span("that_is_negative", -5.0, -1.0)
_span("beyond_the_end", 100.0, 200.0)
_span("that_ends_before_it_begins", 1.5, 0.5)
_span("that_is_huge", 1e300, 1e308)
_span("without_an_end", 0.0, math.inf)
_span("that_begins_at_infinity", math.inf, None)
_span("that_is_no_number", math.nan, math.nan, "unsupported")


@kind(f"{FRAMES} unsupported")
def video_without_duration(folder: Path) -> Clip:
    """Every picture is shown at the same moment."""
    encode(folder / "a.mkv", "libx264", options=_X264, times=lambda i: i // 50)
    return Clip(source=folder / "a.mkv", start=0.5, end=0.6)


@kind("unsupported")
def folder_at_a_rate_that_is_no_number(folder: Path) -> Clip:
    return Clip(source=_png(folder).parent, start=0.5, end=1.0, fps=math.nan)
