"""Finds a benchmark's files: in its own folders below the root, the root itself, the protocol pack, the hub.

One root may serve all benchmarks. Each searches the folders with its name, then the root; upstream's rows may also be
in `annotations/` of either, or in the protocol pack.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal
from unicodedata import normalize

from eval.archives import Member
from eval.errors import DataError
from eval.readers.hub import Hub, fetch_annotations
from eval.readers.pack import Pack
from eval.readers.tables import TABLES
from eval.readers.videos import VideoIndex

AnnotationSource = Literal["auto", "upstream", "official"]
"""`auto` takes upstream's rows if found, since they hold the exact prompts, and official files otherwise."""

SUBFOLDERS = ("", "annotations/", "annotation/", "json/", "dataset/")
"""Folders in which distributions have their annotation files."""

ONLY_PART = "-00000-of-00001"
"""What the hub puts behind the name of a table in one part."""

_log = logging.getLogger(__name__)


class NoAnnotationsError(DataError):
    """None of a benchmark's annotations are there.

    Args:
        said: The message.
        near: Files and folders under nearly the names that were looked for, each with the expected path.
        remedy: A closing sentence for commands other than `data`, which does it.
    """

    def __init__(self, said: str, near: Sequence[tuple[Path, Path]] = (), remedy: str = "") -> None:
        super().__init__(f"{said}{remedy}")
        self.said = said
        self.near = tuple(near)


def home_of(data: Path, folders: Sequence[str]) -> Path:
    """Return the folder of a benchmark's own below the root: the first that is there, or the one that is expected."""
    return next((data / name for name in folders if (data / name).is_dir()), data / next(iter(folders), ""))


