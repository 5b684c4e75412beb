"""Open a video file and read its packets, each identified by its number.

Decoders can miscount packets after a seek, so every packet is compared with the one that a plain pass over the file
found at its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from eval.archives import Member
from eval.errors import MediaError, MediaReason
from eval.video.bitstream import nal_length_size, read_header
from eval.video.limits import MAX_PIXELS, check_size
from eval.video.packets import Listing, Packet

_LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Titles in another encoding than UTF-8 are no reason to refuse a video; PyAV 19 and later accept them by default."""
NEAR = 32
"""Maximum number of packets that are read and skipped instead of seeking."""
_AFTER_SEEK = 100
"""Number of packets within which the keyframe must appear after a seek."""
_FILMS = (
    "asf,av1,avi,dv,flv,gif,gxf,h264,hevc,ivf,lvf,m4v,matroska,mjpeg,mov,mpeg,mpegts,mpegvideo,mxf,nut,nuv,obu,ogg,rm,"
    "swf,vc1,vvc,wtv,yuv4mpegpipe,apng,bmp_pipe,jpeg_pipe,png_pipe,tiff_pipe,webp_pipe"
)
_SOUNDS = "aac,ac3,aiff,amr,ape,au,caf,dts,eac3,flac,mp3,tta,w64,wav,wv"
"""Demuxers that may open a file, restricted before a byte is read. Others draw text as pictures, or open other files
and addresses (playlists, session descriptions), and are not needed. Audio demuxers serve to recognise audio files.
"""
_CANONICAL = {"libdav1d": "av1", "libaom-av1": "av1", "libvpx": "vp8", "libvpx-vp9": "vp9"}
"""Codec by the name of its decoder, where the two names differ."""


_FIELD_CODECS = frozenset({"h264", "mpeg1video", "mpeg2video"})
"""Codecs that may put the two fields of a picture into two packets."""
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": f"{_FILMS},{_SOUNDS}"}
_UNSUPPORTED = (av.error.DecoderNotFoundError, av.error.DemuxerNotFoundError, av.error.PatchWelcomeError)
_NO_INDEX = "the mp4 ends before the end of its index (moov box); copy the file again"


class MisplacedError(Exception):
    """A packet differs from the listing's packet with the same number."""


def open_container(path: Path) -> Any:
    """Open a file with the demuxers that may open one. Raises FFmpegError."""
    # `file:` keeps a name with a colon from being read as a protocol.
    source = path.open("rb") if isinstance(path, Member) else f"file:{path}"
    return av.open(source, options=_OPTIONS, **_LENIENT)


