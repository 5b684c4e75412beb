"""Return exact frames of a video by number, through PyAV, decoding no more than they need.

The packets are listed first, which costs no decoding; their display times in order are the frame index. Then each
stretch that the wanted frames depend on is sought once and decoded on one thread, leaving out pictures that nothing
depends on. Every packet is identified again after a seek, and every picture keeps the number of its packet through the
decoder, so one frame cannot be mistaken for another. Where the container's times cannot be trusted (H.264 in AVI,
packed B-frames, fields), one pass of plain decoding makes the index.

A picture that is damaged, or depends on a damaged or lost one, is an error and never a frame, as far as the
decoder notices: few codecs carry checksums, so some flipped bits cannot be told from a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image

from eval.core import SHOWN_AT
from eval.errors import MediaError
from eval.video.choosing import Choice
from eval.video.demux import Demuxer, MisplacedError
from eval.video.packets import Run, plan_runs

_PREDICTED = frozenset({2, 3, 4})
"""FFmpeg's picture types P, B and S, at which decoding cannot begin."""
_TAIL = 2
"""Number of packets at the end of a file without an index that may be incomplete."""


class _DamagedError(Exception):
    """A wanted picture cannot be decoded because of the packet with this number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class _FalseKeyError(Exception):
    """A picture marked as a keyframe is not one."""


def read_video(path: Path, choose: Choice) -> list[Image.Image]:
    """Return the chosen frames of a video.

    Args:
        path: The video file.
        choose: Gives their indices, each counted from the first frame that is shown.

    Returns:
        RGB images, turned upright as the file asks. Repeated indices give the same object.

    Raises:
        MediaError: Where the file is no video or is cut short, a wanted frame is damaged, or none can be chosen.
    """
    with closing(Demuxer(path)) as demuxer:
        return _Sampler(demuxer).sample(choose)


class _Sampler:
    """Finds and decodes the wanted pictures of one file."""

    def __init__(self, demuxer: Demuxer) -> None:
        self.demuxer = demuxer
        self.reformatter = VideoReformatter()
        self.listing = demuxer.list_packets()
        order = self.listing.display_order()
        self.counted = order is None
        """Whether the index was made by decoding."""
        self.order = self.count() if order is None else order
        """Packet numbers in display order."""

    def sample(self, choose: Choice) -> list[Image.Image]:
        """Return the sampled frames; see `read_video`."""
        path = self.demuxer.path
        while self.order:
            wanted = [self.order[i] for i in choose(len(self.order), self.demuxer.fps or None)]
            try:
                pictures = self.decode(set(wanted))
            except _DamagedError as damage:
                number = damage.number
                # The last picture of a file without an index may be incomplete with no other sign of it.
                if self.demuxer.has_index or number < len(self.listing.packets) - _TAIL or number not in self.order:
                    raise MediaError(path, "corrupt", f"picture {number + 1} in it is damaged") from None
                self.order.remove(number)
            else:
                self.stamp(pictures)
                return [pictures[number] for number in wanted]
        raise MediaError(path, "truncated", "holds no picture that can be decoded")

    def stamp(self, pictures: Mapping[int, Image.Image]) -> None:
        """Note on pictures when the file says that they are shown, in seconds from its first one."""
        base, first = self.demuxer.time_base, self.listing.packets[self.order[0]].pts
        for number, picture in pictures.items():
            pts = self.listing.packets[number].pts
            # An index that had to be made by decoding means that the file's times cannot be relied on.
            if base is not None and pts is not None and first is not None and not self.counted:
                picture.info[SHOWN_AT] = float((pts - first) * base)

    def decode(self, wanted: set[int]) -> dict[int, Image.Image]:
        """Return the wanted pictures by packet number."""
        rank = {number: place for place, number in enumerate(self.order)}
        pictures: dict[int, Image.Image] = {}
        trust_keys = not self.demuxer.has_palette
        if not trust_keys:
            self.demuxer.trust_seek = False
        while True:
            left = wanted - pictures.keys()
            try:
                for run in plan_runs(self.listing, rank, left, trust_keys=trust_keys):
                    pictures |= self.decode_run(run, rank)
            except MisplacedError as error:
                if not self.demuxer.trust_seek:
                    raise MediaError(self.demuxer.path, "unreadable", "changed while it was read") from error
                self.demuxer.trust_seek = False
                self.demuxer.restart()
            except _FalseKeyError:
                trust_keys = False
            else:
                return pictures

    def decode_run(self, run: Run, rank: dict[int, int]) -> dict[int, Image.Image]:
        """Decode one run; `rank` is the display position by packet number."""
        packets, begin = self.listing.packets, rank.get(run.key, -1)
        output = _Output(frozenset(run.wanted), self.reformatter)
        fed: list[int] = []
        for number, packet in self.demuxer.read(run.key, run.last):
            # A disposable picture is needed by no other, like one that is shown before the keyframe it follows.
            spare = packets[number].disposable or rank.get(number, begin) < begin
            if spare and number not in run.wanted and not self.counted:
                continue
            fed.append(number)
            output.feed(self.demuxer.codec, packet, number)
        output.drain(self.demuxer.codec)
        lost = {number for number in fed if number in rank and rank[number] >= begin} - output.seen
        if run.key != self.listing.first_key and (run.key in lost or output.kinds.get(run.key) in _PREDICTED):
            raise _FalseKeyError
        harmed = lost | {number for number in output.damaged if rank.get(number, begin) >= begin}
        for number, key in run.wanted.items():
            causes = [n for n in harmed if key <= n <= number and (n == number or not packets[n].disposable)]
            causes += [n for n in range(key, number + 1) if packets[n].torn]
            if causes:
                raise _DamagedError(min(causes))
        return output.pictures

    def count(self) -> list[int]:
        """Decode everything once and return the packet numbers in the order in which their pictures come out."""
        output = _Output(frozenset(), self.reformatter)
        last = len(self.listing.packets) - 1
        self.demuxer.restart()
        try:
            for number, packet in self.demuxer.read(0, last):
                output.feed(self.demuxer.codec, packet, number)
        except MisplacedError as error:
            raise MediaError(self.demuxer.path, "unreadable", "changed while it was read") from error
        output.drain(self.demuxer.codec)
        lost = {number for number in output.refused if output.order and number > output.order[0]}
        if self.listing.regular and self.listing.complete_head:
            lost |= {number for number, packet in enumerate(self.listing.packets) if packet.shown} - output.seen
        if lost and min(lost) <= last - _TAIL:
            raise MediaError(self.demuxer.path, "corrupt", f"picture {min(lost) + 1} in it is damaged")
        return output.order


class _Output:
    """Decodes numbered packets; the packet number is passed through the decoder as the display time."""

    def __init__(self, wanted: frozenset[int], reformatter: Any) -> None:
        self.wanted = wanted
        self.reformatter = reformatter
        self.pictures: dict[int, Image.Image] = {}
        self.order: list[int] = []
        self.kinds: dict[int, int] = {}
        self.damaged: set[int] = set()
        """Packets whose picture is incomplete."""
        self.refused: set[int] = set()
        """Packets that the decoder rejected."""

    @property
    def seen(self) -> set[int]:
        """Packets that gave a picture."""
        return set(self.order)

    def feed(self, codec: Any, packet: Any, number: int) -> None:
        packet.pts = number
        try:
            self._take(codec.decode(packet))
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            self.damaged.add(number)
            self.refused.add(number)

    def drain(self, codec: Any) -> None:
        """Take the pictures that the decoder still holds, and reset it."""
        if not codec.is_open:
            return
        with suppress(av.error.FFmpegError):  # a picture that does not come out is noticed by its missing number
            self._take(codec.decode(None))
        codec.flush_buffers()

    def _take(self, frames: Sequence[Any]) -> None:
        for frame in frames:
            number = frame.pts
            if number is None or number in self.kinds:
                continue
            self.order.append(number)
            self.kinds[number] = int(frame.pict_type)
            if frame.is_corrupt:
                self.damaged.add(number)
            if number in self.wanted:
                self.pictures[number] = _upright(frame, self.reformatter)


def _upright(frame: Any, reformatter: Any) -> Image.Image:
    """Return a frame as an RGB image, turned and mirrored as its display matrix says.

    The matrix maps coded to shown coordinates; only quarter turns and mirrorings are followed.
    """
    # One reformatter for all frames: creating one per frame costs more than converting a small frame.
    pixels = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is not None:
        matrix = np.frombuffer(bytes(data), dtype=np.int32)
        across, down = int(matrix[0]), int(matrix[4])
        if not across and not down:
            pixels = pixels.swapaxes(0, 1)
            across, down = int(matrix[3]), int(matrix[1])
        pixels = pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
    return Image.fromarray(np.ascontiguousarray(pixels))
