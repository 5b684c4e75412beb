"""Messages between the loader and its workers: JSON with its length before it, then raw pixels.

A worker reads files of unknown origin and may be taken over by one of them. So none of its messages are unpickled, and
everything is checked before use.
"""

from __future__ import annotations

import json
import math
import re
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from eval.archives import media_path
from eval.core import FRAME_INFO, Area, Clip, ClipNote, FramePolicy, LoadedClip, Selection, Square, Strip
from eval.errors import MediaError, MediaReason
from eval.video.limits import MAX_SIDE
from eval.video.loading import clean_error
from eval.video.strip import strip_told

if TYPE_CHECKING:
    from PIL.Image import Image

_LENGTH = struct.Struct(">I")
_MAX_REPLY = 1 << 20
"""Maximum bytes of a reply's JSON; the pixels are not part of it."""
_REASONS = frozenset(get_args(MediaReason))
_NOTES: tuple[ClipNote, ...] = get_args(ClipNote)
_MEDIA = re.compile("[0-9a-f]{16}")
_OF_INFO: tuple[Callable[[Any], float], ...] = (int, float, float)
"""Kinds of the values of FRAME_INFO."""
READY: dict[str, Any] = {"ready": True}
"""A worker's first message, sent when everything is imported."""


class NonsenseError(Exception):
    """A worker sent an invalid message."""


def pack(message: dict[str, Any]) -> bytes:
    """Return a message in its encoded form. File names that are not UTF-8 are allowed: their surrogates are escaped."""
    data = json.dumps(message).encode("ascii")
    return _LENGTH.pack(len(data)) + data


def read_message(connection: socket.socket) -> dict[str, Any]:
    """Wait for a message and return it. Raises EOFError where the other side is gone."""
    (length,) = _LENGTH.unpack(_read(connection, _LENGTH.size))
    message: dict[str, Any] = json.loads(_read(connection, length))
    return message


def _read(connection: socket.socket, n: int) -> bytes:
    data = bytearray()
    while len(data) < n:
        part = connection.recv(min(n - len(data), 1 << 16))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def clip_to_json(clip: Clip) -> dict[str, Any]:
    """Return a clip as JSON values."""
    source = str(clip.source) if isinstance(clip.source, Path) else [str(path) for path in clip.source]
    said = None if clip.selection is None else asdict(clip.selection)
    more = [clip_to_json(medium) for medium in clip.more]
    span = {"start": clip.start, "end": clip.end, "fps": clip.fps}
    return {"source": source, **span, "selection": said, "more": more, "n_frames": clip.n_frames}


def clip_from_json(values: dict[str, Any]) -> Clip:
    """Return the clip in JSON values."""
    source = values["source"]
    path = media_path(source) if isinstance(source, str) else tuple(map(media_path, source))
    said = values["selection"]
    return Clip(
        source=path,
        start=values["start"],
        end=values["end"],
        fps=values["fps"],
        selection=None if said is None else Selection(**{name: _hashable(value) for name, value in said.items()}),
        more=tuple(map(clip_from_json, values["more"])),
        n_frames=values["n_frames"],
    )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def policy_from_json(values: dict[str, Any]) -> FramePolicy:
    """Return the frame policy in JSON values, which are those of its fields."""
    size = values["size"]
    return FramePolicy(**{**values, "size": size and (Square(**size) if "side" in size else Area(**size))})


