"""The media of samples: which of them are there, missing or not readable, and in which folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.core import Clip, Sample
from eval.errors import MediaError
from eval.files import write_atomically
from eval.readers.malformed import printable
from eval.video.looking import look_at_all

Check = Callable[[Sequence[Clip]], Iterable[MediaError | None]]
"""Returns what is wrong with each clip, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderMedia:
    """The media that belong into one folder."""

    folder: str
    """Where the missing ones are expected; of what is there, where it lies."""
    found: int
    missing: int
    unreadable: int
    found_in: str
    """Where videos of the same subsets lie instead; "" where none do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSurvey:
    """The media of some samples, each file or folder of frames counted once."""

    total: int
    missing: tuple[str, ...]
    """Paths where missing ones are expected."""
    unreadable: tuple[tuple[str, str], ...]
    """Name of each of the others that cannot be read, as a clip, and the reason."""
    samples: int
    samples_without: int
    """Number of samples with a medium that is missing or unreadable."""
    folders: tuple[FolderMedia, ...]

    @property
    def found(self) -> int:
        """Number of media that are there and pass the check."""
        return self.total - len(self.missing) - len(self.unreadable)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing or unreadable."""
        return self.found == self.total


def survey(samples: Sequence[Sample], check: Check = look_at_all) -> MediaSurvey:
    """Return the media of samples, each file looked at once."""
    media: dict[Clip, list[Sample]] = {}
    for sample in samples:
        for medium in (sample.clip, *sample.clip.more):
            media.setdefault(Clip(source=medium.source), []).append(sample)
    missing: list[str] = []
    unreadable: list[tuple[str, str]] = []
    without: set[int] = set()
    counts: dict[Path, Counter[str]] = {}
    lie: dict[str, Counter[Path]] = {}
    wanted: dict[Path, Counter[str]] = {}
    for (clip, of), error in zip(media.items(), check(list(media)), strict=True):
        folder, subset = _folder(clip), of[0].subset
        count = counts.setdefault(folder, Counter())
        if error is None:
            count["found"] += 1
            lie.setdefault(subset, Counter())[folder] += 1
            continue
        without.update(map(id, of))
        wanted.setdefault(folder, Counter())[subset] += 1
        if error.reason == "missing":
            count["missing"] += 1
            missing.append(clip.name)
        else:
            count["unreadable"] += 1
            inside = "" if error.path == clip.name else f"{Path(error.path).name} "
            unreadable.append((clip.name, f"{inside}{error.detail}"))
    return MediaSurvey(
        total=len(media),
        missing=tuple(missing),
        unreadable=tuple(unreadable),
        samples=len(samples),
        samples_without=len(without),
        folders=tuple(
            FolderMedia(
                folder=str(folder),
                found=count["found"],
                missing=count["missing"],
                unreadable=count["unreadable"],
                found_in=_elsewhere(folder, wanted.get(folder, Counter()), lie),
            )
            for folder, count in counts.items()
        ),
    )


def unreadable_in(media: MediaSurvey | None) -> frozenset[str]:
    """Return the names of the media that are there and cannot be read; none where nobody looked."""
    return frozenset(name for name, _ in media.unreadable) if media else frozenset()


def relative(path: str, root: Path) -> str:
    """Return a path below the data folder as a printable line; as it is, where it lies elsewhere."""
    place = Path(path)
    return printable(place.relative_to(root).as_posix() if place.is_relative_to(root) else path)


def write_missing(path: Path, media: MediaSurvey, root: Path) -> None:
    """Write the missing media, each once and below the data folder, a line each. Raises RunError."""
    names = dict.fromkeys(relative(name, root) for name in media.missing)
    write_atomically(path, "".join(f"{name}\n" for name in names))


def write_unreadable(path: Path, media: MediaSurvey, root: Path) -> None:
    """Write the media that are there and cannot be read, each with the reason, a line each. Raises RunError."""
    lines = dict.fromkeys(f"{relative(name, root)}: {printable(why)}" for name, why in media.unreadable)
    write_atomically(path, "".join(f"{line}\n" for line in lines))


def _folder(clip: Clip) -> Path:
    """Return the folder of a file, and of a list of frames the folder of their folder."""
    if isinstance(clip.source, Path):
        return clip.source.parent
    return clip.source[0].parent.parent if clip.source else Path()


def _elsewhere(folder: Path, subsets: Counter[str], lie: dict[str, Counter[Path]]) -> str:
    """Return the folder, other than this, with most videos of the subsets that lack some here; "" for none."""
    there: Counter[Path] = Counter()
    for subset in subsets:
        there.update(lie.get(subset, Counter()))
    others = [place for place, _ in there.most_common() if place != folder]
    return str(others[0]) if others and not there.get(folder) else ""
