"""What a container's header says of its pictures: no index, no video stream, how long they are shown.

Only headers are read, whose sources `containers.py` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from eval.video.containers import CLUSTER, INFO, big, elements, form_of, matroska_seconds, read_at

_TRACKS, _TRACK, _TRACK_TYPE, _VIDEO = 0x1654AE6B, 0xAE, 0x83, 1
_SYNC = b"\x47"
"""First byte of a packet of MPEG-TS."""


def stated_fault(path: Path) -> str | None:
    """Return what a file's header says against its pictures; "" for nothing, None for a form that is not known here."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        head = file.read(16)
        form = form_of(head)
        if form == "mov":
            return _mov(file, size)
        if form == "matroska":
            return _matroska(file, size)
    return "" if form or head.startswith(_SYNC) else None


def stated_seconds(path: Path) -> float | None:
    """Return how long a video lasts by its header; None where it does not say, or is of another form."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        head = file.read(64)
        form = form_of(head[:16])
        if form == "mov":
            return _mov_seconds(file, size)
        if form == "matroska":
            found = next(((at, n) for kind, at, n in elements(file, 0, size) if kind == INFO and n is not None), None)
            return matroska_seconds(file, found[0], sum(found)) if found else None
    if form == "avi" and head[24:28] == b"avih":
        microseconds, pictures = (int.from_bytes(head[i : i + 4], "little") for i in (32, 48))
        return microseconds * pictures / 1e6 or None
    return None


def _mov_seconds(file: BinaryIO, size: int) -> float | None:
    moov = dict(_boxes(file, 0, size)).get(b"moov")
    at = next((begin for name, (begin, _) in _boxes(file, *moov) if name == b"mvhd"), None) if moov else None
    if at is None:
        return None
    data = read_at(file, at, 32)
    rate, ticks = (big(data[20:24]), big(data[24:32])) if data[:1] == b"\1" else (big(data[12:16]), big(data[16:20]))
    return ticks / rate if rate and ticks and ticks not in (2**32 - 1, 2**64 - 1) else None


def _mov(file: BinaryIO, size: int) -> str:
    found = dict(_boxes(file, 0, size))
    if b"moov" not in found:
        return "has no index (its moov box): the recording or the copy broke off; fetch it again"
    kinds = [
        read_at(file, start + 8, 4) for media in _media(file, *found[b"moov"]) for start in _named(file, media, b"hdlr")
    ]
    return "has no video stream" if kinds and b"vide" not in kinds else ""


def stated_frames(path: Path) -> int | None:
    """Return how many pictures a video holds by its header; None where it does not say, or is of another form."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        if form_of(file.read(16)) != "mov":
            return None
        for media in _media(file, *dict(_boxes(file, 0, size)).get(b"moov", (0, 0))):
            if any(read_at(file, start + 8, 4) == b"vide" for start in _named(file, media, b"hdlr")):
                for table in (each for name, each in _boxes(file, *media) if name == b"minf"):
                    for samples in (each for name, each in _boxes(file, *table) if name == b"stbl"):
                        return next(
                            (big(read_at(file, at + 8, 4)) or None for at in _named(file, samples, b"stsz")), None
                        )
    return None


def _media(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where the media of each track in a moov box begin and end."""
    for name, track in _boxes(file, begin, end):
        if name == b"trak":
            yield from (inside for media, inside in _boxes(file, *track) if media == b"mdia")


def _named(file: BinaryIO, within: tuple[int, int], wanted: bytes) -> list[int]:
    """Return where the content of each box of a name begins."""
    return [begin for name, (begin, _) in _boxes(file, *within) if name == wanted]


def _boxes(file: BinaryIO, at: int, stop: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield the name of each box, and where its content begins and ends."""
    while at + 8 <= stop and len(head := read_at(file, at, 16)) >= 8:
        length, begin = big(head[:4]), at + 8
        if length == 1:
            length, begin = big(head[8:16]), at + 16
        end = at + length if length else stop
        yield head[4:8], (begin, min(end, stop))
        at = max(end, at + 8)


def _matroska(file: BinaryIO, size: int) -> str:
    for kind, start, length in elements(file, 0, size):
        if kind == CLUSTER:
            break
        if kind == _TRACKS and length is not None:
            types = [
                big(read_at(file, at, 1))
                for entry, begin, n in elements(file, start, start + length)
                if entry == _TRACK and n is not None
                for field, at, _ in elements(file, begin, begin + n)
                if field == _TRACK_TYPE
            ]
            return "has no video stream" if types and _VIDEO not in types else ""
    return ""