def send_loaded(connection: socket.socket, loaded: LoadedClip, now: float) -> None:
    """Send the result of a clip. A repeated frame is sent once."""
    reply: dict[str, Any] = {"decode": loaded.decode, "prepare": loaded.prepare, "sent": now}
    if loaded.error is not None or loaded.frames is None:
        error = loaded.error or MediaError(loaded.clip.name, "unreadable", "gave neither frames nor a reason")
        connection.sendall(pack({**reply, "path": error.path, "reason": error.reason, "detail": error.detail}))
        return
    different: dict[int, Image] = {}
    for frame in loaded.frames:
        different.setdefault(id(frame), frame)
    places = {key: place for place, key in enumerate(different)}
    sizes = [frame.size for frame in different.values()]
    order = [places[id(frame)] for frame in loaded.frames]
    about = [[frame.info.get(key) for key in FRAME_INFO] for frame in different.values()]
    reply |= {"sizes": sizes, "about": about, "order": order, "counts": loaded.counts}
    strip = loaded.strip
    reply |= {"strip": None if strip is None else [strip.name, strip.columns, *strip.cell, len(strip.content)]}
    connection.sendall(pack({**reply, "media": loaded.media, "notes": loaded.notes}))
    for frame in different.values():
        connection.sendall(frame.tobytes())
    if strip is not None:
        connection.sendall(strip.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A worker's checked reply about a clip; the pixels follow it."""

    error: MediaError | None
    """The reason why there are no frames."""
    sizes: Sequence[tuple[int, int]]
    """Width and height of each distinct frame that follows."""
    about: Sequence[Sequence[float | None]]
    """Of each of them the values of FRAME_INFO, where they are known."""
    order: Sequence[int]
    """For each frame of the clip, its index among the distinct frames."""
    counts: tuple[int, ...]
    """Number of frames of each medium, where the clip has more than one."""
    media: str | None
    """Hash of the files that the frames came from."""
    notes: tuple[ClipNote, ...]
    """What to know of the clip."""
    strip: Strip | None
    """The picture of its frames, still without its content."""
    strip_bytes: int
    """Number of bytes of this content, which follows the pixels."""
    decode: tuple[float, float]
    """Start and end of decoding, on the worker's clock."""
    prepare: tuple[float, float]
    """Start and end of preparing, on the worker's clock."""
    sent: float
    """Time when the reply was sent, on the worker's clock."""

    @property
    def n_bytes(self) -> int:
        """Number of bytes of pixels, and of the strip, that follow."""
        return sum(3 * width * height for width, height in self.sizes) + self.strip_bytes

    @property
    def n_bytes_held(self) -> int:
        """Number of bytes of the images in memory: Pillow pads pixels to four bytes."""
        return sum(4 * width * height for width, height in self.sizes) + self.strip_bytes

    def images(self, pixels: bytearray) -> list[Image]:
        """Return the clip's frames."""
        from PIL import Image as pil  # noqa: N813

        view, at, different = memoryview(pixels), 0, []
        for size, about in zip(self.sizes, self.about, strict=True):
            n = 3 * size[0] * size[1]
            different.append(pil.frombuffer("RGB", size, view[at : at + n], "raw", "RGB", 0, 1))  # type: ignore[arg-type]
            at += n
            different[-1].info |= {
                key: value for key, value in zip(FRAME_INFO, about, strict=True) if value is not None
            }
        return [different[place] for place in self.order]

    def drawn(self, pixels: bytearray) -> Strip | None:
        """Return the picture of its frames, with its content."""
        content = bytes(pixels[len(pixels) - self.strip_bytes :])
        # It is shown by browsers, from a file of this name.
        return self.strip and (replace(self.strip, content=content) if content.startswith(b"RIFF") else None)


def read_reply(message: dict[str, Any], *, wanted: Sequence[int], max_bytes: int) -> Reply:
    """Check and parse a reply about a clip, given the most frames wanted of each medium. Raises NonsenseError."""
    try:
        times = [float(value) for value in (*message["decode"], *message["prepare"], message["sent"])]
        begin, decoded, prepared_from, end, sent = times
        error = None
        if "reason" in message:
            reason = cast("MediaReason", message["reason"] if message["reason"] in _REASONS else "unreadable")
            error = clean_error(str(message["path"]), reason, str(message["detail"]))
        sizes = [(int(width), int(height)) for width, height in message.get("sizes", ())]
        about = [
            [None if value is None else kind(value) for kind, value in zip(_OF_INFO, values, strict=True)]
            for values in message.get("about", ())
        ]
        order = [int(place) for place in message.get("order", ())]
        counts = tuple(int(count) for count in message.get("counts", ()))
        media = message.get("media")
        notes = tuple(note for note in _NOTES if note in message.get("notes", ()))
        strip, strip_bytes = strip_told(message.get("strip"))
    except (KeyError, TypeError, ValueError, OverflowError) as wrong:
        raise NonsenseError(f"{type(wrong).__name__}: {wrong}") from None
    reply = Reply(
        error=error,
        sizes=sizes,
        about=about,
        order=order,
        counts=counts,
        media=media,
        notes=notes,
        strip=strip,
        strip_bytes=strip_bytes,
        decode=(begin, decoded),
        prepare=(prepared_from, end),
        sent=sent,
    )
    fits = (
        all(map(math.isfinite, times))
        and begin <= decoded <= prepared_from <= end <= sent
        and max(len(sizes), len(order)) <= sum(max(0, n) for n in wanted)
        and (not order or len(counts) == (len(wanted) if len(wanted) > 1 else 0))
        and (not counts or (min(counts) > 0 and sum(counts) == len(order)))
        and all(1 <= side <= MAX_SIDE for size in sizes for side in size)
        and all(0 <= place < len(sizes) for place in order)
        and len(about) == len(sizes)
        and all(value is None or math.isfinite(value) for values in about for value in values)
        and reply.n_bytes <= max_bytes
        and (error is None) == bool(order)
        and (strip is None or bool(order))
        and (media is None or (isinstance(media, str) and _MEDIA.fullmatch(media) is not None))
    )
    if not fits:
        raise NonsenseError("sizes, places or times that cannot be")
    return reply


class Inbox:
    """Reads a worker's messages as they arrive, without blocking. Raises EOFError when the worker is gone."""

    def __init__(self, connection: socket.socket) -> None:
        """Read from `connection`, which must be non-blocking."""
        self._connection = connection
        self._begin(_LENGTH.size)
        self._has_length = False

    def message(self) -> dict[str, Any] | None:
        """Return the next message if it has arrived completely. Raises NonsenseError."""
        if not self._has_length:
            if not self._fill():
                return None
            (length,) = _LENGTH.unpack(self._data)
            if not 0 < length <= _MAX_REPLY:
                raise NonsenseError(f"a message of {length} bytes")
            self._begin(length)
            self._has_length = True
        if not self._fill():
            return None
        try:
            message = json.loads(bytes(self._data))
        except (ValueError, RecursionError):
            raise NonsenseError("a message that is not JSON") from None
        self._begin(_LENGTH.size)
        self._has_length = False
        if not isinstance(message, dict):
            raise NonsenseError("a message that is not an object")
        return message

    def expect(self, n: int) -> None:
        """Treat the next `n` bytes as pixels."""
        self._begin(n)

    def pixels(self) -> bytearray | None:
        """Return the expected bytes if all have arrived."""
        if not self._fill():
            return None
        data = self._data
        self._begin(_LENGTH.size)
        return data

    def _begin(self, n: int) -> None:
        self._data, self._have = bytearray(n), 0

    def _fill(self) -> bool:
        view = memoryview(self._data)
        while self._have < len(view):
            try:
                n = self._connection.recv_into(view[self._have :])
            except (BlockingIOError, InterruptedError):
                return False
            if not n:
                raise EOFError
            self._have += n
        return True
