"""Finds the videos of a data set by name, in whatever layout and container they lie, unpacked or not.

Copies of the same data set differ in extension, its letter case, and an extra folder from a zip. None of these should
force the user to rename files. Where a video is not at its place, archives are looked into (`eval.readers.packed`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from eval.archives import Member
from eval.core import VIDEO_EXTENSIONS
from eval.readers.folders import FolderListing, archives_in, list_folder, video_stem, walk
from eval.readers.malformed import RowError
from eval.readers.packed import PackedVideos, same_content

MAX_NAME, MAX_PATH = 255, 4096
"""Longest name and path that file systems take, in bytes."""

_log = logging.getLogger(__name__)


class VideoIndex:
    """The videos below one folder.

    The folder should hold one benchmark: many data sets number their videos, so `1.mp4` of another one would be the
    wrong video. The tree is walked once, and only when a video is not where it is expected.
    """

    def __init__(
        self, root: Path | str, *, walk: bool = True, outside: bool = False, within: Path | None = None
    ) -> None:
        """Index videos below `root`; without `walk` only in expected folders, for a root that others share.

        The root may be a data set on the hub.

        With `outside` an absolute path may lead anywhere; without it, only below `within`, or else below the root.
        """
        self.root = root if isinstance(root, Path) else Path(root)
        self._walk = walk
        self._outside = outside
        top = os.path.abspath(within or root)  # noqa: PTH100 - links are kept, since data folders are often linked
        self._tops = (Path(top), Path(os.path.realpath(top)))
        self._twins: dict[Path, str] = {}
        self._hinted: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[Path, FolderListing]]] = {}
        self._hinted_packed: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[Path, FolderListing]]] = {}
        self._folders: dict[Path, FolderListing | None] = {}
        self._below: dict[str, list[str]] | None = None
        self._packed = PackedVideos(self.root)
        self._sought: dict[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], Path | None] = {}

    def find(self, name: str, hints: Sequence[str] = (), foreign: Sequence[str] = (), place: str = "") -> Path:
        """Return the path of the video `name`: a file, or a folder of frames.

        Args:
            name: File name, with or without extension; or a path relative to a hint or to the root; or an absolute
                path, which is used as it is where it exists below the root, and otherwise looked up by its end, since
                it may be from another machine.
            hints: Folders below the root where it is expected, the likeliest first.
            foreign: Folders whose videos are different ones, even with the same name.
            place: The row that names the video, for messages.

        Where nothing is found, or several files fit equally well (logged as a warning), the expected path is returned,
        so that the sample fails as missing and its message says where to put the video.

        The text of a path decides whether it leaves the root. Links below the root are followed wherever they lead:
        they are the user's own, and annotations can't make any.

        Raises:
            DataError: A path that leaves the root, or a name that is empty or invalid.
        """
        return self.find_any((name,), hints, foreign, place)

    def find_any(
        self, names: Sequence[str], hints: Sequence[str] = (), foreign: Sequence[str] = (), place: str = ""
    ) -> Path:
        """Return the path of a video with several possible names, or the first expected path; as `find`."""
        return self.search(names, hints, foreign, place) or self.expected(names, hints, place)

    def search(
        self, names: Sequence[str], hints: Sequence[str] = (), foreign: Sequence[str] = (), place: str = ""
    ) -> Path | None:
        """Return the path of a video with several possible names, or None; as `find`."""
        found = (self._search(name, tuple(hints), tuple(foreign), place) for name in names or ("",))
        return next((path for path in found if path is not None), None)

    def expected(self, names: Sequence[str], hints: Sequence[str] = (), place: str = "") -> Path:
        """Return the expected path of a video with several possible names.

        An absolute path may be from another machine, so it is not the expected one if there is another name.
        """
        name = next((name for name in names if not _is_absolute(name)), names[0] if names else "")
        parts = self._parts(name, place)
        if parts[0] == "/" and not self._outside:
            parts = parts[-1:]
        path = self.root.joinpath(*_joined(_split(hints[0]) if hints else (), parts))
        # A folder that was passed over holds no frames.
        return path.with_name(f"{path.name}.{VIDEO_EXTENSIONS[0]}") if path.is_dir() else path

    def _search(self, name: str, hints: tuple[str, ...], foreign: tuple[str, ...], place: str) -> Path | None:
        parts = self._parts(name, place)
        if (absolute := parts[0] == "/") and (there := Path(*parts)).exists():
            if not self._outside and not any(there.is_relative_to(top) for top in self._tops):
                raise RowError(
                    f"{_where(place)}video {name!r} is there, but outside {self.root}; set data= to a folder that "
                    "holds it, link it from there, or allow such paths with outside=true"
                )
            return there
        if self._walk and self._below is not None and not self._below and not self._packed:
            return None  # no videos at all: return early, since there are many searches
        if not absolute:
            if (found := self._look(self._expected(parts, hints), parts[-1])) is not None:
                return found
            if (found := self._look(self._expected_packed(parts, hints), parts[-1])) is not None:
                return found
        sought = (parts, hints, foreign)
        if sought not in self._sought:
            self._sought[sought] = self._anywhere(*sought)
        return self._sought[sought]

    def twins(self) -> Mapping[Path, str]:
        """Return the videos chosen over a file of the same name in another container."""
        return self._twins

    def find_frames(
        self, names: Sequence[str], hints: Sequence[str] = (), foreign: Sequence[str] = (), place: str = ""
    ) -> list[Path]:
        """Return the paths of the listed frame files, in the given order; each of their folders is looked up once.

        A missing frame is returned as its expected path. Raises DataError as `find` does.
        """
        homes: dict[str, Path] = {}
        frames = []
        for name in names:
            *_, file = self._parts(name, place)
            folder = name.rpartition("/")[0]
            if folder not in homes:
                homes[folder] = self.find(folder, hints, foreign, place) if folder else self.root.joinpath(*hints[:1])
            frames.append(homes[folder] / file)
        return frames

    def _expected(self, parts: tuple[str, ...], hints: tuple[str, ...]) -> list[tuple[Path, FolderListing]]:
        """Return the existing folders that may hold the video.

        Each is listed once: most hints of most data sets do not exist, and checking the disk again for each sample adds
        up.
        """
        key = (parts[:-1], hints)
        if key not in self._hinted:
            folders = [self.root.joinpath(*_joined(_split(hint), parts)[:-1]) for hint in (*hints, "")]
            listed = [(folder, self._listed(folder)) for folder in dict.fromkeys(folders)]
            self._hinted[key] = [(folder, listing) for folder, listing in listed if listing is not None]
        return self._hinted[key]

    def _expected_packed(self, parts: tuple[str, ...], hints: tuple[str, ...]) -> list[tuple[Path, FolderListing]]:
        """Return the same of archives; where others share the root, of those in or beside the expected folders."""
        self._walk_once()
        key = (parts[:-1], hints)
        if key not in self._hinted_packed:
            places = [_joined(_split(hint), parts)[:-1] for hint in (*hints, "")]
            if not self._walk:
                for place in filter(None, places):
                    beside = archives_in(self.root)
                    self._packed.add(one for one in beside if one.name.lower().startswith(f"{place[0].lower()}."))
                    for n in range(1, len(place) + 1):
                        self._packed.add(archives_in(self.root.joinpath(*place[:n])))
            folders = dict.fromkeys(folder for place in places for folder in self._packed.folders(place))
            self._hinted_packed[key] = [(folder, list_folder(folder)) for folder in folders]
        return self._hinted_packed[key]

    def _walk_once(self) -> None:
        if self._below is None:
            archives: list[Path] = []
            if isinstance(self.root, Member):
                self._below, archives = {}, [self.root]
            else:
                self._below = walk(self.root, archives) if self._walk else {}
            self._packed.add(sorted(archives))

    def _look(self, folders: Sequence[tuple[Path, FolderListing]], name: str) -> Path | None:
        """Return the file of that name, otherwise one in another container, otherwise the folder of frames."""
        stem = video_stem(name)
        for folder, listing in folders:
            if (there := listing.named(name, stem)) and (folder / there).is_file():
                return folder / there
        for folder, listing in folders:
            if names := listing.videos.get(stem):
                if len(names) > 1:
                    self._twins[folder / names[0]] = names[1]
                return folder / names[0]
        for folder, listing in folders:
            for one in (name, stem):
                if (there := listing.named(one, stem)) and (folder / there).is_dir():
                    return self._in_folder(folder / there, stem)
        return None

    def _in_folder(self, folder: Path, stem: str) -> Path | None:
        """Return a folder of frames; or, of a folder that holds videos, its video: that of its name, or the only one.

        Pictures beside a video are thumbnails.
        """
        listing = list_folder(folder)
        names = listing.videos.get(stem) or (next(iter(listing.videos.values())) if len(listing.videos) == 1 else [])
        if listing.videos and not names:
            _log.warning("%s holds %d videos, none of its name, and none is used", folder, len(listing.videos))
            return None
        return folder / names[0] if names else folder

    def _parts(self, name: str, place: str) -> tuple[str, ...]:
        if "\\" in name and not (self.root / name).exists():
            windows = PureWindowsPath(name)
            name = "/".join(("", *windows.parts[1:]) if windows.drive or windows.root else windows.parts)
        parts = PurePosixPath(os.path.normpath(name)).parts if name else ()
        # normpath keeps two leading slashes, which mean the same as one.
        parts = ("/", *parts[1:]) if parts and parts[0] == "//" else parts
        where = _where(place)
        if not parts or parts == ("/",):
            raise RowError(f"{where}no video is named; add its name, or a path below {self.root}")
        if parts[0] == "..":
            raise RowError(f"{where}video {name[:80]!r} leaves {self.root}; use a path below it")
        if "\0" in name or any(len(os.fsencode(part)) > MAX_NAME for part in parts) or len(name) > MAX_PATH:
            raise RowError(f"{where}{name[:80]!r} can be no name of a file; correct it in the file")
        return parts

    def _listed(self, folder: Path) -> FolderListing | None:
        """Return the content of a folder, or None where there is no such folder."""
        if folder not in self._folders:
            self._folders[folder] = list_folder(folder) if folder.is_dir() else None
        return self._folders[folder]

    def _anywhere(self, parts: tuple[str, ...], hints: Sequence[str], foreign: Sequence[str]) -> Path | None:
        self._walk_once()
        stem, below = video_stem(parts[-1]), self._below or {}
        named = [(path.relative_to(self.root).parts[:-1], path) for path in map(Path, below.get(stem, ()))]
        found: list[tuple[tuple[int, int, bool], Path]] = []
        for folder, path in (*named, *(self._packed.videos(stem) if self._walk else ())):
            if not any(_within(other, folder) for other in foreign):
                near = max((len(set(_split(hint)) & set(folder)) for hint in hints), default=0)
                # Of a file and its copy in an archive, the file.
                found.append(((_shared_end(parts[:-1], folder), near, not isinstance(path, Member)), path))
        best = max((rank for rank, _ in found), default=None)
        paths = sorted(path for rank, path in found if rank == best)
        if len({same_content(path) if isinstance(path, Member) else os.path.realpath(path) for path in paths}) > 1:
            shown = ", ".join(str(path) for path in paths[:3])
            _log.warning("%d videos fit %r equally well and none is used: %s", len(paths), "/".join(parts), shown)
            return None
        return paths[0] if paths else None


def _is_absolute(name: str) -> bool:
    return name.startswith("/") or PureWindowsPath(name).is_absolute()


def _where(place: str) -> str:
    return f"{place}: " if place else ""


def _split(folder: str) -> tuple[str, ...]:
    return PurePosixPath(folder).parts


def _joined(hint: tuple[str, ...], name: tuple[str, ...]) -> tuple[str, ...]:
    """Return the name under the hint; folders that end the hint and begin the name are not repeated."""
    for shared in range(min(len(hint), len(name) - 1), 0, -1):
        if hint[-shared:] == name[:shared]:
            return hint + name[shared:]
    return hint + name


def _within(folder: str, parts: tuple[str, ...]) -> bool:
    """Whether the components of `folder` occur one after the other in `parts`."""
    wanted = _split(folder)
    return any(parts[i : i + len(wanted)] == wanted for i in range(len(parts) - len(wanted) + 1)) if wanted else False


def _shared_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return the number of components that two paths share, counted from the end."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
