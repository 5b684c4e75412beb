"""Finds videos in the archives of a data set, as if each had been unpacked where it lies.

video/star.zip!/Charades_v1_480/a.mp4   is at video/star/Charades_v1_480/a.mp4, and at video/Charades_v1_480/a.mp4
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from eval.archives import NOT_IN_PLACE, Member
from eval.archives.listing import Listing, listing_of
from eval.core import IMAGE_EXTENSIONS
from eval.errors import MediaError
from eval.readers.folders import MEDIA, extension_of, video_stem

_log = logging.getLogger(__name__)

_UNREADABLE = "that cannot be read"
_NAMED = 3
"""Archives of a kind that are named in warnings."""

Parts = tuple[str, ...]


class PackedVideos:
    """The videos in archives below one folder, or in a data set on the hub, which is an archive too."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: set[Path] = set()
        self._said: Counter[str] = Counter()
        self._more: Counter[str] = Counter()
        self._folders: dict[Parts, list[Member]] = {}
        self._videos: dict[str, list[tuple[Parts, Member]]] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._folders)

    def add(self, archives: Iterable[Path]) -> None:
        """Look into archives; those that cannot be read are named in warnings, the first of each kind."""
        for archive in archives:
            if archive not in self._known:
                self._known.add(archive)
                if (listing := self._listing(archive)) is not None:
                    self._add(archive, listing)
        for what, n in self._more.items():
            _log.warning("... and %s more archives %s below %s", f"{n:,}", what, self._root)
        self._more.clear()

    def _listing(self, archive: Path) -> Listing | None:
        if archive.name.lower().endswith(NOT_IN_PLACE):
            self._warn(
                "compressed as a whole", f"{archive} is not looked into, since it is compressed as a whole; unpack it"
            )
            return None
        try:
            listing = listing_of(archive)
        except MediaError as error:
            self._warn(_UNREADABLE, str(error))
            return None
        except OSError as error:
            self._warn(_UNREADABLE, f"{archive} cannot be read: {error.strerror or error}")
            return None
        if listing.damage:
            self._warn("that are damaged", f"{archive} {listing.damage}")
        if listing.kind == "hub":
            self.add(archive / name for name in sorted(listing.nested))
        elif nested := listing.nested:
            said = f"{archive} holds {len(nested)} archives, such as {nested[0]}, which are not looked into; unpack it"
            self._warn("with archives in them", said)
        return listing

    def _warn(self, what: str, said: str) -> None:
        """Name an archive in a warning, or count it where enough of its kind were named."""
        self._said[what] += 1
        if self._said[what] <= _NAMED:
            _log.warning("%s", said)
        else:
            self._more[what] += 1

    def folders(self, parts: Parts) -> Sequence[Member]:
        """Return what would be the folder of these parts below the root."""
        return self._folders.get(parts, ())

    def videos(self, stem: str) -> Sequence[tuple[Parts, Member]]:
        """Return the videos and folders of frames of that stem, each with the parts of its folder below the root."""
        return self._videos.get(stem, ())

    def _add(self, archive: Path, listing: Listing) -> None:
        top = archive if isinstance(archive, Member) and archive == self._root else Member(f"{archive}!")
        here = archive.relative_to(self._root).parts[:-1]
        own = (*here, archive.name[: -len(archive.suffix)]) if archive != self._root else ()
        for path, names in listing.folders.items():
            folder, inner = top / path, PurePosixPath(path).parts
            self._folders.setdefault((*own, *inner), []).append(folder)
            if inner:  # of files without a folder only the archive's name tells which they are
                self._folders.setdefault((*here, *inner), []).append(folder)
            files = [name for name in names if (f"{path}/{name}" if path else name) in listing.files]
            videos = [name for name in files if extension_of(name) in MEDIA]
            for name in videos:
                self._videos.setdefault(video_stem(name), []).append(((*own, *inner), folder / name))
            # Pictures beside videos are thumbnails.
            if inner and not videos and any(extension_of(name) in IMAGE_EXTENSIONS for name in files):
                self._videos.setdefault(normalize("NFC", inner[-1]), []).append(((*own, *inner[:-1]), folder))


def same_content(member: Member) -> object:
    """Return what is equal for two members of the same content, where their archives tell."""
    entry = listing_of(member.archive).files.get(member.inner)
    return str(member) if entry is None or entry.crc is None else (entry.size, entry.crc)
