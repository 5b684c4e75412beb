"""The packets of a video stream: their display order, and the packets to decode for a few pictures.

Nothing here decodes. A packet's number is its position in the file; its rank is its position in display order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_ONE_PACKET_ONE_PICTURE = frozenset(
    {"av1", "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8", "vp9"}
    | {"flv", "h263", "msmpeg4", "msmpeg4v1", "msmpeg4v2", "wmv1", "wmv2"}
    | {"dnxhd", "ffv1", "ffvhuff", "huffyuv", "mjpeg", "png", "prores", "rawvideo", "utvideo"}
)
"""FFmpeg's names of the codecs whose packets can be counted.

Others (VC-1 with its skipped frames, Theora with its empty packets) cannot.
"""
_REORDERING = frozenset({"h264", "hevc"})
"""Codecs whose display order only the decoder knows where the container does not state it."""
_NO_DISPLAY_TIMES = frozenset({"avi", "h264", "hevc"})
"""Formats without display times: FFmpeg fills them in from the order of the packets, wrongly for B-frames."""
_MPEG = frozenset({"mpeg1video", "mpeg2video"})


class Packet(NamedTuple):
    """One packet of the stream, without its data."""

    pts: int | None
    """Display time in units of the stream's time base."""
    dts: int | None
    """Decoding time in the same units."""
    pos: int | None
    """Offset in the file, bytes."""
    size: int
    """Bytes."""
    key: bool
    """Whether decoding can begin here, according to the container."""
    shown: bool
    """Whether it is part of the presentation: not removed by an edit list, not a hidden reference."""
    disposable: bool
    """Whether no other picture needs it."""
    torn: bool
    """Whether the container misses data in it or next to it; whole pictures may be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All packets of a video stream, in the order of the file."""

    packets: Sequence[Packet]
    codec: str
    """FFmpeg's name of the codec."""
    container: str
    """FFmpeg's name of the container format."""
    interlaced: bool
    """Whether pictures are coded as fields: two packets may make one picture."""
    irregular: bool
    """Whether some packets do not hold exactly one picture."""

    @property
    def first_key(self) -> int:
        """Number of the first keyframe; 0 where none is marked."""
        return next((number for number, packet in enumerate(self.packets) if packet.key), 0)

    @property
    def regular(self) -> bool:
        """Whether each packet that is shown makes exactly one picture."""
        return self.codec in _ONE_PACKET_ONE_PICTURE and not self.interlaced and not self.irregular

    @property
    def complete_head(self) -> bool:
        """Whether decoding can begin at the first packet and loses none of the pictures after it."""
        return bool(self.packets) and self.packets[0].key and self.codec not in _MPEG

    def display_order(self) -> list[int] | None:
        """Return the numbers of the shown packets in display order, or None where only decoding can tell.

        Packets before the first keyframe, and those that follow it but are shown before it, cannot be decoded
        (a recording that starts in mid-stream) and are left out.
        """
        packets = self.packets
        if not self.regular or not any(packet.key for packet in packets):
            return None
        times = [packet.pts for packet in packets]
        known = [time for time in times if time is not None]
        if len(known) < len(times) or len(set(known)) < len(known):
            return None
        if self.codec in _REORDERING and (self.container in _NO_DISPLAY_TIMES or self._times_are_guesses(known)):
            return None
        begin = self.first_key
        order = [number for _, number in sorted(zip(known, range(len(known)), strict=True)) if number >= begin]
        leading = order.index(begin)
        if self.codec in _MPEG and (begin > 0 or leading > 0):
            return None  # a closed group may begin with B-frames that do decode: only the decoder knows
        return [number for number in order[leading:] if packets[number].shown]

    def _times_are_guesses(self, times: list[int]) -> bool:
        """Whether apparent B-frames are shown in the order of the file, because a careless tool lost the times."""
        return (
            any(packet.disposable for packet in self.packets)
            and times == sorted(times)
            and all(packet.dts is None or packet.dts == packet.pts for packet in self.packets)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A contiguous range of packets to decode, in the order of the file."""

    key: int
    """Number of its first packet, a keyframe."""
    last: int
    """Number of the last packet needed."""
    wanted: dict[int, int]
    """Wanted packets, each with the keyframe from which it can be decoded."""


def plan_runs(listing: Listing, rank: dict[int, int], wanted: Iterable[int], *, trust_keys: bool) -> list[Run]:
    """Return the runs that give the wanted pictures; none overlap, so nothing is decoded twice.

    A picture is decoded from the last keyframe that is at or before it both in the file and in display order:
    the B-frames of an open group follow their keyframe in the file, are shown before it, and need the
    keyframe before that one.

    Args:
        listing: The stream's packets.
        rank: Position in display order by packet number, shown packets only.
        wanted: Packet numbers.
        trust_keys: False decodes everything from the first keyframe on.

    Returns:
        The runs in the order of the file.
    """
    begin = listing.first_key
    keys = [number for number, packet in enumerate(listing.packets) if packet.key and number in rank]
    runs: list[Run] = []
    for number in sorted(wanted):
        key = begin
        at = bisect_right(keys, number) - 1 if trust_keys else -1
        while at >= 0:
            if rank[keys[at]] <= rank[number]:
                key = keys[at]
                break
            at -= 1
        run = Run(key=key, last=number, wanted={number: key})
        while runs and run.key <= runs[-1].last:
            before = runs.pop()
            run = Run(key=min(run.key, before.key), last=number, wanted={**before.wanted, **run.wanted})
        runs.append(run)
    return runs
