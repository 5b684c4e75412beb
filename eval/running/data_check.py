"""A data folder looked over for benchmarks: what is there, what is missing, what is odd, and a manifest of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.analysis.data.manifest import (
    Entry,
    ManifestDifferences,
    differences,
    files_of,
    is_list_of_media,
    is_manifest,
    manifest,
    read_manifest,
    write_manifest,
)
from eval.analysis.data.oddities import oddities
from eval.analysis.data.report import DataReport
from eval.analysis.plan.media import relative, survey
from eval.config import Settings
from eval.core import Benchmark, Sample
from eval.errors import ConfigError, DataError
from eval.files import absolute, refuse_other_file, write_atomically
from eval.readers.archived import archives_below, looked_into
from eval.readers.layout import NoAnnotationsError, home_of
from eval.readers.unpacking import Unpacked, unpack
from eval.report.progress import RunProgress, Working
from eval.running.judge_session import Judging
from eval.running.part import benchmarks_of, of_subsets, place_of
from eval.running.request import EvalRequest
from eval.runs.folder import MISSING

_MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequest:
    """A data folder to be looked over."""

    run: EvalRequest
    """The benchmarks, the folder and settings of the annotations."""
    to: str | None = None
    """A file for the manifest; missing.txt is written beside it."""
    against: str | None = None
    """A manifest to compare with."""
    missing: str | None = None
    """A file for the missing media, one a line."""
    unpack: bool = False
    """Whether archives are unpacked first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """The outcome."""

    root: Path
    reports: tuple[DataReport, ...]
    unpacked: tuple[Unpacked, ...]
    failures: tuple[str, ...]
    """Messages about archives that could not be unpacked."""
    written: tuple[str, ...]
    """Files that were written."""
    differences: ManifestDifferences | None


def check_data(request: DataRequest) -> DataCheck:
    """Look over a data folder.

    Raises:
        TarsierEvalError: a setting is wrong, or a file is malformed.
    """
    benches = benchmarks_of(request.run.bench)
    settings = [request.run.settings_of(bench) for bench in benches]
    root = settings[0].data
    if not root.is_dir():
        raise ConfigError(f"The data folder {str(root)!r} does not exist, or is not a folder.")
    there = None if request.against is None else read_manifest(absolute(request.against))
    for place in (request.to, request.missing):
        if place is not None and not absolute(place).parent.is_dir():
            raise ConfigError(f"The folder of {place} does not exist; make it, or choose another.")
    _refuse_others(request)
    unpacked, failures = _unpack(settings) if request.unpack else ([], [])
    judging = Judging(settings[0])
    reports, read = [], list[tuple[Sequence[Sample], DataReport]]()
    for one, subsets in zip(settings, benches.values(), strict=True):
        with Working(f"Looking at the media of {one.benchmark['name']}"):
            report, samples = _report(one, subsets, judging)
        reports.append(report)
        read.append((samples, report))
    written = []
    lost = dict.fromkeys(relative(name, root) for report in reports if report.media for name in report.media.missing)
    beside = [absolute(request.to).with_name(MISSING)] if request.to else []
    for path in (*beside, *([absolute(request.missing)] if request.missing else [])):
        write_atomically(path, "".join(f"{name}\n" for name in lost))
        written.append(str(path))
    entries: list[Entry] = []
    if request.to or there is not None:
        files = sorted({path for samples, report in read for path in files_of(samples, report.files)})
        with RunProgress("hashing", total=len(files), unit="files") as told:
            entries = manifest(files, root, told.advance)
    if request.to:
        write_manifest(absolute(request.to), entries)
        written.append(str(absolute(request.to)))
    return DataCheck(
        root=root,
        reports=tuple(reports),
        unpacked=tuple(unpacked),
        failures=tuple(failures),
        written=tuple(written),
        differences=None if there is None else differences(entries, there),
    )


