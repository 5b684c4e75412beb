"""Files that are not what they seem: other names, copies under two names, other lengths, unfinished downloads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import normalize

from eval.core import Clip, Sample
from eval.readers.folders import video_stem
from eval.video.identity import media_id
from eval.video.tracks import stated_frames, stated_seconds

UNFINISHED = (".part", ".crdownload", ".download", ".aria2", ".incomplete", ".tmp", ".ytdl")
"""Endings that programs give to files while they fetch them."""
_SHORT_S, _SHORT_SHARE = 1.0, 0.05
"""What a file may be shorter or longer than its annotation says: these are rounded."""
_FEW_FRAMES = 2
"""The same in frames, which encoders add or drop at the ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddities:
    """What is odd about a benchmark's media."""

    renames: tuple[tuple[str, str], ...]
    """Files that differ from a missing name in case or form only, each with that name."""
    other_names: tuple[tuple[str, str], ...]
    """Files that are read under another extension or Unicode form than the annotations name, each with that name."""
    copies: tuple[tuple[str, ...], ...]
    """Files of equal size and equal first and last bytes under several names."""
    lengths: tuple[tuple[str, float, float], ...]
    """Files of another length: the annotations' seconds, and the file's."""
    frames: tuple[tuple[str, int, int], ...]
    """Files of another number of frames: the annotations', and the file's."""
    unfinished: tuple[str, ...]
    """Downloads that were not finished."""


def oddities(samples: Sequence[Sample], missing: Iterable[str], roots: Sequence[Path]) -> Oddities:
    """Return what is odd about the media of samples.

    Args:
        samples: All of them.
        missing: The expected paths of those that are missing.
        roots: The folders in which they may lie.
    """
    lost = set(missing)
    files = [path for root in dict.fromkeys(roots) for path in _files(root)]
    there = {medium.source: sample for sample in samples for medium in (sample.clip, *sample.clip.more)}
    sources = [source for source in there if isinstance(source, Path) and str(source) not in lost and source.is_file()]
    return Oddities(
        renames=tuple(_renames(sorted(lost), files, sources)),
        other_names=tuple(_other_names(sources, there)),
        copies=tuple(_copies(sources)),
        lengths=tuple(_lengths(samples, set(sources))),
        frames=tuple(_frames(samples, set(sources))),
        unfinished=tuple(str(path) for path in files if path.name.lower().endswith(UNFINISHED)),
    )


def _files(root: Path) -> list[Path]:
    return [
        Path(folder, name) for folder, _, names in os.walk(root) for name in sorted(names) if not name.startswith(".")
    ]


def _loose(name: str) -> str:
    """Return a file's name without extension, case and Unicode form, and without blanks around it."""
    return normalize("NFKC", video_stem(name)).casefold().strip()


def _renames(lost: Sequence[str], files: Sequence[Path], used: Sequence[Path]) -> list[tuple[str, str]]:
    taken = set(used)
    free: dict[str, list[Path]] = {}
    for path in files:
        if path not in taken and not path.name.lower().endswith(UNFINISHED):
            free.setdefault(_loose(path.name), []).append(path)
    found = []
    for name in lost:
        near = free.get(_loose(Path(name).name), [])
        if len(near) == 1 and near[0].is_file():  # and no link that leads nowhere
            wanted = str(Path(name).with_suffix(near[0].suffix.lower() or Path(name).suffix))
            found += [(str(near[0]), wanted)] if str(near[0]) != wanted else []
    return found


def _other_names(sources: Sequence[Path], samples: Mapping[Any, Sample]) -> list[tuple[str, str]]:
    found = []
    for source in sources:
        wanted = samples[source].metadata.get("vid")
        name = wanted.replace("\\", "/").rpartition("/")[2] if isinstance(wanted, str) else ""
        same_stem = normalize("NFC", video_stem(name)) == normalize("NFC", video_stem(source.name))
        if name and same_stem and video_stem(name) != normalize("NFC", name) and name != source.name:
            found.append((str(source), name))
    return found


def _copies(sources: Sequence[Path]) -> list[tuple[str, ...]]:
    by_size: dict[int, list[Path]] = {}
    for source in sources:
        by_size.setdefault(source.stat().st_size, []).append(source)
    groups: dict[str, list[str]] = {}
    for same in by_size.values():
        for source in same if len(same) > 1 else ():
            if (name := media_id(Clip(source=source))) is not None:
                groups.setdefault(name, []).append(str(source))
    return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]


def _lengths(samples: Sequence[Sample], there: set[Path]) -> list[tuple[str, float, float]]:
    """Return files that are shorter than a span in them, or of another length than the annotations give."""
    ends: dict[Path, float] = {}
    said: dict[Path, float] = {}
    for sample in samples:
        source = sample.clip.source
        if not isinstance(source, Path) or source not in there:
            continue
        if sample.clip.end is not None and sample.clip.fps is None:
            ends[source] = max(ends.get(source, 0.0), sample.clip.end)
        duration = sample.metadata.get("duration")
        if isinstance(duration, int | float) and duration > 0:
            said[source] = float(duration)
    found = []
    for source in dict.fromkeys([*ends, *said]):
        try:
            seconds = stated_seconds(source)
        except OSError:
            continue
        if seconds is None:
            continue
        wanted = said.get(source, ends.get(source, 0.0))
        allowed = max(_SHORT_S, _SHORT_SHARE * wanted)
        if seconds < wanted - allowed or (source in said and seconds > wanted + allowed):
            found.append((str(source), wanted, seconds))
    return found


def _frames(samples: Sequence[Sample], there: set[Path]) -> list[tuple[str, int, int]]:
    said = {sample.clip.source: sample.metadata.get("frame_count") for sample in samples}
    found = []
    for source, wanted in said.items():
        if isinstance(source, Path) and source in there and isinstance(wanted, int) and wanted > 0:
            frames = stated_frames(source)
            if frames is not None and abs(frames - wanted) > max(_FEW_FRAMES, _SHORT_SHARE * wanted):
                found.append((str(source), wanted, frames))
    return found
