"""The plan of a sweep, sweep.json: its jobs, their names, and the settings that they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.errors import DataError, RunError
from eval.files import absolute, read_regular, write_json
from eval.provenance import digest
from eval.readers.malformed import first_line
from eval.readers.parsing import NotJSONError, parsed
from eval.runs.fields import checked
from eval.runs.folder import holds_only

PLAN = "sweep.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepJob:
    """One combination."""

    name: str
    """Name of its run folder."""
    values: Mapping[str, str]
    """The swept settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The content of sweep.json."""

    bench: str | None
    fixed: Mapping[str, str | None]
    overrides: tuple[str, ...]
    jobs: tuple[SweepJob, ...]


def named(found: Sequence[Mapping[str, str]]) -> list[SweepJob]:
    """Return jobs with names of their values, which file systems take."""
    names: set[str] = set()
    jobs = []
    for values in found:
        parts = [f"{key.rpartition('.')[2]}={_plain(value)}" for key, value in values.items()]
        name = base = ",".join(parts)[:150]
        n = 1
        while name in names:
            n += 1
            name = f"{base}~{n}"
        names.add(name)
        jobs.append(SweepJob(name=name, values=dict(values)))
    return jobs


def _plain(value: str) -> str:
    plain = value.strip("'\"").rstrip("/")
    last = "".join(c if c.isalnum() or c in "._-+" else "_" for c in plain.rpartition("/")[2])
    return f"{last}-{digest(plain, 6)}" if "/" in plain else last


def kept(folder: Path, plan: Mapping[str, Any]) -> list[SweepJob]:
    """Write the plan, with the jobs of an earlier start, and return them all. Raises RunError for another sweep."""
    jobs = [SweepJob(**each) for each in plan["jobs"]]
    if (folder / PLAN).exists():
        before = plan_in(folder)
        was, now = _fixed(before), _fixed(plan)
        if differing := [name for name in {**was, **now} if was.get(name) != now.get(name)]:
            name = differing[0]
            raise RunError(
                f"{folder} holds a sweep with another {name}: it has {was.get(name)!r}, this one {now.get(name)!r}. "
                "Choose another OUT, or repeat the settings of that sweep."
            )
        known = {job.name: job for job in (SweepJob(**each) for each in before["jobs"])}
        for job in jobs:
            if job.name in known and known[job.name].values != job.values:
                raise RunError(f"{folder} holds a sweep with another {job.name}; choose another OUT.")
        jobs = [*known.values(), *(job for job in jobs if job.name not in known)]
    write_json(folder / PLAN, {**plan, "jobs": [asdict(job) for job in jobs]})
    return jobs


def refuse_not_a_sweep(folder: Path) -> None:
    """Raise RunError where a folder holds anything but a sweep."""
    if folder.is_file() or (folder.is_dir() and not (folder / PLAN).exists() and not holds_only(folder, ())):
        raise RunError(f"{folder} is there already and is not a sweep. Choose another OUT, or an empty folder.")


def _fixed(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that all jobs share and their outputs depend on."""
    found = {"bench": plan["bench"], **plan["fixed"]}
    found.update(each.partition("=")[::2] for each in plan["overrides"])
    without_effect = ("engine", "video.workers", "video.timeout_s", "video.memory_gb", "video.ahead_mb", "video.store")
    return {
        name: str(absolute(value)) if name == "data" and value is not None else value
        for name, value in found.items()
        if not name.startswith(without_effect)
    }


def plan_in(folder: Path) -> dict[str, Any]:
    """Return the plan in a sweep's folder. Raises RunError where it is damaged."""
    path = folder / PLAN
    try:
        plan = checked(parsed(read_regular(path)), _Plan, PLAN)
        for job in plan.jobs:
            refuse_name(job.name)
    except (OSError, NotJSONError, DataError) as error:
        raise RunError(f"{path} is damaged ({first_line(error)}). Restore it, or choose another OUT.") from error
    return asdict(plan)


def refuse_name(name: str) -> None:
    """Raise DataError where a name would lead out of the sweep's folder."""
    if Path(name).name != name:
        raise DataError(f"{name!r} is no name of a folder in it")