def _is_named(name: str, file: str) -> bool:
    """Whether a file of that name is the official one: `test.*` is a table in any form, also as the hub names it."""
    stem, dot, end = name.rpartition(".")
    if not file.endswith(".*"):
        return fnmatch(name, file)
    wanted = file.removesuffix(".*")
    return f"{dot}{end}".lower() in TABLES and any(fnmatch(one, wanted) for one in (stem, stem.removesuffix(ONLY_PART)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLayout:
    """The folders that may hold a benchmark's files."""

    data: Path
    """The root, of this benchmark or of all."""
    folders: Sequence[str]
    """Possible names of the benchmark's own folder."""
    about: str = ""
    """The benchmark with its size and its homepage, for messages."""
    annotations: Path | None = None
    """A file or folder of annotations given in place of a search."""
    pack: Pack | None = None
    """The protocol pack, where one was imported."""
    hub: Hub | None = None
    """The hub's data set with the official annotations, if there is one."""
    fetch: bool = False
    """Whether annotations may be fetched from the hub when found nowhere else."""
    fetched: Path | None = None
    """The folder in the hub's cache with fetched annotations."""
    outside: bool = False
    """Whether annotations may name files outside the root."""
    stream: Member | None = None
    """The data set on the hub from which videos are read that are not below the root."""

    @property
    def own(self) -> tuple[Path, ...]:
        """The benchmark's existing own folders; annotations and videos may be in two."""
        there = [self.data / name for name in self.folders if (self.data / name).is_dir()]
        # A case-insensitive file system shows one folder under several names.
        return tuple(one for n, one in enumerate(there) if not any(one.samefile(other) for other in there[:n]))

    @property
    def all(self) -> tuple[Path, ...]:
        """The benchmark's own folders, and the root."""
        return (*self.own, self.data)

    def gives(self, file: str) -> bool:
        """Whether the given annotations are this official file."""
        given = self.annotations
        return given is not None and given.is_file() and _is_named(given.name, file.rpartition("/")[2])

    def rows(self, file: str) -> tuple[Path | None, list[Path]]:
        """Return upstream's file of that name, and every place searched. Raises DataError."""
        if self.annotations is None:
            looked = [folder / shelf / file for folder in self.all for shelf in ("annotations", "")]
        else:
            looked = [self.annotations / file if self.annotations.is_dir() else self.annotations]
        found = next((place for place in looked if place.is_file()), None)
        if found is None and self.pack is not None and self.annotations is None:
            looked.append(self.pack.folder / "annotations" / file)
            found = self.pack.rows(file)
        return found, looked

    def official(self, file: str) -> Path | None:
        """Return an official file, whose name may hold `*`; the benchmark's own folders come before the root.

        Raises DataError where several files of a folder are tables under a name that ends in `.*`.
        """
        *_, name = file.rpartition("/")
        pattern = f"{file.removesuffix('.*')}*" if file.endswith(".*") else file
        if self.gives(file):
            return self.annotations
        given = self.annotations if self.annotations is not None and self.annotations.is_dir() else None
        for folder in (given, *self.all, self.fetched):
            if folder is None:
                continue
            # The root may be shared, and val_qa.json in one of its other folders may be another benchmark's.
            deeper = () if folder == self.data else ("*/", "dataset/*/")
            for shelf in (*SUBFOLDERS, *deeper):
                found = sorted(path for path in folder.glob(f"{shelf}{pattern}") if _is_named(path.name, name))
                if len(found) > 1 and pattern != file:
                    raise DataError(f"{found[0]} and {found[1]} could both be {file}; keep one, or give it as --ann")
                if found:
                    return found[0]
        return None

    def videos(self, anchor: Path) -> Videos:
        """Return the index of videos, for annotations found at `anchor`.

        Many data sets number their videos: in a shared root, a `1.mp4` further down may be of any data set, so only the
        expected folders of such a root are searched.
        """
        beside = anchor.is_relative_to(self.data) and anchor.parent.name not in {"annotations", "annotation"}
        ours = not self.own and (beside or self.annotations is not None)
        indexes = [VideoIndex(folder, outside=self.outside, within=self.data) for folder in self.own]
        streamed = [] if self.stream is None else [VideoIndex(self.stream)]
        return Videos((*indexes, VideoIndex(self.data, walk=ours, outside=self.outside), *streamed))


class Videos:
    """The videos of one benchmark, in one or several folders."""

    def __init__(self, indexes: Sequence[VideoIndex]) -> None:
        self._indexes = tuple(indexes)
        self._found: dict[tuple[tuple[str, ...], ...], Path] = {}
        self._shown_as: dict[Path, str] = {}

    def find_any(
        self, names: Sequence[str], hints: Sequence[str] = (), foreign: Sequence[str] = (), place: str = ""
    ) -> Path:
        """Return the path of a video with several possible names, or the first expected path.

        Arguments and errors are those of VideoIndex.find. Besides, raises DataError where a file outside the folders of
        two subsets is asked for by both, although their videos are different ones.
        """
        # Many questions are about the same video.
        sought = (tuple(names), tuple(hints), tuple(foreign))
        if sought not in self._found:
            found = (index.search(names, hints, foreign, place) for index in self._indexes)
            there = next((path for path in found if path is not None), None)
            if there is not None and foreign and hints:
                self._refuse_shared(there, hints[0], foreign, place)
            self._found[sought] = there or self._indexes[0].expected(names, hints, place)
        return self._found[sought]

    def _refuse_shared(self, path: Path, own: str, foreign: Sequence[str], place: str) -> None:
        if own in (path.place if isinstance(path, Member) else path).as_posix():
            return
        other = self._shown_as.setdefault(path, own)
        if other != own and any(other.endswith(each) for each in foreign):
            raise DataError(
                f"{place}: {path} would be shown as a video of {other} and as one of {own}, which are different videos "
                "of the same name; move each into the folder of its own data set, named here, below the data root"
            )

    def find_frames(
        self, names: Sequence[str], hints: Sequence[str] = (), foreign: Sequence[str] = (), place: str = ""
    ) -> list[Path]:
        """Return the paths of listed frame files, all below one folder. As VideoIndex.find_frames."""
        found = [index.find_frames(names, hints, foreign, place) for index in self._indexes]
        return next((paths for paths in found if paths and paths[0].exists()), found[0])

    def report(self) -> None:
        """Log the number of videos chosen over a file of the same name in another container."""
        twins = [(path, other) for index in self._indexes for path, other in index.twins().items()]
        if twins:
            path, other = twins[0]
            _log.warning("%d videos lie in two containers, such as %s beside %s", len(twins), path, other)


def resolve(
    homes: DataLayout, source: AnnotationSource, rows: str | None, official: Sequence[str], split: str
) -> tuple[DataLayout, Path | None, tuple[Path, ...]]:
    """Return the homes, upstream's file (None where official files are to be read), and the official files.

    Missing annotations are fetched from a hub if allowed, and recorded in the returned homes.

    Args:
        homes: The folders to search.
        source: The source that the user asked for.
        rows: Upstream's name of the file for this split, None where upstream has none.
        official: Names of the official files, all of which are needed.
        split: For messages.

    Raises:
        NoAnnotationsError: There are none to read; the message names every place searched.
        DataError: Some are, and do not fit.
    """
    given = homes.annotations
    if given is not None and not given.is_file() and not given.is_dir():
        said = "is a pipe, socket or device, not a regular file" if given.exists() else "does not exist"
        raise DataError(f"annotations {given} {said}; give a file, or the folder that holds it")
    if source == "upstream" and rows is None:
        raise DataError(f"upstream has no rows of split {split!r}; read the official files, or take upstream's split")
    wanted = rows is not None and source != "official" and not any(map(homes.gives, official))
    found, looked = homes.rows(rows) if rows is not None and wanted else (None, [])
    files = [homes.official(name) for name in official]
    if found is None and not any(files) and source != "upstream" and given is None and homes.fetch and homes.hub:
        homes = replace(homes, fetched=fetch_annotations(homes.hub))
        files = [homes.official(name) for name in official]
    there = tuple(file for file in files if file is not None)
    complete = there if len(there) == len(files) else ()
    if given is not None and complete and found is None and not any(file.is_relative_to(given) for file in there):
        # The files below the root must not stand in for those that the user named.
        wanted_names = [rows] if rows is not None and source != "official" else []
        names = " or ".join(wanted_names + ([", ".join(official)] if source != "upstream" else []))
        kind = "holds none of the files" if given.is_dir() else "is none of the files"
        raise DataError(f"annotations {given} {kind} of split {split!r} (source={source}): give {names}")
    if found is not None or (complete and source != "upstream"):
        return homes, found, complete
    if source != "upstream":
        if there:
            lacking = [name for name, file in zip(official, files, strict=True) if file is None]
            absent = ", ".join(lacking)
            how = _renamed(_near(homes, lacking)) or "; fetch it too"
            raise DataError(f"{there[0].parent}: {absent} is missing beside {there[0].name}{how}")
        looked += [homes.all[0] / name for name in official[:1]]
    more = f" (and {len(official) - 1} more)" if source != "upstream" and len(official) > 1 else ""
    belongs = f" {homes.about} belongs into {home_of(homes.data, homes.folders)}." if homes.about else ""
    sought = [*([rows] if rows and source != "official" else []), *(official if source != "upstream" else ())]
    near = _near(homes, sought)
    raise NoAnnotationsError(
        f"No annotations of split {split!r} (source={source}): looked for {', '.join(map(str, looked))}{more}"
        f"{_renamed(near)}; give their place as --data or --ann (Python: annotations){_on_the_hub(homes)}.{belongs}",
        near,
        " The command data draws what is expected.",
    )


def _near(homes: DataLayout, names: Sequence[str]) -> list[tuple[Path, Path]]:
    """Return files and folders whose names differ from expected ones in case or punctuation, each with its path."""
    found = [
        (path, homes.data / next(iter(homes.folders), ""))
        for path in sorted(() if homes.own else homes.data.glob("*"))
        if path.is_dir() and _loose(path.name) in map(_loose, homes.folders)
    ]
    wanted = {_loose(name): name for name in names if "*" not in name}
    given = [homes.annotations] if homes.annotations is not None and homes.annotations.is_dir() else []
    shelves = dict.fromkeys(base / shelf for base in (*given, *homes.all) for shelf in (*SUBFOLDERS, "annotations/"))
    for shelf in shelves:
        for path in sorted(shelf.glob("*")):
            name = wanted.get(_loose(path.name))
            if name is not None and path.name != name:
                found.append((path, shelf / name))
    return found


def _loose(name: str) -> str:
    return "".join(letter for letter in normalize("NFKC", name).casefold() if letter.isalnum())


def _renamed(near: Sequence[tuple[Path, Path]]) -> str:
    return "".join(f"; {here} is there: rename it to {wanted.name}" for here, wanted in near[:1])


def _on_the_hub(homes: DataLayout) -> str:
    if homes.fetched:
        return f" (nor are they in {homes.fetched}, fetched from {homes.hub})"
    if homes.hub is None:
        return " (benchmark.fetch=true cannot help: no hub serves this benchmark)" if homes.fetch else ""
    return "" if homes.fetch else f", or benchmark.fetch=true to fetch them from the hub ({homes.hub.repo})"
