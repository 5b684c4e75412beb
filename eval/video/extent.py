"""Tell whether a video is as long as its container says.

A download that broke off still decodes: FFmpeg and decord give the frames of what is there, as if it were the whole
video. Most containers state how long they are, in bytes, pictures or seconds. A size that a writer has got wrong is
outvoted by pictures or seconds that are all there.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from eval.errors import MediaError
from eval.video.containers import stated_extent

_MISSED_S, _MISSED_SHARE = 1.0, 0.05
"""What a stated duration may say too much by itself: careless tools round it, or count a sound that was left out."""


_LONGEST_S = 0.5
"""For how long a picture counts as shown: the rate of a file with one picture left in it says nothing."""


def check_whole(path: Path) -> None:
    """Raise MediaError (`truncated`) where more was in a video than there is. Where nothing is known, it passes."""
    size, extent = path.stat().st_size, stated_extent(path)
    short = extent.end is not None and extent.end > size
    bytes_there = f"is cut off: {size} bytes are there of at least {extent.end}; copy the file again"
    if extent.torn:
        raise MediaError(path, "truncated", bytes_there)
    if not short and (extent.end is not None or extent.seconds is None):
        return
    there = _measure(path)
    seconds = extent.seconds or 0.0
    if there is None:
        if short:
            raise MediaError(path, "truncated", bytes_there)
    elif short:
        all_pictures = there.stated_pictures and there.pictures >= there.stated_pictures
        if not all_pictures and not (seconds and there.seconds >= seconds - there.picture_s / 2):
            raise MediaError(path, "truncated", bytes_there)
    elif there.seconds < seconds - max(_MISSED_S, _MISSED_SHARE * seconds):
        raise MediaError(
            path, "truncated", f"is cut off: {there.seconds:.1f} s are there of {seconds:.1f}; copy the file again"
        )


class _There(NamedTuple):
    pictures: int
    stated_pictures: int
    seconds: float
    picture_s: float


def _measure(path: Path) -> _There | None:
    """Read through a file without decoding; None where it cannot be opened."""
    import av

    from eval.video.demux import open_container

    pictures, last, shift = 0, 0.0, None
    try:
        with closing(open_container(path)) as container:
            film = container.streams.best("video")
            if film is None:
                return None
            rate = film.average_rate or film.guessed_rate
            picture_s = min(_LONGEST_S, float(1 / rate)) if rate else 0.0
            stated, by_dts = film.frames, container.format.name == "flv"
            try:
                for packet in container.demux():
                    if packet.pts is None or packet.time_base is None or packet.is_corrupt:
                        continue
                    is_film = packet.stream_index == film.index
                    pictures += is_film
                    least = picture_s if is_film else 0.0
                    time = packet.pts
                    if is_film and by_dts and packet.dts is not None:
                        # The last picture in the file is not the last that is shown where there are B-frames.
                        shift = packet.pts - packet.dts if shift is None else shift
                        time = packet.dts + shift
                    last = max(last, time * packet.time_base + max(least, packet.duration * packet.time_base))
            except av.error.InvalidDataError:
                pass  # the end of what can be read
            return _There(pictures=pictures, stated_pictures=stated, seconds=float(last), picture_s=picture_s)
    except av.error.FFmpegError:
        return None