class Demuxer:
    """The best video stream of a file, with its packets by number."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises MediaError where it holds no video or is cut off before its index."""
        self.path = path
        self._container: Any = None
        self._packets: Iterator[Any] = iter(())
        self._pending: Any = None
        self.stream: Any = None
        """The video stream."""
        self.codec: Any = None
        """Its decoder."""
        self.trust_seek = True
        """Whether all seeks so far have landed at the right packet."""
        self.seeks = 0
        """Number of seeks that found their keyframe."""
        self._open()

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            # Drop objects that depend on the container first; else FFmpeg's structures would be freed while in use.
            self._packets, self._pending, self.stream, self.codec = iter(()), None, None, None
            self._container.close()
            self._container = None

    @property
    def has_index(self) -> bool:
        """Whether the container lists its packets, so that a missing one can be detected (mp4, mov)."""
        return bool(self._container.format.name.startswith("mov"))

    @property
    def has_palette(self) -> bool:
        """Whether pictures are numbers of colours: the colours come with the first packet, or where they change."""
        return str(self.codec.pix_fmt) == "pal8"

    @property
    def fps(self) -> float:
        """Average frames per second; 0 where the file does not state it."""
        return float(self.stream.average_rate or self.stream.guessed_rate or 0)

    @property
    def time_base(self) -> Fraction | None:
        """Seconds of a unit of the packets' times; None where the file does not state it."""
        base: Fraction | None = self.stream.time_base
        return base

    def _fail(self, reason: MediaReason, detail: str) -> MediaError:
        self.close()
        return MediaError(self.path, reason, detail)

    def _open(self) -> None:
        """Open the file (again) at its first packet."""
        self.close()
        try:
            self._container = open_container(self.path)
        except av.error.FFmpegError as error:
            raise self._explain(error) from None
        self.stream = self._best_stream()
        self.codec = self.stream.codec_context
        try:
            check_size(self.path, self.codec.width, self.codec.height)
        except MediaError:
            self.close()
            raise
        self.codec.thread_count = 1  # clips are decoded in parallel; threads within one only cost time
        self.codec.options = {"max_pixels": str(MAX_PIXELS), "err_detect": "crccheck"}
        self._packets = self._container.demux(self.stream)
        self._next = 0

    def _best_stream(self) -> Any:
        streams = self._container.streams
        covers = av.stream.Disposition.attached_pic
        films = [stream for stream in streams.video if not stream.disposition & covers]
        if not films:
            if _lost_its_index(self.path):
                raise self._fail("truncated", _NO_INDEX)
            kinds = {"a cover picture" if stream.type == "video" else stream.type for stream in streams}
            raise self._fail(
                "no_video_stream", f"holds no video stream (only {', '.join(sorted(kinds)) or 'a header'})"
            )
        best = streams.best("video")
        stream = next((film for film in films if best is not None and film.index == best.index), films[0])
        if stream.codec_context is None:
            raise self._fail("unsupported", "its video codec is unknown to this FFmpeg")
        return stream

    def _explain(self, error: Exception) -> MediaError:
        if isinstance(error, MemoryError):
            self.close()
            raise error
        if isinstance(error, (av.error.InvalidDataError, av.error.EOFError)) and _lost_its_index(self.path):
            return self._fail("truncated", _NO_INDEX)
        if isinstance(error, av.error.EOFError):
            return self._fail("truncated", "ends before its first picture")
        if isinstance(error, (av.error.InvalidDataError, av.error.ArgumentError)):  # the latter: not one of _OPTIONS
            from eval.video.looking import no_medium

            kind = "is not a video, or of a kind that is not read here (a playlist, a text)"
            return self._fail("not_a_video", no_medium(self.path) or kind)
        if isinstance(error, _UNSUPPORTED):
            return self._fail("unsupported", "is in a format that this FFmpeg cannot decode")
        reason = getattr(error, "strerror", None) or type(error).__name__
        return self._fail("unreadable", f"cannot be read: {reason}")

    def list_packets(self) -> Listing:
        """Read through the file once, without decoding. Raises MediaError where an indexed file is cut off."""
        codec = _CANONICAL.get(self.codec.name, self.codec.name)
        length_size = nal_length_size(codec, self.codec.extradata)
        found: list[Packet] = []
        layers: list[int] = []
        count = 0
        broken = irregular = False
        try:
            for packet in self._packets:
                count += packet.size > 0 or packet.pts is not None  # the last packet only marks the end of the file
                if packet.size:
                    head = read_header(codec, bytes(packet), length_size)
                    shown = not packet.is_discard and not head.hidden
                    found.append(_entry(packet)._replace(shown=shown, disposable=head.disposable))
                    layers.append(head.layer)
                    irregular = irregular or head.irregular
        except av.error.InvalidDataError:
            broken = True
        except av.error.FFmpegError as error:
            raise self._explain(error) from None
        self._next = len(found)
        cut = broken or (bool(found) and found[-1].torn)
        if self.has_index:
            listed = len(self.stream.index_entries)
            if cut or count < listed:
                raise self._fail("truncated", f"is cut off: {count - cut} of its {listed} pictures are there")
        elif cut and found:
            found.pop()  # half a packet; such a format has no index, and the rest is the video
        if any(layers):
            top = max(layers)
            found = [p._replace(disposable=p.disposable and n == top) for p, n in zip(found, layers, strict=False)]
        self.listing = Listing(
            packets=found,
            codec=codec,
            container=self._container.format.name,
            # PyAV 17, the last for Python 3.10, does not report this; indexing by decoding is slower but correct.
            interlaced=getattr(self.codec, "field_order", 2 if codec in _FIELD_CODECS else 0) > 1,
            irregular=irregular,
        )
        return self.listing

    def restart(self) -> None:
        """Go back to the first packet."""
        self._open()

    def read(self, first: int, last: int) -> Iterator[tuple[int, Any]]:
        """Yield packets `first` to `last` with their numbers.

        Raises:
            MisplacedError: Where the packets differ from those of the listing.
        """
        near = self._next <= first <= self._next + NEAR
        if not near and not (self.trust_seek and self._seek(first)) and (self.trust_seek or first < self._next):
            self.trust_seek = False
            self.restart()
        while self._next <= last:
            packet = self._pending or self._read_one()
            self._pending = None
            number = self._next
            if not self._is(packet, number):
                raise MisplacedError(number)
            self._next += 1
            if number >= first:
                yield number, packet

    def _read_one(self) -> Any:
        try:
            return next((packet for packet in self._packets if packet.size), None)
        except av.error.FFmpegError:
            return None

    def _seek(self, number: int) -> bool:
        """Seek to a keyframe; return whether it was found. Formats differ in whether they seek by pts or dts."""
        wanted = self.listing.packets[number]
        for time in dict.fromkeys((wanted.pts, wanted.dts)):
            if time is None:
                continue
            try:
                self._container.seek(time, stream=self.stream)
            except av.error.FFmpegError:
                continue
            self._packets = self._container.demux(self.stream)
            for _ in range(_AFTER_SEEK):
                packet = self._read_one()
                if packet is None:
                    break
                if self._is(packet, number):
                    self._pending, self._next = packet, number
                    self.seeks += 1
                    return True
        return False

    def _is(self, packet: Any, number: int) -> bool:
        known = self.listing.packets[number]
        return packet is not None and (packet.size, packet.pos, packet.pts) == (known.size, known.pos, known.pts)


def _entry(packet: Any) -> Packet:
    return Packet(
        pts=packet.pts,
        dts=packet.dts,
        pos=packet.pos,
        size=packet.size,
        key=packet.is_keyframe,
        shown=True,
        disposable=False,
        torn=packet.is_corrupt,
    )


def _lost_its_index(path: Path) -> bool:
    """Whether a file begins as an mp4 and holds no whole `moov` box: the box walk of ISO/IEC 14496-12, 4.2."""
    size = path.stat().st_size
    at = 0
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if at == 0 and kind not in {b"ftyp", b"mdat", b"free", b"skip", b"wide", b"moov"}:
                return False
            length = int.from_bytes(head[8:16], "big") if length == 1 else length or size - at
            if kind == b"moov":
                return at + length > size
            at += max(length, 8)
    return at > 0
