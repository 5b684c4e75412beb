"""A sweep: the product of some settings, a run for each combination, resumable as a whole.

sweep.json            the benchmarks, the fixed settings and the jobs
.jobs/<number>.json   how a job ended
<name>/               its run folder, named by its values; of several benchmarks, one in it for each
table.csv, curve.svg, curve.png   the metric of each run, and over a swept number
"""

from __future__ import annotations

import gc
import json
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eval import building
from eval import config as configuration
from eval.config.sweeping import combinations, launch
from eval.core import Result
from eval.errors import ConfigError, TarsierEvalError, did_you_mean
from eval.files import absolute, make_folder, read_regular, write_json
from eval.readers.malformed import first_line
from eval.report.sweep import Row, show, write_table
from eval.running.outcome import BUILTIN_NOTE, is_whole, say, stamp
from eval.running.part import benchmarks_of
from eval.running.request import EvalRequest
from eval.running.start import evaluate
from eval.running.sweep_plan import SweepJob, kept, named, plan_in, refuse_not_a_sweep
from eval.runs.folder import RESULT
from eval.runs.lock import FolderLock
from eval.runs.result import read_result

SWEEPS = configuration.RUNS.parent / "sweeps"
"""Default folder of sweeps; git ignores it."""

JOBS = ".jobs"

_FIELDS = ("model", "frames", "judge", "protocol", "engine", "data")
"""Settings that a request takes in the forms of its flags: a folder or a URL as the model."""


@dataclass(frozen=True, kw_only=True)
class SweepRequest:
    """Settings to be swept over."""

    bench: str | None
    """Benchmarks, as EvalRequest takes them; None where they are swept over."""
    sweep: Sequence[str]
    """Settings with their values, such as `model.n_frames=1,2,4`; `benchmark=...` for the benchmarks."""
    launcher: str = "basic"
    """A name from conf/launcher/."""
    launch: Sequence[str] = ()
    """Settings of the launcher, such as `hydra.launcher.partition=gpu`."""
    out: str | Path | None = None
    """The sweep's folder; one that was stopped goes on."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Other arguments of EvalRequest, the same for all jobs."""
    overrides: Sequence[str] = ()
    """Further settings of conf/, the same for all jobs."""


def sweep(request: SweepRequest) -> bool:
    """Run the jobs of a sweep that are not done, show its table and curve, and return whether all are done.

    Raises:
        ConfigError: a setting does not fit, for any of the jobs; nothing was started.
        RunError: the folder is another sweep's.
    """
    launchers = configuration.names("launcher")
    if request.launcher not in launchers:
        raise ConfigError(f"Unknown launcher {request.launcher!r}. {did_you_mean(request.launcher, launchers)}")
    if not request.sweep:
        raise ConfigError("--sweep names no setting; give settings with their values, such as model.n_frames=1,2,4.")
    found = combinations(request.sweep)
    given = {name for name, value in request.fixed.items() if value is not None}
    given |= {override.partition("=")[0] for override in request.overrides}
    if twice := [key for key in found[0] if key in given]:
        raise ConfigError(f"{twice[0]} is swept over and given besides; leave one of them out.")
    jobs = named(found)
    folder = absolute(request.out) if request.out is not None else SWEEPS / stamp()
    plan = {
        "bench": request.bench,
        "fixed": {name: None if value is None else str(value) for name, value in request.fixed.items()},
        "overrides": tuple(request.overrides),
        "jobs": [asdict(job) for job in jobs],
    }
    for job in jobs:
        of_job = request_of(plan, job, folder)
        for bench in benchmarks_of(of_job.bench):
            settings = of_job.settings_of(bench)
            for key in ("benchmark", "model", "engine", "judge", "protocol"):
                building.check(getattr(settings, key), key)
            if not settings.data.is_dir():
                raise ConfigError(f"The data folder {str(settings.data)!r} does not exist, or is not a folder.")
    refuse_not_a_sweep(folder)
    make_folder(folder)
    with FolderLock(folder):
        jobs = kept(folder, plan)
    left = [number for number, job in enumerate(jobs) if not _is_done(folder, plan, number, job)]
    say(f"{len(jobs)} jobs in {folder}, {len(jobs) - len(left)} of them done.")
    if left:
        _launch(folder, left, request)
    return finish(folder)


