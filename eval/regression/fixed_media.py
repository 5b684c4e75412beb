"""Fixed checks of media: clips of kinds that the built-in world lacks, written in a temporary folder and read back.

Everything is coded without loss, so that frames depend on what reads them alone. Files themselves are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from eval.core import Clip, FramePolicy, PictureRules, Square
from eval.regression import media_files as files
from eval.regression.records import Record
from eval.regression.watching import frame_hash
from eval.video.frame_store import FrameStore
from eval.video.identity import media_id
from eval.video.loading import load

SUITE = "fixed media"
N = 8
"""Frames wanted, where a check is not about that."""
_PLAIN, _OTHER = PictureRules(), PictureRules(deep="scale", exif_orientation=True)
_NTSC = Fraction(30000, 1001)
_X264 = {"qp": "0", "preset": "ultrafast"}
_LAYERED = {"qp": "0", "preset": "superfast", "bf": "2", "g": "12", "b_strategy": "0"}


def fixed_media(scratch: Path) -> Iterator[Record]:
    """Yield a record for each clip: its frames as decoded, and as prepared for a model. `scratch` is for the files."""
    for name, clip in _videos(scratch):
        yield _read(f"video: {name}", clip)
    for name, clip, n_frames in _counted(scratch):
        yield _read(name, clip, n_frames)
    for name, clip in _stills(scratch):
        yield _read(f"picture: {name}", clip)
        if "turned" in name or "mirrored" in name or "16 bits" in name:
            yield _read(f"picture by other rules: {name}", clip, rules=_OTHER)
    for name, clip in _broken(scratch):
        yield _read(f"unreadable: {name}", clip)
    yield from _stored(scratch)
    yield from _identities(scratch)


def _read(name: str, clip: Clip, n_frames: int = N, rules: PictureRules = _PLAIN) -> Record:
    fields: dict[str, Any] = {}
    for field, size in (("decoded", None), ("frames", Square(side=20))):
        loaded = load(clip, FramePolicy(n_frames=n_frames, size=size), rules=rules)
        if loaded.error is not None:
            fields["error"] = f"{loaded.error.reason}, {loaded.media}, {loaded.frames}"
        else:
            fields[field] = [*(frame_hash(frame) for frame in loaded.frames or ()), *loaded.notes]
    return Record(benchmark=SUITE, id=name, fields=fields)


def _videos(scratch: Path) -> Iterator[tuple[str, Clip]]:
    for turn, mirrored in ((90, False), (180, False), (270, False), (0, True), (90, True), (180, True), (30, False)):
        name = f"turned by {turn}{', mirrored' if mirrored else ''}"
        path = scratch / f"turn-{turn}-{mirrored}.mov"
        yield name, Clip(source=files.video(path, "png", 9, pix_fmt="rgb24", turn=(turn, mirrored)))
    ntsc = files.video(scratch / "ntsc.mov", "png", 60, pix_fmt="rgb24", rate=_NTSC)
    spans = (
        (None, None),
        (0.5, 1.5),
        (1.4, None),
        (None, 1.0),
        (0.0, 0.0),
        (0.1, 0.1),
        (1.0, 1.6),
        (1.2, 0.4),
        (9.0, 12.0),
    )
    for start, end in spans:
        yield f"29.97 a second, from {start} to {end}", Clip(source=ntsc, start=start, end=end)
    for rate, start, end in ((Fraction(24000, 1001), 0.3, 1.3), (Fraction(25, 2), 1.0, 2.0), (60, 0.25, 0.5)):
        path = files.video(scratch / f"rate-{float(rate):g}.mkv", "ffv1", 48, pix_fmt="bgr0", rate=rate)
        yield f"{float(rate):g} a second, from {start} to {end}", Clip(source=path, start=start, end=end)
    for pix_fmt in ("yuv420p", "yuv444p", "yuv422p10le", "gray", "bgra"):
        yield pix_fmt, Clip(source=files.video(scratch / f"{pix_fmt}.mkv", "ffv1", 9, pix_fmt=pix_fmt))
    full = files.video(scratch / "full.mkv", "ffv1", 9, pix_fmt="yuv420p", full_range=True)
    yield "full range", Clip(source=full)
    odd = files.video(scratch / "odd.mkv", "ffv1", 9, pix_fmt="bgr0", size=(33, 19))
    yield "odd sides", Clip(source=odd)
    yield "high", Clip(source=files.video(scratch / "high.mkv", "ffv1", 9, pix_fmt="bgr0", size=(10, 60)))
    for suffix in ("mp4", "avi", "ts", "mkv", "flv"):
        path = files.video(scratch / f"layered.{suffix}", "libx264", 40, pix_fmt="yuv420p", options=_LAYERED)
        yield f"B-frames in {suffix}", Clip(source=path)
        yield f"B-frames in {suffix}, a span", Clip(source=path, start=0.33, end=1.1)
    uneven = files.video(
        scratch / "uneven.mkv",
        "libx264",
        30,
        pix_fmt="yuv420p",
        options=_X264,
        times=lambda i: 2 * i + (0, 1, 0)[i % 3],
    )
    yield "at uneven times", Clip(source=uneven)
    yield "at uneven times, a span", Clip(source=uneven, start=0.2, end=1.0)
    early = files.video(scratch / "early.mp4", "libx264", 40, pix_fmt="yuv420p", options=_X264,
                        times=lambda i: i - 10, muxing={"avoid_negative_ts": "disabled"})  # fmt: skip
    yield "begun before zero", Clip(source=early)
    late = files.video(scratch / "late.mkv", "libx264", 30, pix_fmt="yuv420p", options=_X264, times=lambda i: i + 25)
    yield "begun after a second, a span", Clip(source=late, start=0.4, end=0.9)
    unnamed = scratch / "unnamed"
    unnamed.write_bytes(ntsc.read_bytes())
    yield "without a suffix", Clip(source=unnamed)
    keyless = files.remux(late, scratch / "keys.mkv", _all_keys)
    yield "every packet marked as a key", Clip(source=keyless)


def _all_keys(packets: list[Any]) -> list[Any]:
    for packet in packets:
        packet.is_keyframe = True
    return packets


def _counted(scratch: Path) -> Iterator[tuple[str, Clip, int]]:
    for n in (1, 2, 3, 5):
        path = files.video(scratch / f"short-{n}.mov", "png", n, pix_fmt="rgb24")
        yield f"video of {n} frames", Clip(source=path), N
        yield f"video of {n} frames, a span", Clip(source=path, start=0.04, end=0.09), N
    long = Clip(source=files.video(scratch / "long.mov", "png", 40, pix_fmt="rgb24"), start=0.4, end=1.2)
    for n_frames in (1, 2, 5, 16, 33):
        yield f"video, {n_frames} of 40 frames", long, n_frames
    for n in (1, 2, 3, 8, 9, 20):
        yield f"gif of {n} frames", Clip(source=files.gif(scratch / f"{n}.gif", n)), N
    yield "gif, 1 of 20 frames", Clip(source=scratch / "20.gif"), 1
    yield "gif, 5 of 20 frames, a span", Clip(source=scratch / "20.gif", start=0.2, end=0.5), 5
    yield "gif that is see-through", Clip(source=files.see_through_gif(scratch / "clear.gif")), N
    named = scratch / "gif-by-another-name.mp4"
    named.write_bytes((scratch / "3.gif").read_bytes())
    yield "gif named as a video", Clip(source=named), N
    unpadded = files.folder(scratch / "unpadded", [f"frame{i}.png" for i in range(1, 13)])
    padded = files.folder(scratch / "padded", [f"img_{i:05d}.png" for i in range(1, 31)])
    mixed = files.folder(scratch / "mixed", ["1.PNG", "2.bmp", "10.webp", "0011.tiff", "11b.png"])
    (mixed / "notes.txt").write_text("no picture", encoding="utf-8")
    (mixed / "3.gif").write_bytes((scratch / "3.gif").read_bytes())
    two = files.folder(scratch / "two", ["s2_f1.png", "s2_f9.png", "s2_f10.png", "s10_f2.png"])
    three = files.folder(scratch / "three", [f"{i}.png" for i in range(3)])
    for name, path in (
        ("unpadded", unpadded),
        ("padded", padded),
        ("mixed", mixed),
        ("two numbers", two),
        ("three", three),
    ):
        yield f"folder: {name}", Clip(source=path), N
    yield "folder, 5 of 12 frames", Clip(source=unpadded), 5
    yield "folder, 1 of 12 frames", Clip(source=unpadded), 1
    spans = ((3.0, 1.0, 5.0), (3.0, None, 2.5), (3.0, 4.5, None), (3.0, 0.0, 0.0), (2.5, 1.0, 3.0), (3.0, 2.0, 2.0),
             (3.0, 99.0, 120.0), (3.0, 0.1, 1.16), (None, 1.0, 2.0), (1.0, 1.5, 2.5), (29.97, 0.2, 0.9), (3.0, 5.0,
             2.0))  # fmt: skip
    for fps, start, end in spans:
        yield f"folder at {fps} a second, from {start} to {end}", Clip(source=padded, fps=fps, start=start, end=end), N
    listed = tuple(sorted(padded.iterdir(), reverse=True))
    yield "list, backwards", Clip(source=listed), N
    yield "list of 3", Clip(source=listed[3:6]), N
    yield "list, 5 of 30, a span", Clip(source=listed, start=1.0, end=2.0, fps=3.0), 5


def _stills(scratch: Path) -> Iterator[tuple[str, Clip]]:
    saved: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "webp": ("RGB", {"lossless": True}), "webp, see-through": ("RGBA", {"lossless": True, "exact": True}),
        "png": ("RGB", {}), "png, see-through": ("RGBA", {}), "png, grey": ("L", {}), "png, grey, see-through": ("LA",
        {}),
        "png, palette": ("P", {}), "png, palette, see-through": ("P", {"transparency": 3}), "png, two colours": ("1",
        {}),
        "png, 16 bits": ("I;16", {}), "tiff": ("RGB", {}), "tiff, packed": ("RGB", {"compression": "tiff_lzw"}),
        "tiff, CMYK": ("CMYK", {}), "tiff, grey": ("L", {}), "bmp": ("RGB", {}), "bmp, palette": ("P", {}),
        "png, to be turned": ("RGB", {"exif": files.turned(6)}), "webp, to be mirrored": (
            "RGB", {"lossless": True, "exif": files.turned(2)}), "tiff, to be turned": ("RGB",
            {"exif": files.turned(3)}),
    }  # fmt: skip
    for number, (name, (mode, how)) in enumerate(saved.items()):
        path = scratch / f"still-{number}.{name.partition(',')[0]}"
        yield name, Clip(source=files.still(path, number, mode=mode, **how))
    yield "large", Clip(source=files.still(scratch / "large.bmp", 7, size=(1800, 1100)))
    yield "large, jpeg", Clip(source=files.still(scratch / "large.jpg", 7, size=(1800, 1100), quality=95))
    yield "jpeg, to be turned", Clip(source=files.still(scratch / "turned.jpg", 8, exif=files.turned(8), quality=95))
    yield "narrow", Clip(source=files.still(scratch / "narrow.png", 3, size=(3, 61)))
    yield "one pixel", Clip(source=files.still(scratch / "pixel.png", 9, size=(1, 1)))
    named = scratch / "still-by-another-name.jpg"
    named.write_bytes((scratch / "large.bmp").read_bytes())
    yield "bmp named as a jpeg", Clip(source=named)


def _broken(scratch: Path) -> Iterator[tuple[str, Clip]]:
    yield "no file", Clip(source=scratch / "gone.mp4")
    yield "no frame in the list", Clip(source=())
    (scratch / "empty.mp4").touch()
    yield "empty", Clip(source=scratch / "empty.mp4")
    (scratch / "text.mp4").write_text("no video at all", encoding="utf-8")
    yield "text", Clip(source=scratch / "text.mp4")
    (scratch / "nothing").mkdir()
    yield "empty folder", Clip(source=scratch / "nothing")
    yield "cut video", Clip(source=files.cut(scratch / "cut.mov", scratch / "long.mov", 0.5))
    yield "cut picture", Clip(source=files.cut(scratch / "cut.png", scratch / "still-2.png", 0.6))
    yield "cut gif", Clip(source=files.cut(scratch / "cut.gif", scratch / "20.gif", 0.5))
    yield "folder with a cut picture", Clip(source=(scratch / "still-2.png", scratch / "cut.png"))
    yield "start that is no time", Clip(source=scratch / "20.gif", start=float("nan"))
    yield "rate that is no time", Clip(source=scratch / "20.gif", fps=-1.0)


def _stored(scratch: Path) -> Iterator[Record]:
    """Yield frames through a store: of spans of one video, and other sizes and numbers, each once more."""
    folder = scratch / "store"
    source, rows = scratch / "ntsc.mov", scratch / "padded"
    asked: list[tuple[Clip, int, int | None]] = [
        (Clip(source=source), N, 20), (Clip(source=source, start=0.5, end=1.5), N, 20), (Clip(source=source), N, None),
        (Clip(source=source, end=1.5), N, 20), (Clip(source=source), 4, 20), (Clip(source=source), N, 12),
        (Clip(source=scratch / "short-3.mov"), N, 20), (Clip(source=rows), N, 20),
        (Clip(source=rows, fps=3.0, start=1.0, end=5.0), N, 20), (Clip(source=rows, fps=3.0, start=1.0, end=5.2), N,
        20),
        (Clip(source=tuple(sorted(rows.iterdir()))), N, 20), (Clip(source=tuple(sorted(rows.iterdir()))[::-1]), N, 20),
        (Clip(source=scratch / "gone.mp4"), N, 20), (Clip(source=scratch / "cut.gif"), N, 20),
    ]  # fmt: skip
    one, other, third = (files.still(scratch / f"alike-{i}.bmp", i) for i in range(3))
    asked += [
        (Clip(source=(one, other)), N, 20),
        (Clip(source=(one, third)), N, 20),
        (Clip(source=(third, one)), N, 20),
    ]
    for again in ("first", "again"):
        store = FrameStore(folder)
        for number, (clip, n_frames, side) in enumerate(asked):
            policy = FramePolicy(n_frames=n_frames, size=None if side is None else Square(side=side))
            loaded = load(clip, policy, store=store)
            shown = [frame_hash(frame) for frame in loaded.frames or ()]
            shown += [f"frames of {len({id(frame) for frame in loaded.frames or ()})} kinds"]
            yield Record(benchmark=SUITE, id=f"frame store, clip {number}, {again}", fields={"frames": shown})
        entries = len(list(folder.rglob("*.frames")))
        yield Record(benchmark=SUITE, id=f"frame store, entries, {again}", fields={"counts": {"entries": entries}})


def _identities(scratch: Path) -> Iterator[Record]:
    """Yield by what clips are told from others under their names: of bytes that are no pictures, which need not be."""
    whole = bytes(range(256)) * 1024
    ended = whole[:-1] + b"x"
    changed = {"as it is": whole, "middle": whole[:100_000] + b"x" + whole[100_001:], "end": ended,
    "begin": b"x" + whole[1:],
               "longer": whole + b"\0", "short": b"short"}  # fmt: skip
    for name, content in changed.items():
        folder = scratch / "identities" / name
        folder.mkdir(parents=True)
        for file in ("clip.mp4", "1.png", "2.png"):
            (folder / file).write_bytes(content)
        clips = (
            Clip(source=folder / "clip.mp4"),
            Clip(source=folder),
            Clip(source=(folder / "2.png", folder / "1.png")),
        )
        yield Record(benchmark=SUITE, id=f"identity, {name}", fields={"decoded": [media_id(clip) for clip in clips]})
