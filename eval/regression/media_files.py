"""Clips for the fixed checks of media: what the built-in world lacks, drawn and written without loss.

Each picture carries its number in its colours, so that the frames of a clip differ everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT = 32, 24


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> Any:
    """Return picture `number` from 0 to 63, (height, width, 3) bytes: no two lines, columns or channels are alike."""
    down, across = np.mgrid[0:height, 0:width]
    red = (4 * number + 255 * across // width) % 256
    green = (128 + 3 * number + 255 * down // height) % 256
    blue = np.where((across // 4 + down // 3 + number) % 2 == 0, 40 + 2 * number, 220 - number)
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def video(  # noqa: PLR0913 - each is a property of a file
    path: Path,
    codec: str,
    n: int,
    *,
    pix_fmt: str,
    rate: Fraction | int = 25,
    times: Callable[[int], int] = lambda i: i,
    turn: tuple[int, bool] | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    options: dict[str, str] | None = None,
    muxing: dict[str, str] | None = None,
    full_range: bool = False,
) -> Path:
    """Write a video of the first n pictures, and return its path.

    Args:
        path: the file, whose suffix decides the container.
        codec: the encoder, without loss by itself or by its options.
        n: number of pictures.
        pix_fmt: FFmpeg's name of the encoded form of pixels.
        rate: pictures a second.
        times: the time at which a picture is shown, in 1 / rate.
        turn: degrees by which it is to be turned, and whether it is to be mirrored.
        size: width and height.
        options: of the encoder.
        muxing: options of the container.
        full_range: whether bytes of brightness go from 0 to 255.
    """
    import av

    with av.open(str(path), "w", container_options=muxing or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options={"threads": "1", **(options or {})})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        if full_range:
            stream.codec_context.color_range = 2
        if turn is not None:
            stream.set_display_rotation(turn[0], hflip=turn[1])
        for i in range(n):
            frame: Any = av.VideoFrame.from_ndarray(picture(i, *size), "rgb24")
            if pix_fmt != "rgb24":
                frame = frame.reformat(format=pix_fmt, **({"dst_color_range": 2} if full_range else {}))
            frame.pts, frame.time_base = times(i), 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def gif(path: Path, n: int, **settings: Any) -> Path:
    """Write a gif of n pictures, and return its path."""
    from PIL import Image

    frames = [Image.fromarray(picture(i)).quantize(32) for i in range(n)]
    frames[0].save(path, save_all=n > 1, append_images=frames[1:], duration=100, **settings)
    return path


def see_through_gif(path: Path) -> Path:
    """Write a gif whose later pictures are smaller, show the first one through, and are taken away again."""
    from PIL import Image

    frames = []
    for i in range(4):
        frame = Image.new("P", (WIDTH, HEIGHT), 0)
        frame.putpalette([255, 0, 255, 10, 200, 30, 250, 240, 20, 30, 30, 200])
        frame.paste(i % 3 + 1, (4 * i, 2 * i, 4 * i + 9, 2 * i + 8))
        frames.append(frame)
    frames[0].save(path, save_all=True, append_images=frames[1:], transparency=0, disposal=[1, 2, 1, 3], duration=80)
    return path


def folder(path: Path, names: Sequence[str]) -> Path:
    """Write a folder of frames, the pictures in order of the names, and return its path."""
    path.mkdir(parents=True)
    for number, name in enumerate(names):
        still(path / name, number)
    return path


def still(
    path: Path, number: int = 0, *, mode: str = "RGB", size: tuple[int, int] = (WIDTH, HEIGHT), **how: Any
) -> Path:
    """Write a picture in a mode of Pillow's, and return its path. `RGBA` and `LA` are see-through by places."""
    from PIL import Image

    image = Image.fromarray(picture(number, *size))
    if mode in ("RGBA", "LA"):
        image = image.convert("L") if mode == "LA" else image
        clear = Image.fromarray((np.mgrid[0 : size[1], 0 : size[0]][1] * 255 // size[0]).astype(np.uint8))
        image.putalpha(clear)
    elif mode == "I;16":
        grey = np.asarray(image.convert("L")).astype(np.uint16)
        image = Image.fromarray(grey * 257)
    elif mode == "P":
        image = image.quantize(16)
    else:
        image = image.convert(mode)
    image.save(path, **how)
    return path


def turned(orientation: int) -> Any:
    """Return EXIF data that ask for a picture to be turned or mirrored."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def cut(path: Path, source: Path, part: float) -> Path:
    """Write the first part of another file, and return its path."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    return path


def remux(source: Path, target: Path, change: Callable[[list[Any]], Iterable[Any]]) -> Path:
    """Copy a video stream without coding it again, after changing its packets, and return the path."""
    import av

    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in change([packet for packet in old.demux(old.streams.video[0]) if packet.size]):
            packet.stream = stream
            new.mux(packet)
    return target