def _launch(folder: Path, left: Sequence[int], request: SweepRequest) -> None:
    """Run jobs; a launcher that gives up over the death of one leaves the rest for the next start.

    Raises:
        ConfigError: the launcher cannot run any.
    """
    names = [plan_in(folder)["jobs"][number]["name"] for number in left]
    begun = {name for name in names if (folder / name).exists()}
    try:
        launch(run_job, folder, left, launcher=request.launcher, settings=request.launch)
    except ConfigError as error:
        if begun == {name for name in names if (folder / name).exists()}:
            raise
        say(f"{error} The same command goes on with what is not done.")


def run_job(folder: Path, number: int) -> None:
    """Run one job of a sweep, and keep how it ended. Its errors end no other job."""
    plan = plan_in(folder)
    job = SweepJob(**plan["jobs"][number])
    say(f"\n[{number + 1}/{len(plan['jobs'])}] {job.name}")
    error: str | None = None
    try:
        evaluate(request_of(plan, job, folder))
    except TarsierEvalError as raised:
        error = str(raised)
    except Exception as raised:  # noqa: BLE001 - whatever it is, other jobs may do
        error = first_line(raised, kind=True)
        traceback.print_exc()
    if error is not None:
        say(f"{job.name} failed: {error}")
    make_folder(folder / JOBS)
    write_json(folder / JOBS / f"{number}.json", {"name": job.name, "error": error})
    gc.collect()  # the next job's model may need the memory of this one's


def request_of(plan: Mapping[str, Any], job: SweepJob, folder: Path) -> EvalRequest:
    """Return the request for a job's run."""
    values = dict(job.values)
    # Flags take their values as they are, and Hydra takes the quotes off those of overrides.
    plain = {name: values.pop(name).strip("'\"") for name in ("benchmark", *_FIELDS) if name in values}
    bench = plain.pop("benchmark", plan["bench"])
    if bench is None:
        raise ConfigError("Neither --bench nor the sweep (benchmark=...) names a benchmark.")
    given = {name: value for name, value in plan["fixed"].items() if value is not None}
    given |= plain
    numbers = {name: int(given[name]) for name in ("limit", "offset") if name in given}
    overrides = [*plan["overrides"], *(f"{key}={value}" for key, value in values.items())]
    return EvalRequest(bench=bench, out=folder / job.name, overrides=overrides, **{**given, **numbers})


def finish(folder: Path) -> bool:
    """Show a sweep's table and curve, write them into its folder, and return whether all jobs are done."""
    plan = plan_in(folder)
    rows: list[Row] = []
    whole = True
    for number, job in enumerate(SweepJob(**each) for each in plan["jobs"]):
        results = [_result(folder / job.name / name) for name in _benches(plan, job)]
        whole = whole and all(result is not None and is_whole(result) for result in results)
        for bench, result in zip(_benches(plan, job).values(), results, strict=True):
            why = "" if result is not None else _why(folder, number)
            rows.append(Row(name=job.name, values=job.values, benchmark=bench, result=result, failure=why))
    write_table(rows, folder)
    found = [row.result.provenance.get("data") for row in rows if row.result is not None]
    show(rows, folder, note=BUILTIN_NOTE if "built-in" in found else "")
    return whole


def _benches(plan: Mapping[str, Any], job: SweepJob) -> dict[str, str]:
    """Return the benchmarks of a job, by the folder of each inside the job's."""
    found = list(benchmarks_of(str(job.values.get("benchmark", plan["bench"])).strip("'\"")))
    return {"." if len(found) == 1 else name: name for name in found}


def _is_done(folder: Path, plan: Mapping[str, Any], number: int, job: SweepJob) -> bool:
    """Whether a job ended without an error, and each of its results is whole."""
    try:
        if json.loads(read_regular(folder / JOBS / f"{number}.json"))["error"] is not None:
            return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    results = [_result(folder / job.name / name) for name in _benches(plan, job)]
    return all(result is not None and is_whole(result) for result in results)


def _result(folder: Path) -> Result | None:
    try:
        return read_result(folder)[0] if (folder / RESULT).exists() else None
    except TarsierEvalError:
        return None


def _why(folder: Path, number: int) -> str:
    """Return the reason why a job has no result."""
    try:
        return str(json.loads(read_regular(folder / JOBS / f"{number}.json"))["error"] or "its result is gone")
    except (OSError, ValueError, KeyError, TypeError):
        return "it did not end; the same command goes on"
