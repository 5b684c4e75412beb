"""Finds the videos of a data set by name, in whatever layout and container they were unpacked.

Copies of the same data set differ in extension, in an extra folder that a zip brought along, and in letter case
of the extension. None of that should ask the user to rename files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from eval.readers.malformed import MalformedRow

VIDEO_EXTENSIONS = ("mp4", "mkv", "webm", "avi", "mov", "wmv", "mpg", "mpeg", "m4v", "ts", "gif")
"""Containers that are tried for a name, the likeliest first."""
FRAME_EXTENSIONS = ("jpg", "jpeg", "png", "tif", "tiff", "bmp", "webp")
"""Image files that make a folder a folder of frames."""

_log = logging.getLogger(__name__)


def video_stem(name: str) -> str:
    """Return a file name without the extension of a video; dots that belong to the name stay."""
    stem, dot, extension = name.rpartition(".")
    return stem if dot and stem and extension.lower() in VIDEO_EXTENSIONS else name


class VideoIndex:
    """The videos below one folder.

    The folder should hold one benchmark: many data sets number their videos, and `1.mp4` of another one
    would be the wrong video. The tree is walked once, and only when a video is not where it is expected.
    """

    def __init__(self, root: Path | str, *, walk: bool = True) -> None:
        """Look below `root`; without `walk` only where videos are expected, for a root that others share."""
        self.root = Path(root)
        self._walk = walk
        self._twins: dict[Path, str] = {}
        self._hinted: dict[tuple[str, ...], list[Path]] = {}
        self._folders: dict[Path, dict[str, list[str]] | None] = {}
        self._below: dict[str, list[Path]] | None = None
        self._sought: dict[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], Path | None] = {}

    def find(self, name: str, hints: Sequence[str] = (), foreign: Sequence[str] = (), place: str = "") -> Path:
        """Return where the video `name` lies: a file, or a folder of frames.

        Args:
            name: File name, with or without extension; or a path relative to a hint or to the root; or an
                absolute path, which is taken as it is where it exists.
            hints: Folders below the root, where it is expected, the likeliest first.
            foreign: Folders whose videos are others even where the name is the same.
            place: The row that names the video, for messages.

        Where nothing is found, or several files fit equally well (logged as a warning), the path where the
        video is expected comes back, so that the sample fails as missing and says where to put it.

        Raises:
            DataError: A relative path that leaves the root, or an empty name.
        """
        given = Path(name)
        if given.is_absolute() and given.exists():
            return given
        parts = self._parts(name, place)
        first = _joined(_split(hints[0]) if hints else (), parts)
        if self._walk and self._below is not None and not self._below:
            return given if given.is_absolute() else self.root.joinpath(*first)  # no video at all, and many are sought
        if not given.is_absolute():
            for look in (_file, self._other_extension, _folder):
                for path in self._expected(parts, tuple(hints)):
                    if (found := look(path)) is not None:
                        return found
        sought = (parts, tuple(hints), tuple(foreign))
        if sought not in self._sought:
            self._sought[sought] = self._anywhere(*sought)
        return self._sought[sought] or (given if given.is_absolute() else self.root.joinpath(*first))

    def find_any(
        self, names: Sequence[str], hints: Sequence[str] = (), foreign: Sequence[str] = (), place: str = ""
    ) -> Path:
        """Return where a video lies that goes by several names, or where the first is expected; as `find`.

        An absolute path may be of another machine, so a video is not expected there if it has another name.
        """
        paths = [self.find(name, hints, foreign, place) for name in names or ("",)]
        expected = (path for path, name in zip(paths, names, strict=False) if not name.startswith("/"))
        return next((path for path in paths if path.exists()), next(expected, paths[0]))

    def twins(self) -> Mapping[Path, str]:
        """Return the videos that were picked over a file of the same name in another container."""
        return self._twins

    def find_frames(
        self, names: Sequence[str], hints: Sequence[str] = (), foreign: Sequence[str] = (), place: str = ""
    ) -> list[Path]:
        """Return where the listed frame files lie, in the given order; each of their folders is looked up once.

        A frame that is missing comes back as the path where it is expected. Raises DataError as `find` does.
        """
        homes: dict[str, Path] = {}
        frames = []
        for name in names:
            folder, _, file = name.rpartition("/")
            if folder not in homes:
                homes[folder] = self.find(folder, hints, foreign, place) if folder else self.root.joinpath(*hints[:1])
            frames.append(homes[folder] / file)
        return frames

    def _expected(self, parts: tuple[str, ...], hints: tuple[str, ...]) -> list[Path]:
        """Return where the video may lie, but for folders that are not there.

        Most hints of most data sets do not exist, and asking the disk again for each sample adds up.
        """
        if len(parts) > 1:
            paths = [self.root.joinpath(*_joined(_split(hint), parts)) for hint in (*hints, "")]
            return [path for path in paths if self._listed(path.parent) is not None]
        if hints not in self._hinted:
            folders = [self.root / hint for hint in (*hints, "")]
            self._hinted[hints] = [folder for folder in folders if self._listed(folder) is not None]
        return [folder / parts[0] for folder in self._hinted[hints]]

    def _parts(self, name: str, place: str) -> tuple[str, ...]:
        parts = PurePosixPath(os.path.normpath(name)).parts if name else ()
        where = f"{place}: " if place else ""
        if not parts:
            raise MalformedRow(f"{where}no video is named; add its name, or a path below {self.root}")
        if parts[0] == "..":
            raise MalformedRow(f"{where}video {name!r} leaves {self.root}; use a path below it, or an absolute one")
        return parts

    def _listed(self, folder: Path) -> dict[str, list[str]] | None:
        """Return the videos of a folder by stem, or None where there is no such folder."""
        if folder not in self._folders:
            self._folders[folder] = _stems(folder) if folder.is_dir() else None
        return self._folders[folder]

    def _other_extension(self, path: Path) -> Path | None:
        names = (self._listed(path.parent) or {}).get(video_stem(path.name))
        if not names:
            return None
        found = path.with_name(names[0])
        if len(names) > 1:
            self._twins[found] = names[1]
        return found

    def _anywhere(self, parts: tuple[str, ...], hints: Sequence[str], foreign: Sequence[str]) -> Path | None:
        if self._below is None:
            self._below = _walk(self.root) if self._walk else {}
        found: list[tuple[tuple[int, int], Path]] = []
        for path in self._below.get(video_stem(parts[-1]), ()):
            folder = path.relative_to(self.root).parts[:-1]
            if not any(_within(other, folder) for other in foreign):
                near = max((len(set(_split(hint)) & set(folder)) for hint in hints), default=0)
                found.append(((_shared_end(parts[:-1], folder), near), path))
        best = max((rank for rank, _ in found), default=None)
        paths = sorted(path for rank, path in found if rank == best)
        if len({os.path.realpath(path) for path in paths}) > 1:
            shown = ", ".join(str(path) for path in paths[:3])
            _log.warning("%d videos fit %r equally well and none is used: %s", len(paths), "/".join(parts), shown)
            return None
        return paths[0] if paths else None


def _file(path: Path) -> Path | None:
    return path if path.is_file() else None


def _folder(path: Path) -> Path | None:
    if path.is_dir():
        return path
    folder = path.with_name(video_stem(path.name))
    return folder if folder.is_dir() else None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """List a folder; hidden files (among them the `._x.mp4` that zips from a Mac bring) are no videos."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself
        return False


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _stems(folder: Path) -> dict[str, list[str]]:
    """Return the video files of a folder by stem, each list in the order in which containers are tried."""
    stems: dict[str, list[str]] = {}
    for entry in _entries(folder):
        if _extension(entry.name) in VIDEO_EXTENSIONS and not _is_folder(entry):
            stems.setdefault(video_stem(entry.name), []).append(entry.name)
    for names in stems.values():
        names.sort(key=lambda name: (VIDEO_EXTENSIONS.index(_extension(name)), name))
    return stems


