"""Read the header of a compressed picture without decoding it.

A demuxer returns packets. Only the picture's own header states whether other pictures depend on it, and whether it is
shown at all. Sources: ITU-T H.264 7.3.1, ITU-T H.265 7.3.1.2 and table 7-1, ISO/IEC 14496-2 6.2.5, ISO/IEC 13818-2
6.2.3, RFC 6386 section 9.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_VOP_START = b"\x00\x00\x01\xb6"
_PICTURE_START = b"\x00\x00\x01\x00"
_NAL_START = b"\x00\x00\x01"
_SMALLEST_VOP = 16
"""Bytes. A smaller MPEG-4 picture is a placeholder ("not coded"): it repeats a picture or represents none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Properties of one packet, from its header."""

    disposable: bool = False
    """Whether no other picture of its layer is predicted from this one."""
    layer: int = 0
    """Temporal layer (HEVC); a disposable picture may still be a reference for the layers above its own."""
    hidden: bool = False
    """Whether it is decoded for reference and never shown (VP8's alternate reference)."""
    irregular: bool = False
    """Whether it holds more or less than exactly one picture, so that counting packets does not count pictures."""


_PLAIN = Header()


def nal_length_size(codec: str, extradata: bytes | None) -> int:
    """Return the number of bytes of a unit's length field in an H.264 or HEVC stream; 0 with start codes instead."""
    if not extradata or extradata[0] != 1:
        return 0
    at = {"h264": 4, "hevc": 21}.get(codec)
    return (extradata[at] & 3) + 1 if at is not None and len(extradata) > at else 0


def read_header(codec: str, data: bytes, length_size: int = 0) -> Header:
    """Read the header of one packet.

    Args:
        codec: FFmpeg's name of the codec.
        data: The packet.
        length_size: As `nal_length_size` says.

    Returns:
        The header; for other codecs, or where no picture header is found, the defaults.
    """
    if codec == "h264":
        for at in _units(data, length_size):
            if 1 <= data[at] & 31 <= 5:
                return Header(disposable=(data[at] >> 5) & 3 == 0)
    elif codec == "hevc":
        for at in _units(data, length_size):
            kind = (data[at] >> 1) & 63
            if kind < 32 and at + 1 < len(data):
                return Header(disposable=kind < 16 and kind % 2 == 0, layer=(data[at + 1] & 7) - 1)
    elif codec == "mpeg4":
        at = data.find(_VOP_START)
        coding_type = data[at + 4] >> 6 if 0 <= at < len(data) - 4 else -1
        irregular = len(data) < _SMALLEST_VOP or data.find(_VOP_START, at + 4) >= 0
        return Header(disposable=coding_type == 2, irregular=irregular)
    elif codec in {"mpeg1video", "mpeg2video"}:
        at = data.find(_PICTURE_START)
        return Header(disposable=0 <= at < len(data) - 5 and (data[at + 5] >> 3) & 7 == 3)
    elif codec == "vp8":
        return Header(hidden=not data[0] & 0x10)
    return _PLAIN


def _units(data: bytes, length_size: int) -> Iterator[int]:
    """Yield the offset of every NAL unit's first byte."""
    at = 0
    if length_size:
        while at + length_size < len(data):
            yield at + length_size
            at += length_size + int.from_bytes(data[at : at + length_size], "big")
        return
    while (at := data.find(_NAL_START, at)) >= 0 and at + 3 < len(data):
        at += 3
        yield at
