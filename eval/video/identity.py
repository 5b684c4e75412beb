"""Compute a short hash of a clip's files, by which other files under the same names are detected.

It tells files apart without reading them whole, which on a network drive would take as long as decoding them: a resumed
run computes it once for each clip that is done. Another encoding, another cut or another video differs in size, in its
headers or in its last frames; a changed byte in the middle of a file is not detected.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from eval.core import Clip
from eval.errors import MediaError
from eval.video.files import check_regular, is_folder

_PART = 64 << 10
"""Bytes read at either end of a file: headers and indices of all usual containers begin or end there."""
_MIDDLE = 2 << 10
"""Bytes read from each frame file, of which a clip may have hundreds; the middle of such a file is all picture."""


def media_id(clip: Clip) -> str | None:
    """Return the hash of a clip's files, 16 hexadecimal digits, or None where they are missing or can't be read.

    For a file it covers the size and both ends; for frame files, the name, size and middle of each.
    Folder names do not count, so that data may be moved. Further media of the clip count too, in order.
    """
    digest = hashlib.sha256()
    try:
        for medium in (clip, *clip.more):
            if isinstance(medium.source, Path) and not is_folder(medium.source):
                _add_file(digest, medium.source)
            else:
                for frame in _frames(medium):
                    _add_frame(digest, frame)
    except (MediaError, OSError, ValueError):
        return None
    return digest.hexdigest()[:16]


def _add_file(digest: hashlib._Hash, path: Path) -> None:
    check_regular(path)
    with path.open("rb", buffering=0) as file:
        size = file.seek(0, 2)
        digest.update(f"{size}\0".encode())
        for start in dict.fromkeys((0, max(0, size - _PART))):
            file.seek(start)
            digest.update(file.read(_PART))


def _add_frame(digest: hashlib._Hash, path: Path) -> None:
    check_regular(path)
    with path.open("rb", buffering=0) as file:
        size = file.seek(0, 2)
        digest.update(f"{size} {path.name}\0".encode("utf-8", "surrogateescape"))
        file.seek(max(0, size // 2 - _MIDDLE // 2))
        digest.update(file.read(_MIDDLE))


def _frames(clip: Clip) -> list[Path]:
    from eval.video import images

    if isinstance(clip.source, Path):
        return images.list_folder(clip.source, fps=clip.fps, start=clip.start, end=clip.end)
    return list(clip.source)