def _refuse_others(request: DataRequest) -> None:
    """Raise ConfigError where a file that would be written is another one of the user's, or is named twice."""
    lists = []
    if request.to is not None:
        table = absolute(request.to)
        refuse_other_file(table, f"--to {request.to}", "a manifest of data --to", is_manifest)
        lists.append((table.with_name(MISSING), f"--to {request.to}"))
    if request.missing is not None:
        lists.append((absolute(request.missing), f"--missing {request.missing}"))
    for path, flag in lists:
        if request.to is not None and path == absolute(request.to):
            raise ConfigError(f"{flag}: the list of missing media would be written there too; choose another name.")
        refuse_other_file(path, flag, "a list of missing media", is_list_of_media)


def _unpack(settings: Sequence[Settings]) -> tuple[list[Unpacked], list[str]]:
    """Unpack all archives; return what came of each, and the messages about those that cannot be."""
    homes = dict.fromkeys(home for one in settings for home in _homes(one))
    found = {archive.parts[0]: archive for home in homes for archive in archives_below(home) if archive.is_known}
    archives = {path: archive for path, archive in found.items() if not looked_into(archive).is_unpacked}
    unpacked: list[Unpacked] = []
    failures: list[str] = []
    behind = 0
    total = sum(archive.size for archive in archives.values())
    with RunProgress("unpacking", total=total // _MB, unit="MB", ends=False) as progress:
        for archive in archives.values():
            told = _Behind(progress, behind)
            try:
                unpacked.append(unpack(archive, told.at))
            except DataError as error:
                failures.append(str(error))
            except OSError as error:  # its folder may not be written to
                failures.append(f"{archive.parts[0]} cannot be unpacked: {error.strerror or error}.")
            behind += archive.size
            told.at(archive.size)
    return unpacked, failures


class _Behind:
    """Tells progress how far an archive is unpacked, from its place among all bytes."""

    def __init__(self, progress: RunProgress, before: int) -> None:
        self._progress, self._before, self._told = progress, before, before // _MB

    def at(self, place: int) -> None:
        """Tell that the archive is unpacked up to a place; one before the furthest so far tells nothing."""
        megabytes = (self._before + place) // _MB
        if megabytes > self._told:
            self._progress.advance(megabytes - self._told)
            self._told = megabytes


def _homes(settings: Settings) -> list[Path]:
    """Return the existing folders of a benchmark; the data folder itself where it has none of its own."""
    own = [settings.data / name for name in settings.benchmark["folders"] if (settings.data / name).is_dir()]
    found = {(path.stat().st_dev, path.stat().st_ino): path for path in own}
    return list(found.values()) or [settings.data]


def _report(settings: Settings, subsets: Sequence[str], judging: Judging) -> tuple[DataReport, Sequence[Sample]]:
    node = settings.benchmark
    card, hub, homes = node["card"], node.get("hub") or {}, _homes(settings)
    own = home_of(settings.data, node["folders"])
    about: dict[str, Any] = {
        "benchmark": str(node["name"]),
        "title": card["title"],
        "homepage": card["homepage"],
        "licence": card["licence"],
        "by_hand": card.get("by_hand") or "",
        "hub": hub.get("repo") or "",
        "revision": hub.get("revision") or "",
        "split": str(node["split"]),
        "samples": card["splits"].get(node["split"], 0),
        "home": str(own),
        "archives": tuple(map(looked_into, archives_below(own))) if own.is_dir() else (),
    }
    benchmark: Benchmark
    benchmark, _ = judging.benchmark(settings)
    try:
        found = [(sample.subset, sample) for sample in benchmark.samples()]
    except NoAnnotationsError as error:
        near = tuple((str(here), str(wanted)) for here, wanted in error.near)
        return DataReport(**about, subsets=(), files=(), absent=error.said, near=near, media=None, odd=None), ()
    samples = of_subsets(found, subsets, benchmark, place_of(settings))
    media = survey(samples)
    return DataReport(
        **about,
        subsets=tuple(dict.fromkeys(sample.subset for sample in samples)) if subsets else (),
        files=tuple(benchmark.describe()["files"]),
        absent="",
        media=media,
        odd=oddities(samples, media.missing, homes),
    ), samples
