"""What a container states about its own length: the byte, or the second, at which its pictures end.

Only headers are read. Sources: RIFF and OpenDML 1.02, RFC 8794 and 9559 (EBML, Matroska), ASF 01.20.05 (2 and 3),
Adobe's FLV 10.1 (annex E), ISO/IEC 14496-12 (4.2, 8.16.3), ISO/IEC 13818-1 (2.4.3, 2.5.3), GIF89a (27).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_TAIL = 256 << 10
"""Bytes from the end in which a stream of packets is synchronized; no packet is a quarter of it."""
_HEAD = 1 << 20
"""Bytes at most in which the fields of a header are looked for."""
_FARTHEST = 1 << 43
"""Bytes; beyond it no file system seeks, and a header that points there is damaged."""
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_EBML, _SEGMENT, INFO, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1F43B675
_TIMESTAMP_SCALE, _DURATION = 0x2AD7B1, 0x4489
_PACKETS = ((188, 188), (192, 188), (204, 204))
"""Distance of two MPEG-TS packets, and bytes from the sync byte to the packet's end."""


class Extent(NamedTuple):
    """How long a file must be; nothing is known where all is None."""

    end: int | None = None
    """The byte at which its pictures end."""
    seconds: float | None = None
    """Its duration."""
    torn: bool = False
    """Whether it surely breaks off, as in the middle of a chunk that holds pictures: no other statement counts."""


def stated_extent(path: Path) -> Extent:
    """Return what a file's container states about its length; only headers are read."""
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        head = file.read(16)
        read = next((read for _, matches, read in _FORMS if matches(head)), _transport_stream)
        return read(file, size)


def form_of(head: bytes) -> str:
    """Return the container of a file that begins with these 16 bytes; "" where it is none of those known here."""
    return next((name for name, matches, _ in _FORMS if matches(head)), "")


def read_at(file: BinaryIO, offset: int, n: int) -> bytes:
    """Return `n` bytes at an offset; fewer, or none, where there are no more."""
    if not 0 <= offset < _FARTHEST:
        return b""
    file.seek(offset)
    return file.read(n)


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def big(data: bytes) -> int:
    """Return a number whose first byte is its highest."""
    return int.from_bytes(data, "big")


def _avi(file: BinaryIO, _: int) -> Extent:
    """Look at the lists of pictures, and at an OpenDML index; the size of the whole is often wrong in old files."""
    at, end = 0, 0
    while len(head := read_at(file, at, 12)) == 12 and head[:4].isascii() and head[:4].strip(b" \0"):
        length = _little(head[4:8])
        if head[:4] == b"RIFF":
            at += 12
            continue
        if head[:4] == b"LIST" and head[8:] == b"movi":
            if not length:
                return Extent()  # its writer was killed
            end = max(end, _indexed(read_at(file, 0, min(at, _HEAD))), at + 8 + length)
        at += 8 + length + length % 2
    return Extent(end=end or 8 + _little(read_at(file, 4, 4)))


def _indexed(header: bytes) -> int:
    """Return the byte at which the last part of an OpenDML index ends."""
    end = at = 0
    while (at := header.find(b"indx", at) + 1) > 0:
        longs, kind, count = _little(header[at + 7 : at + 9]), header[at + 10 : at + 11], header[at + 11 : at + 15]
        if longs == 4 and kind == b"\0":
            for entry in range(at + 31, min(at + 31 + 16 * _little(count), len(header) - 15), 16):
                end = max(end, _little(header[entry : entry + 8]) + _little(header[entry + 8 : entry + 12]))
    return end


def _matroska(file: BinaryIO, size: int) -> Extent:
    end: int | None = None
    seconds: float | None = None
    for kind, start, length in elements(file, 0, size):
        if kind not in {_EBML, _SEGMENT, INFO, CLUSTER}:
            continue
        stop = None if length is None else start + length
        if kind == _SEGMENT:
            end = stop
            if end is not None and end <= size:
                break
        elif kind == INFO and length is not None:
            seconds = matroska_seconds(file, start, start + min(length, _HEAD))
        elif kind == CLUSTER and stop is not None and stop > size:
            return Extent(end=stop, torn=True)
    return Extent(end=end, seconds=seconds)


def matroska_seconds(file: BinaryIO, start: int, stop: int) -> float | None:
    """Return the duration in a segment's Info element, which begins and ends there; None where it has none."""
    scale, ticks = 1_000_000, 0.0
    for kind, at, length in elements(file, start, stop):
        if kind == _TIMESTAMP_SCALE:
            scale = big(read_at(file, at, min(length or 0, 8)))
        elif kind == _DURATION and length in {4, 8}:
            data = read_at(file, at, length)
            ticks = struct.unpack(">f" if length == 4 else ">d", data)[0] if len(data) == length else 0.0
    return ticks * scale / 1e9 if 0 < ticks < float("inf") else None


def elements(file: BinaryIO, at: int, stop: int) -> Iterator[tuple[int, int, int | None]]:
    """Yield the id, start and length (None: unknown) of each EBML element, those of a segment included."""
    while at + 2 <= stop:
        head = read_at(file, at, 12)
        id_size = 9 - head[0].bit_length() if head else 9
        if id_size > 4 or len(head) <= id_size:
            return
        kind, field = big(head[:id_size]), head[id_size:]
        size_size = 9 - field[0].bit_length()
        if size_size > 8:
            return
        bits = 7 * size_size
        value = big(field[:size_size]) & (1 << bits) - 1
        start, length = at + id_size + size_size, None if value == (1 << bits) - 1 else value
        yield kind, start, length
        if length is None and kind != _SEGMENT:
            return
        at = start if kind == _SEGMENT or length is None else start + length


