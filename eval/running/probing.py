"""A model on a benchmark as it is, and under probes: from a request to a report of what its score comes from.

plain/                  the plain run, like any other
<probe>/                a run folder for each probe, marked as one
probe.json, probe.md    the report
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from eval import building
from eval import config as configuration
from eval.analysis.plan.media import survey
from eval.analysis.plan.view import show_first_screen
from eval.analysis.probes.report import ProbeReport, probe_report
from eval.analysis.probes.view import markdown, show_probes
from eval.config import Settings
from eval.core import FramePolicy
from eval.engines.engine import Engine
from eval.errors import ConfigError, RunError
from eval.files import write_atomically, write_json
from eval.report.progress import Working
from eval.running.benchmark_run import Job
from eval.running.judge_session import Judging, refuse_unasked
from eval.running.loop import run
from eval.running.outcome import is_whole, say, stamp
from eval.running.part import benchmarks_of
from eval.running.planning import planned
from eval.running.probes import ALL, Probe, probes_named
from eval.running.request import EvalRequest
from eval.running.start import job_of, setup_of
from eval.runs.folder import PREDICTIONS, RESULT, holds_only
from eval.runs.scored import ScoredRun
from eval.scorers.traits import metric_named

PROBES = configuration.RUNS.parent / "probes"
"""Default folder of probes; git ignores it."""
ORDERS = ("one-frame", "shuffled", "reversed")
"""Probes that show fewer of the plain run's frames, or the same in another order."""
PLAIN, REPORT_JSON, REPORT_MD = "plain", "probe.json", "probe.md"
LEAST_MARGIN = 0.1
"""The smallest that can be given: below it, reports would show 0.0."""
MARGIN = 10.0
"""The default loss below which a probe counts as no worse, in percentage points; of a judge's score, points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probing:
    """The outcome of probes."""

    report: ProbeReport
    folder: Path
    whole: bool
    """Whether no sample failed in any of the runs."""


def probe(request: EvalRequest, probes: str = "all", margin: float = MARGIN) -> Probing:
    """Run a model on one benchmark as it is and under probes, compare, write and show the report.

    Args:
        request: the model, the benchmark and the settings, as for `evaluate`.
        probes: names of probes, separated by commas; `all`, and `frames` for those of several numbers of frames.
        margin: the loss below which a probe counts as no worse, in percentage points.

    Raises:
        TarsierEvalError: a setting, file or name is wrong, and nothing was started; or the run could not go on.
    """
    chosen = probes_named(probes)
    if not LEAST_MARGIN <= margin < 100:
        raise ConfigError(f"--margin {margin:g} is not a loss to rule out; give percentage points, such as {MARGIN:g}.")
    benches = benchmarks_of(request.bench)
    if len(benches) > 1:
        raise ConfigError(f"--bench {request.bench}: probes take one benchmark at a time; name one of {[*benches]}.")
    (bench, subsets), *_ = benches.items()
    settings = request.settings_of(bench)
    refuse_unasked([settings], request.judge, request.protocol, request.overrides)
    folder = settings.out or PROBES / f"{stamp()}-{settings.model.get('name')}-{bench}"
    _refuse_other(folder)
    judging = Judging(settings)
    plain = job_of(settings, folder / PLAIN, judging, subsets)
    jobs = {one.name: _probed(settings, folder, judging, subsets, one) for one in chosen}
    for name in [name for name, job in jobs.items() if not job.samples]:
        say(f"{name} is left out: it can ask none of the samples of {bench}.")
        del jobs[name]
    started = [plain, *jobs.values()]
    if any(job.transcript is not None and not (job.out / PREDICTIONS).exists() for job in started):
        judging.check()
    with Working("Looking at the media"):
        plain = replace(plain, media=survey(plain.samples))
    show_first_screen([planned(plain)])
    engine: Engine = building.build(settings.engine, "engine")
    with ExitStack() as open_session:
        with Working(f"Loading {settings.model.get('name')}"):
            session = open_session.enter_context(engine.start(setup_of(settings, started)))
        judging.share(session.model)
        same = [name for name in jobs if _is_plain(ALL[name], session.model.frames)]
        if same:
            say(f"{', '.join(same)}: left out, since the plain run shows just that.")
        jobs = {name: job for name, job in jobs.items() if name not in same}
        results = list(run([plain, *jobs.values()], session))
    report = _reported(folder, list(jobs), margin)
    return Probing(report=report, folder=folder, whole=all(map(is_whole, results)))


def _probed(settings: Settings, folder: Path, judging: Judging, subsets: Sequence[str], one: Probe) -> Job:
    return job_of(replace(settings, report=False), folder / one.name, judging, subsets, one)


def _is_plain(one: Probe, frames: FramePolicy) -> bool:
    """Whether a probe shows what the plain run does anyway."""
    if frames.fps is None and frames.n_frames == 1 and one.name in ORDERS:
        return True  # one frame has no other order
    return one.n_frames is not None and frames.fps is None and one.n_frames == frames.n_frames


def _refuse_other(folder: Path) -> None:
    """Raise RunError where a folder holds anything but probes."""
    known = {PLAIN, *ALL, REPORT_JSON, REPORT_MD}
    if folder.is_file() or (folder.exists() and not holds_only(folder, known)):
        raise RunError(f"{folder} is there already and holds no probes. Choose another OUT, or an empty folder.")


def _reported(folder: Path, names: Sequence[str], margin: float) -> ProbeReport:
    """Compare the runs in a folder of probes, those of earlier calls too; write and show the report."""
    before = [name for name in ALL if name not in names and (folder / name).exists()]
    if unfinished := [name for name in before if not (folder / name / RESULT).exists()]:
        say(f"{', '.join(unfinished)}: begun by an earlier call and not finished; the report leaves them out.")
    names = [name for name in ALL if name in names or (name in before and name not in unfinished)]
    plain = ScoredRun.read(folder / PLAIN)
    runs = {name: ScoredRun.read(folder / name) for name in names}
    report = probe_report(plain, runs, margin / metric_named(plain.result.primary).scale)
    titles = {name: ALL[name].title for name in names}
    show_probes(report, titles)
    write_json(folder / REPORT_JSON, asdict(report))
    write_atomically(folder / REPORT_MD, markdown(report, titles))
    say(f"Written to {folder}: {REPORT_MD}, {REPORT_JSON}, and a run folder for each probe.")
    return report