def _walk(root: Path) -> dict[str, list[Path]]:
    """Return every video and every folder of frames below `root` by stem; linked folders are followed once."""
    stems: dict[str, list[Path]] = {}
    seen: set[tuple[int, int]] = set()
    stack = [root]
    while stack:
        folder = stack.pop()
        try:
            status = folder.stat()
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        has_frames = False
        for entry in _entries(folder):
            extension = _extension(entry.name)
            if _is_folder(entry):
                stack.append(folder / entry.name)
            elif extension in VIDEO_EXTENSIONS:
                stems.setdefault(video_stem(entry.name), []).append(folder / entry.name)
            has_frames = has_frames or extension in FRAME_EXTENSIONS
        if has_frames and folder != root:
            stems.setdefault(folder.name, []).append(folder)
    return stems


def _split(folder: str) -> tuple[str, ...]:
    return PurePosixPath(folder).parts


def _joined(hint: tuple[str, ...], name: tuple[str, ...]) -> tuple[str, ...]:
    """Return the name under the hint; folders that end the hint and begin the name are not repeated."""
    for shared in range(min(len(hint), len(name) - 1), 0, -1):
        if hint[-shared:] == name[:shared]:
            return hint + name[shared:]
    return hint + name


def _within(folder: str, parts: tuple[str, ...]) -> bool:
    """Whether the components of `folder` follow each other somewhere in `parts`."""
    wanted = _split(folder)
    return any(parts[i : i + len(wanted)] == wanted for i in range(len(parts) - len(wanted) + 1)) if wanted else False


def _shared_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many components two paths share, counted from the end."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
