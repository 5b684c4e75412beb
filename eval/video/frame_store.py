"""Store prepared frames for later runs, keyed by the bytes of their files and the way of reading.

Each entry is one file, written under a temporary name first, so that any number of processes may read and write at
once. It has a checksum; an entry that does not match is made anew. Failures are never kept.

Whether this pays depends on the clips: see `scripts/bench_loading.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.core import FRAME_INFO, Clip, DecoderName, FramePolicy, PictureRules
from eval.errors import MediaError, RunError
from eval.files import make_folder, read_regular
from eval.video.choosing import folder_span
from eval.video.files import check_regular, is_folder
from eval.video.frames import decoder_version
from eval.video.limits import MAX_SIDE

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMAT = 5
"""Format version; increment it when entries, or the way in which frames are prepared, change."""
_MAGIC = b"tarsier-eval frames\n"
_LENGTH = struct.Struct(">I")
_DIGEST = 32
_MAX_HEAD = 1 << 20
_MOST_BYTES = 4_000_000_000
"""Maximum bytes of a clip's files; hashing larger ones takes longer than it saves."""
_ABANDONED_S = 86_400.0
"""Seconds after which a temporary file counts as left behind by a killed process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameKey:
    """Key of a clip's frames."""

    name: str
    """Hash of all inputs of the frames."""
    files: tuple[Path, ...]
    """The files whose content is part of the hash."""
    stamps: tuple[tuple[int, int, int], ...]
    """Each file's state when it was read: number, size and time of change."""


class FrameStore:
    """A folder of stored frames. Disk errors only cost the time of decoding again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._versions: dict[DecoderName, dict[str, str]] = {}
        self._unfinished = folder / "unfinished"
        with contextlib.suppress(OSError):
            for left in self._unfinished.iterdir():
                if left.stat().st_mtime < time.time() - _ABANDONED_S:
                    left.unlink()

    def key(
        self,
        clip: Clip,
        policy: FramePolicy,
        decoder: DecoderName,
        rules: PictureRules = PictureRules(),  # noqa: B008 (it is frozen)
    ) -> FrameKey | None:
        """Return the key of a clip's frames, or None where its files cannot be read, or are very large.

        It is a hash of the content of every file of the clip and its further media in order, their spans, the policy,
        the decoder, and the rules for pictures. Read errors are reported where frames are read, with the reason.
        """
        made_from: list[Any] = []
        files: list[Path] = []
        try:
            for medium in (clip, *clip.more):
                kind, own = _files(medium, policy)
                contents = [(file.suffix.lower(), _hash_file(file)) for file in own]
                said = None if medium.selection is None else asdict(medium.selection)
                made_from.append([kind, contents, medium.start, medium.end, medium.fps, said])
                files += own
            stamps = tuple(_stamp(file) for file in files)
        except (MediaError, OSError, ValueError):
            return None
        if decoder not in self._versions:
            self._versions[decoder] = {"pillow": _pillow(), **decoder_version(decoder)}
        reading = [_FORMAT, {**self._versions[decoder], **rules.describe()}, asdict(policy)]
        text = json.dumps([*reading, made_from], sort_keys=True)
        return FrameKey(name=hashlib.sha256(text.encode()).hexdigest(), files=tuple(files), stamps=stamps)

    def get(self, key: FrameKey) -> list[list[Image]] | None:
        """Return the frames of each medium of an entry, or None where there is no intact one."""
        try:
            data = memoryview(read_regular(self._path(key)))
        except OSError:
            return None
        body, digest = data[:-_DIGEST], data[-_DIGEST:]
        if not body.tobytes().startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
            return None
        try:
            return _unpack(body[len(_MAGIC) :], key.name)
        except (ValueError, KeyError, TypeError, IndexError, struct.error):
            return None

    def put(self, key: FrameKey, frames: Sequence[Sequence[Image]]) -> None:
        """Store the frames of each medium of a clip, unless one of its files has changed since its key was computed."""
        with contextlib.suppress(OSError, RunError):
            if tuple(_stamp(file) for file in key.files) != key.stamps:
                return
            make_folder(self._unfinished)
            path = self._path(key)
            make_folder(path.parent)
            handle, name = tempfile.mkstemp(dir=self._unfinished)
            try:
                with os.fdopen(handle, "wb") as file:
                    checksum = hashlib.sha256()
                    for part in _pack(frames, key.name):
                        checksum.update(part)
                        file.write(part)
                    file.write(checksum.digest())
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def _path(self, key: FrameKey) -> Path:
        return self.folder / key.name[:2] / f"{key.name}.frames"


def _files(clip: Clip, policy: FramePolicy) -> tuple[str, list[Path]]:
    """Return the kind of a medium, and its files. Raises ValueError where they are very large."""
    from eval.video import images

    source, kind = clip.source, "file"
    if not isinstance(source, Path):
        kind, files = "list", list(source)
    elif is_folder(source):
        kind, files = "folder", images.list_folder(source, **folder_span(clip, policy))
    else:
        files = [source]
    if sum(_stamp(file)[1] for file in files) > _MOST_BYTES:
        raise ValueError(files[0])
    return kind, files


def _pillow() -> str:
    import PIL

    return PIL.__version__


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _hash_file(path: Path) -> str:
    check_regular(path)
    checksum = hashlib.sha256()
    buffer = memoryview(bytearray(1 << 20))
    with path.open("rb", buffering=0) as file:
        while n := file.readinto(buffer):
            checksum.update(buffer[:n])
    return checksum.hexdigest()


def _pack(media: Sequence[Sequence[Image]], key: str) -> Iterator[bytes]:
    """Yield an entry in parts; a repeated frame is written once."""
    different: dict[int, Image] = {}
    for frame in chain(*media):
        different.setdefault(id(frame), frame)
    places = {known: place for place, known in enumerate(different)}
    head: dict[str, Any] = {
        "key": key,
        "sizes": [frame.size for frame in different.values()],
        "about": [[frame.info.get(key) for key in FRAME_INFO] for frame in different.values()],
        "order": [[places[id(frame)] for frame in frames] for frames in media],
    }
    text = json.dumps(head).encode("ascii")
    yield _MAGIC + _LENGTH.pack(len(text)) + text
    for frame in different.values():
        yield frame.tobytes()


def _unpack(body: memoryview, key: str) -> list[list[Image]]:
    """Return the frames of each medium. Raises ValueError and others where the entry is damaged or has another key."""
    from PIL import Image as pil  # noqa: N813

    (length,) = _LENGTH.unpack(body[: _LENGTH.size])
    if length > _MAX_HEAD:
        raise ValueError(length)
    head = json.loads(bytes(body[_LENGTH.size : _LENGTH.size + length]))
    at = _LENGTH.size + length
    different = []
    for (width, height), about in zip(head["sizes"], head["about"], strict=True):
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE) or head["key"] != key:
            raise ValueError(head)
        n = 3 * width * height
        different.append(pil.frombytes("RGB", (width, height), bytes(body[at : at + n])))
        known = zip(FRAME_INFO, about, strict=True)
        different[-1].info |= {key: value for key, value in known if value is not None}
        at += n
    if at != len(body) or not head["order"] or not all(head["order"]):
        raise ValueError(at)
    return [[different[place] for place in order] for order in head["order"]]
