"""Real files of many kinds, made on the spot, in which every picture carries its own number.

The number is drawn as twelve light or dark fields (eight bits and a four-bit checksum) that survive lossy
coding; a little noise over them makes neighbouring pictures differ in every block, so that equality of pixels
says something too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
RATE = 25
COUNT = 50
WIDTH, HEIGHT = 96, 72


def _checksum(number: int) -> int:
    return (number * 7 + 5) % 16


@functools.lru_cache(maxsize=512)
def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Return the RGB picture that carries a number from 0 to 255, shape (height, width, 3)."""
    code = number | _checksum(number) << 8
    pixels = np.empty((height, width), np.float32)
    for field in range(12):
        row, column = divmod(field, 4)
        rows = slice(row * height // 3, (row + 1) * height // 3)
        pixels[rows, column * width // 4 : (column + 1) * width // 4] = 200 if code >> field & 1 else 40
    pixels += np.random.default_rng(number).integers(-12, 13, (height, width))
    return np.repeat(pixels.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def read_number(pixels: Pixels) -> int:
    """Return the number that a picture carries, or -1 where its checksum does not fit."""
    height, width = pixels.shape[:2]
    grey = pixels.astype(np.float32).mean(axis=2)
    code = 0
    for field in range(12):
        row, column = divmod(field, 4)
        y, x = (2 * row + 1) * height // 6, (2 * column + 1) * width // 8
        patch = grey[y - height // 12 : y + height // 12 + 1, x - width // 16 : x + width // 16 + 1]
        code |= int(patch.mean() > 120) << field
    return code & 255 if code >> 8 == _checksum(code & 255) else -1


def encode(
    path: Path,
    codec: str,
    *,
    numbers: Sequence[int] = range(COUNT),
    size: tuple[int, int] = (WIDTH, HEIGHT),
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
    times: Callable[[int], int] = lambda i: i,
    turn: tuple[int, bool] | None = None,
    sound: bool = False,
) -> None:
    """Write a video whose i-th picture carries `numbers[i]` and is shown at `times(i)` / RATE seconds."""
    with av.open(str(path), "w", container_options=muxing or {}) as container:
        stream: Any = container.add_stream(codec, rate=RATE, options={"threads": "1", **(options or {})})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        if turn is not None:
            stream.set_display_rotation(turn[0], hflip=turn[1])
        audio: Any = container.add_stream("aac", rate=16000) if sound else None
        for i, number in enumerate(numbers):
            frame: Any = av.VideoFrame.from_ndarray(picture(number, *size), "rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = times(i), Fraction(1, RATE)
            container.mux(stream.encode(frame))
            if audio is not None:
                container.mux(audio.encode(_silence(i)))
        container.mux(stream.encode())
        if audio is not None:
            container.mux(audio.encode())


def of_palette(path: Path, codec: str, pix_fmt: str) -> Path:
    """Write twenty pictures in shades, in black and white, or in a palette of dark blue and orange; return the path."""
    palette = np.zeros((256, 4), np.uint8)
    palette[:2] = [(255, 0, 0, 90), (255, 255, 160, 0)]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 96, 72, pix_fmt
        for i in range(20):
            shades: Any = av.VideoFrame.from_ndarray(picture(i), "rgb24")
            if pix_fmt == "pal8":
                frame: Any = av.VideoFrame.from_ndarray((shades.to_ndarray()[..., 0] // 128, palette), "pal8")
            else:
                frame = shades.reformat(format=pix_fmt)
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _silence(i: int) -> Any:
    samples = 16000 // RATE
    frame: Any = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 16000, i * samples, Fraction(1, 16000)
    return frame


def remux(source: Path, target: Path, change: Callable[[list[Any]], Iterable[Any]]) -> None:
    """Copy a video stream without coding it again, after changing its list of packets."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in change([packet for packet in old.demux(old.streams.video[0]) if packet.size]):
            packet.stream = stream
            new.mux(packet)


def sound_only(path: Path) -> None:
    """Write a file that holds sound and nothing else."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac" if path.suffix in {".mp4", ".m4a"} else "pcm_s16le", rate=16000)
        for i in range(RATE):
            container.mux(stream.encode(_silence(i) if stream.name == "aac" else _as_s16(_silence(i))))
        container.mux(stream.encode())


def _as_s16(frame: Any) -> Any:
    resampled = av.AudioResampler(format="s16", layout="mono", rate=16000).resample(frame)
    return resampled[0]


def _x264(params: str = "", **options: str) -> dict[str, str]:
    return {"preset": "superfast", "x264-params": params, **options}


def _x265(params: str = "") -> dict[str, str]:
    return {"preset": "ultrafast", "x265-params": f"log-level=none:pools=none:frame-threads=1:keyint=12:{params}"}


_B = {"bf": "2", "g": "12", "b": "900k"}
_OPEN = "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:b-pyramid=normal:scenecut=0"
_VP9 = {"auto-alt-ref": "1", "lag-in-frames": "16", "deadline": "realtime", "cpu-used": "8", "g": "20", "b": "900k"}
_VP8 = {"deadline": "realtime", "cpu-used": "8", "g": "20", "b": "900k"}


def _uneven(i: int) -> int:
    """Frame times at distances of 3, 1 and 2: a variable frame rate."""
    return i * 2 + (0, 1, 0)[i % 3]


def _trimmed(path: Path, codec: str, options: dict[str, str]) -> None:
    """Begin 10 pictures before zero: an mp4 notes in an edit list that they are not shown."""
    encode(path, codec, options=options, times=lambda i: i - 10, muxing={"avoid_negative_ts": "disabled"})


def _all_marked_as_keys(path: Path) -> None:
    def change(packets: list[Any]) -> list[Any]:
        for packet in packets:
            packet.is_keyframe = True
        return packets

    plain = path.with_name("unmarked.mkv")
    encode(plain, "libx264", options=_x264(g="100", bf="2"))
    remux(plain, path, change)


def _packed(path: Path) -> None:
    """Put every B-frame into the packet before it and a placeholder where it was, as DivX did for AVI."""

    def change(packets: list[Any]) -> list[Any]:
        data = [bytes(packet) for packet in packets]
        kinds = [chunk[chunk.find(b"\0\0\1\xb6") + 4] >> 6 for chunk in data]
        for i, kind in enumerate(kinds):
            if kind == 2:
                data[i - 1], data[i] = data[i - 1] + data[i], b"\0\0\1\xb6\x50\x5f\x7f"
        begin = data[0].find(b"\0\0\1\xb6")
        data[0] = data[0][:begin] + b"\0\0\1\xb2DivX503b1393p" + data[0][begin:]  # the p stands for packed
        changed = []
        for packet, chunk in zip(packets, data, strict=True):
            new = av.Packet(chunk)
            new.pts, new.dts, new.time_base = packet.dts, packet.dts, packet.time_base
            new.is_keyframe = packet.is_keyframe
            changed.append(new)
        return changed

    plain = path.with_name("unpacked.avi")
    encode(plain, "mpeg4", options={**_B, "bf": "1"}, numbers=range(COUNT + 1))
    remux(plain, path, change)


def _with_hidden_picture(path: Path) -> None:
    """Clear the show bit (RFC 6386, 9.1) of one picture, as the alternate references of VP8 have it."""

    def change(packets: list[Any]) -> list[Any]:
        old = packets[17]
        data = bytearray(bytes(old))
        data[0] &= ~0x10
        new = av.Packet(bytes(data))
        new.pts, new.dts, new.time_base = old.pts, old.dts, old.time_base
        return [*packets[:17], new, *packets[18:]]

    plain = path.with_name("unhidden.webm")
    encode(plain, "libvpx", options=_VP8)
    remux(plain, path, change)


def _mirror(pixels: Pixels) -> Pixels:
    return pixels[:, ::-1]


def _transpose(pixels: Pixels) -> Pixels:
    return np.rot90(pixels.swapaxes(0, 1), 2)


def _cut(make: Callable[[Path], None], begin: float, end: float) -> Callable[[Path], None]:
    """Keep only the bytes between two fractions of the file."""

    def build(path: Path) -> None:
        whole = path.with_stem(f"whole_{path.stem}")
        make(whole)
        data = whole.read_bytes()
        path.write_bytes(data[int(len(data) * begin) : int(len(data) * end)])

    return build


def _plain(codec: str, **settings: Any) -> Callable[[Path], None]:
    return lambda path: encode(path, codec, **settings)


@dataclass(frozen=True)
class Kind:
    """One kind of file and what must come out of it."""

    file: str
    """File name; unique."""
    make: Callable[[Path], None]
    """Writes the file."""
    numbers: Sequence[int] | None = range(COUNT)
    """Numbers of the pictures shown, in order; None where only what remains in the file can tell."""
    turn: Callable[[Pixels], Pixels] = lambda pixels: pixels
    """Undoes the turn that the file asks for."""
    strange: bool = False
    """A kind on which decord is known to go wrong, or never claimed to be right."""


def _killed(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """Take the sizes out of an AVI, as one whose writer was killed has them."""

    def build(path: Path) -> None:
        make(path)
        data = bytearray(path.read_bytes())
        movi = data.index(b"movi")
        data[4:8] = data[movi - 4 : movi] = bytes(4)
        path.write_bytes(data)

    return build


_TS = _plain("libx264", options=_x264(g="12", bf="3"))

KINDS = [
    Kind("closed.mp4", _plain("libx264", options=_x264(g="12", bf="0"))),
    Kind("long.mp4", _plain("libx264", options=_x264("b-pyramid=normal", g="250", bf="3"))),
    Kind("frequent_keys.mp4", _plain("libx264", options=_x264(g="2", bf="3"))),
    Kind("sound.mp4", _plain("libx264", options=_x264(g="12", bf="3"), sound=True)),
    Kind("faststart.mp4", _plain("libx264", options=_x264(g="12", bf="3"), muxing={"movflags": "faststart"})),
    Kind("fragmented.mp4", _plain("libx264", options=_x264(g="12"), muxing={"movflags": "frag_keyframe+empty_moov"})),
    Kind("open.mp4", _plain("libx264", options=_x264(_OPEN)), strange=True),
    Kind("open.mkv", _plain("libx264", options=_x264(_OPEN)), strange=True),
    Kind("open.ts", _plain("libx264", options=_x264(_OPEN)), strange=True),
    Kind("open_hevc.mp4", _plain("libx265", options=_x265("open-gop=1:bframes=3:b-adapt=0")), strange=True),
    Kind("open_hevc.ts", _plain("libx265", options=_x265("open-gop=1:bframes=3:b-adapt=0")), strange=True),
    Kind("hevc.mkv", _plain("libx265", options=_x265("open-gop=0:bframes=3"))),
    Kind("layers_hevc.mp4", _plain("libx265", options=_x265("open-gop=0:bframes=4:b-adapt=0:temporal-layers=3"))),
    Kind("intra_refresh.mp4", _plain("libx264", options=_x264("intra-refresh=1:keyint=12", bf="0")), strange=True),
    Kind("intra_refresh.ts", _plain("libx264", options=_x264("intra-refresh=1:keyint=12", bf="0")), strange=True),
    Kind("false_keys.mkv", _all_marked_as_keys, strange=True),
    Kind("h264.mov", _plain("libx264", options=_x264(g="12", bf="3"))),
    Kind("prores.mov", _plain("prores_ks", pix_fmt="yuv422p10le"), strange=True),
    Kind("h264.mkv", _plain("libx264", options=_x264(g="12", bf="3"))),
    Kind("h264.flv", _plain("libx264", options=_x264(g="12", bf="3")), strange=True),
    Kind("h264.avi", _plain("libx264", options=_x264(g="12", bf="3")), strange=True),
    Kind("open.avi", _plain("libx264", options=_x264(_OPEN)), strange=True),
    Kind("mpeg4.avi", _plain("mpeg4", options=_B), strange=True),
    Kind("mpeg4_plain.avi", _plain("mpeg4", options={"g": "12", "b": "900k"})),
    Kind("packed.avi", _packed, range(COUNT + 1), strange=True),
    Kind("mpeg4.m4v", _plain("mpeg4", options=_B), strange=True),
    Kind("mpeg4.mp4", _plain("mpeg4", options=_B), strange=True),
    Kind("msmpeg4.avi", _plain("msmpeg4", options={"g": "12", "b": "900k"})),
    Kind("mjpeg.avi", _plain("mjpeg", pix_fmt="yuvj420p", options={"b": "2M"})),
    Kind("ffv1.mkv", _plain("ffv1")),
    Kind("wmv2.wmv", _plain("wmv2", options={"g": "12", "b": "900k"}), strange=True),
    Kind("mpeg1.mpg", _plain("mpeg1video", options=_B), strange=True),
    Kind("mpeg2.mpg", _plain("mpeg2video", options=_B), strange=True),
    Kind("mpeg2.ts", _plain("mpeg2video", options=_B), strange=True),
    Kind("interlaced.ts", _plain("mpeg2video", options={**_B, "flags": "+ildct+ilme"}), strange=True),
    Kind("interlaced.mp4", _plain("libx264", options=_x264("tff=1", g="12")), strange=True),
    Kind("h264.ts", _TS, strange=True),
    Kind("hevc.ts", _plain("libx265", options=_x265("open-gop=0:bframes=3")), strange=True),
    Kind("vp8.webm", _plain("libvpx", options={**_VP8, "auto-alt-ref": "1", "lag-in-frames": "16"})),
    Kind("hidden_vp8.webm", _with_hidden_picture, [*range(17), *range(18, COUNT)], strange=True),
    Kind("vp9.webm", _plain("libvpx-vp9", options=_VP9)),
    Kind("trimmed.mp4", lambda path: _trimmed(path, "libx264", _x264(g="25", bf="3")), range(10, COUNT), strange=True),
    Kind("trimmed_open.mp4", lambda path: _trimmed(path, "libx264", _x264(_OPEN)), range(10, COUNT), strange=True),
    Kind("vfr.mp4", _plain("libx264", options=_x264(g="12", bf="3"), times=_uneven)),
    Kind("vfr.mkv", _plain("libx264", options=_x264(g="12", bf="3"), times=_uneven)),
    Kind("one.mp4", _plain("libx264", options=_x264(), numbers=[7]), [7]),
    Kind("three.mp4", _plain("libx264", options=_x264(), numbers=[7, 8, 9]), [7, 8, 9]),
    Kind("odd_444.mp4", _plain("libx264", options=_x264(g="12"), size=(65, 49), pix_fmt="yuv444p")),
    # decord's FFmpeg of 2019 decodes the edge of odd VP9 pictures differently, by one step of brightness.
    Kind("odd_420.webm", _plain("libvpx-vp9", options=_VP9, size=(65, 49)), strange=True),
    Kind("ten_bit.mkv", _plain("libx265", options=_x265(), pix_fmt="yuv420p10le"), strange=True),
    Kind("ten_bit_h264.mp4", _plain("libx264", options=_x264(g="12"), pix_fmt="yuv420p10le"), strange=True),
    Kind(
        "turned_90.mp4",
        _plain("libx264", options=_x264(g="12"), size=(96, 64), turn=(90, False)),
        turn=lambda p: np.rot90(p, -1),
    ),
    Kind(
        "turned_180.mp4",
        _plain("libx264", options=_x264(g="12"), size=(96, 64), turn=(180, False)),
        turn=lambda p: np.rot90(p, 2),
    ),
    Kind(
        "turned_270.mp4",
        _plain("libx264", options=_x264(g="12"), size=(96, 64), turn=(270, False)),
        turn=lambda p: np.rot90(p, 1),
    ),
    # decord turns pictures but does not mirror them; FFmpeg's own tool does both.
    Kind("mirrored.mp4", _plain("libx264", options=_x264(g="12"), turn=(0, True)), turn=_mirror, strange=True),
    Kind("transposed.mp4", _plain("libx264", options=_x264(g="12"), turn=(90, True)), turn=_transpose, strange=True),
    Kind("cut.avi", _cut(_killed(_plain("mpeg4", options=_B)), 0, 0.5), None, strange=True),
    Kind("cut_h264.avi", _cut(_killed(_plain("libx264", options=_x264(g="12", bf="3"))), 0, 0.5), None, strange=True),
    Kind("cut.ts", _cut(_TS, 0, 0.5), None, strange=True),
    Kind("cut.mpg", _cut(_plain("mpeg2video", options=_B), 0, 0.5), None, strange=True),
    Kind("late.ts", _cut(_TS, 0.3, 1), None, strange=True),
    Kind("late.mpg", _cut(_plain("mpeg2video", options=_B), 0.3, 1), None, strange=True),
]