def _asf(file: BinaryIO, size: int) -> Extent:
    header_size = _little(read_at(file, 16, 8))
    header = read_at(file, 0, min(header_size, _HEAD))
    at = header.find(_ASF_PROPERTIES)
    if at < 0:
        return Extent()
    end, play, preroll = (_little(header[at + i : at + i + 8]) for i in (40, 64, 80))
    if _little(header[at + 88 : at + 92]) & 1:
        return Extent()  # a broadcast: its size and duration say nothing
    data, packet_size = read_at(file, header_size, 50), _little(header[at + 92 : at + 96])
    agreed = False
    if data[:16] == _ASF_DATA and (length := _little(data[16:24])):
        end, agreed = header_size + length, length == 50 + packet_size * _little(data[40:48])
    seconds = max(0.0, play / 1e7 - preroll / 1e3)
    return Extent(end=end or None, seconds=seconds or None, torn=agreed and end > size)


def _flv(file: BinaryIO, size: int) -> Extent:
    start = big(read_at(file, 5, 4)) + 4
    length = big(read_at(file, size - 4, 4))
    last = read_at(file, max(0, size - 4 - length), 4)
    if not (start <= size - 4 - length and last[0] & 31 in {8, 9, 18} and big(last[1:]) == length - 11):
        at = start
        while len(tag := read_at(file, at, 4)) == 4 and tag[0] & 31 in {8, 9, 18}:
            at += 11 + big(tag[1:])
            if at > size:
                return Extent(end=at, torn=True)
            at += 4
    said = {}
    about = read_at(file, 0, 64 << 10)
    for name in (b"filesize", b"duration"):
        value = about.partition(b"\0\x08" + name + b"\0")[2][:8]
        said[name] = struct.unpack(">d", value)[0] if len(value) == 8 else 0.0
    end, seconds = (value if 0 < value < 1e15 else 0.0 for value in (said[b"filesize"], said[b"duration"]))
    return Extent(end=int(end) or None, seconds=seconds or None)


def _mov(file: BinaryIO, size: int) -> Extent:
    at, end, in_fragments = 0, 0, False
    while len(head := read_at(file, at, 16)) >= 8:
        length, kind = big(head[:4]), head[4:8]
        length = big(head[8:16]) if length == 1 else length or size - at
        if kind in {b"moov", b"mdat", b"moof"} and at + length > size:
            return Extent(end=at + length)
        if kind == b"sidx":
            end = max(end, at + length + _referenced(read_at(file, at, min(length, _HEAD))))
        if kind == b"mfra":
            return Extent(end=size)  # the last box of a file in fragments
        in_fragments = in_fragments or kind == b"moof"
        at += max(length, 8)
    return Extent(end=end or (None if in_fragments else size))


def _referenced(sidx: bytes) -> int:
    """Return the number of bytes after a segment index that it covers."""
    wide = sidx[8:9] != b"\0"
    at = 36 if wide else 28
    total, count = (big(sidx[28:36]) if wide else big(sidx[24:28])), big(sidx[at + 2 : at + 4])
    return total + sum(big(sidx[i : i + 4]) & 0x7FFFFFFF for i in range(at + 4, at + 4 + 12 * count, 12))


def _program_stream(file: BinaryIO, size: int) -> Extent:
    begin = max(0, size - _TAIL)
    data = read_at(file, begin, _TAIL)
    if data.rstrip(b"\0").endswith(b"\0\0\1\xb9"):
        return Extent(end=size)
    candidate = -1
    while (candidate := data.find(b"\0\0\1\xba", candidate + 1)) >= 0:
        at = candidate
        while data.startswith(b"\0\0\1", at) and (at + 4 > len(data) or data[at + 3] >= 0xB9):
            if data[at + 3 : at + 4] == b"\xba":
                is_mpeg2 = data[at + 4 : at + 5] >= b"\x40"
                at += 14 + (data[at + 13] & 7 if at + 13 < len(data) else 0) if is_mpeg2 else 12
            else:
                at += 4 if data[at + 3 : at + 4] == b"\xb9" else 6 + big(data[at + 4 : at + 6])
            if at > len(data):
                return Extent(end=begin + at, torn=True)
        if not data[at:].strip(b"\0"):
            break
    return Extent()


def _transport_stream(file: BinaryIO, size: int) -> Extent:
    begin = max(0, size - 40 * 204)
    data = read_at(file, begin, 40 * 204)
    for distance, length in _PACKETS:
        for phase in range(min(distance, len(data) - 4 * distance)):
            if data[phase] == 0x47 and not data[phase::distance].strip(b"\x47"):
                end = begin + phase + (len(data[phase::distance]) - 1) * distance + length
                return Extent(end=end, torn=True) if end > size else Extent()
    return Extent()


def _gif(file: BinaryIO, size: int) -> Extent:
    return Extent(end=size) if read_at(file, max(0, size - 1024), 1024).rstrip(b"\0").endswith(b";") else Extent()


_FORMS: tuple[tuple[str, Callable[[bytes], bool], Callable[[BinaryIO, int], Extent]], ...] = (
    ("avi", lambda head: head.startswith(b"RIFF") and head[8:11] == b"AVI", _avi),
    ("matroska", lambda head: head.startswith(b"\x1a\x45\xdf\xa3"), _matroska),
    ("asf", lambda head: head == _ASF_HEADER, _asf),
    ("flv", lambda head: head.startswith(b"FLV"), _flv),
    ("mov", lambda head: head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}, _mov),
    ("mpeg", lambda head: head.startswith(b"\0\0\1\xba"), _program_stream),
    ("gif", lambda head: head.startswith((b"GIF87a", b"GIF89a")), _gif),
)
