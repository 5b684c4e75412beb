"""Writing frames as files: the containers and codecs that the official data sets come in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

Frames = npt.NDArray[np.uint8]
"""(n, height, width, 3) RGB."""

FPS = 8
"""Frames per second of every video here; a power of two, so that index / FPS is exact in floating point."""
CODECS: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": ("libx264", {"crf": "18", "preset": "medium"}),
    ".mkv": ("libx264", {"crf": "18", "preset": "medium"}),
    ".webm": ("libvpx-vp9", {"crf": "18", "b": "0", "row-mt": "0"}),
    ".avi": ("mpeg4", {"qmin": "2", "qmax": "3"}),
}
"""Encoder and its options for each file suffix."""


def write_video(path: Path, frames: Frames) -> None:
    """Encode frames in the codec of the file's suffix; the same frames and libraries give the same bytes."""
    codec, options = CODECS[path.suffix]
    path.parent.mkdir(parents=True, exist_ok=True)
    _, height, width, _ = frames.shape
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_count = 1
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def write_gif(path: Path, frames: Frames) -> None:
    """Write an animated gif with one palette for all frames.

    Pillow would drop a frame that equals the one before it; FFmpeg keeps them all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    n_frames, height, width, _ = frames.shape
    tall = Image.fromarray(frames.reshape(n_frames * height, width, 3))
    indexed = tall.quantize(255, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colours = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    palette = np.full((256, 4), 255, np.uint8)
    palette[: len(colours), 1:] = colours
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("gif", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        for indices in np.array(indexed).reshape(n_frames, height, width):
            container.mux(stream.encode(av.VideoFrame.from_ndarray((indices, palette), format="pal8")))
        container.mux(stream.encode(None))


def write_frames(folder: Path, frames: Frames) -> list[Path]:
    """Write frames as `00001.jpg` and so on, and return the files in order."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:05d}.jpg" for number in range(1, len(frames) + 1)]
    for file, frame in zip(files, frames, strict=True):
        Image.fromarray(frame).save(file, quality=90)
    return files


def joined(parts: Sequence[Frames]) -> Frames:
    """Return parts of one canvas size as one clip."""
    return np.concatenate(parts)
