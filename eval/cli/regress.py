"""`tarsier-eval regress`: checks that nothing changed on the built-in world, or that a run is within a margin."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eval import building
from eval import config as configuration
from eval.analysis.margin import margin_gate
from eval.config import Settings
from eval.errors import ConfigError, ModelError, TarsierEvalError
from eval.files import make_folder, write_atomically
from eval.provenance import data_hash, library_versions, prompts_hash
from eval.regression.comparing import compare
from eval.regression.fixed import fixed_checks
from eval.regression.junit import junit, junit_of_error, junit_of_margin
from eval.regression.observing import Batching, Chosen, LoadClips, choose, observe
from eval.regression.records import Observation, Record, as_kept, read, write
from eval.regression.resume_check import CUT, in_process, resumed
from eval.regression.view import (
    annotated,
    annotated_margin,
    show_margin,
    show_outcome,
    show_renewal,
)
from eval.running.judge_session import Judging
from eval.runs.scored import ScoredRun

BASELINE = configuration.PROJECT / "results" / "baselines" / "tarsier-tiny.jsonl"
"""The default baseline of the built-in subset."""

PASS, FAIL, INCONCLUSIVE = 0, 1, 3
"""Exit codes; 2 means that nothing was compared, as for every command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Settings for running the built-in subset; none of them may change a result."""

    in_process: bool = False
    """Whether clips are read in this process instead of workers: without a worker's time and memory limits, but
    patchable, which tests with planted faults need."""
    workers: int | None = None
    """Processes that read clips."""
    way: Batching = field(default_factory=Batching)
    """Batches and order."""
    benchmarks: tuple[str, ...] = ()
    """Names of the benchmarks; empty for all."""


def regress(given: argparse.Namespace) -> int:
    """Carry out either form of the gate, and return the exit code.

    The JUnit file is written first, so that a crash never leaves an earlier gate's file in place.
    """
    _report(given.junit, junit_of_error("The gate was ended before it had a verdict."))
    try:
        return _gate(given)
    except (TarsierEvalError, OSError) as error:
        with contextlib.suppress(TarsierEvalError, OSError):
            _report(given.junit, junit_of_error(str(error)))
        raise


def _gate(given: argparse.Namespace) -> int:
    github = given.github or os.environ.get("GITHUB_ACTIONS") == "true"
    if given.run or given.against:
        return _by_margin(given, github=github)
    if given.margin is not None or given.metric or given.accept:
        raise ConfigError("--margin, --metric and --accept are about two runs; give --run and --against too.")
    path = Path(given.baseline).expanduser().resolve() if given.baseline else BASELINE
    if given.renew and given.junit:
        raise ConfigError("--junit is about a comparison, and --renew makes none; leave one of them out.")
    if given.renew:
        return _renew(path)
    baseline = read(path)
    outcome = compare(baseline, as_kept(observe_builtin(Setup(workers=given.workers))))
    show_outcome(outcome)
    _report(given.junit, junit(outcome))
    for line in annotated(outcome) if github else ():
        print(line)
    return PASS if outcome.passed else FAIL


def _renew(path: Path) -> int:
    """Show the changes in a new baseline, and write it."""
    now = as_kept(observe_builtin(Setup()))
    show_renewal(read(path) if path.exists() else None, now, path)
    write(path, now)
    return PASS


def _by_margin(given: argparse.Namespace, *, github: bool) -> int:
    if not given.run or not given.against or given.margin is None:
        raise ConfigError("Two runs are compared by --run NEW --against OLD --margin POINTS; give all three.")
    if given.renew or given.baseline:
        raise ConfigError("--renew and --baseline are about the built-in subset; leave them out with --run.")
    new, old = (ScoredRun.read(Path(name).expanduser().resolve()) for name in (given.run, given.against))
    found = margin_gate(new, old, margin=given.margin, metric=given.metric, accept=given.accept or ())
    show_margin(found)
    _report(given.junit, junit_of_margin(found))
    if github and (line := annotated_margin(found)):
        print(line)
    return {"pass": PASS, "fail": FAIL, "inconclusive": INCONCLUSIVE}[found.decision.verdict]


def _report(to: str | None, text: str) -> None:
    if to:
        path = Path(to).expanduser().resolve()
        make_folder(path.parent)
        write_atomically(path, text)


def observe_builtin(setup: Setup) -> Observation:
    """Run the built-in subset through the pipeline, and the fixed inputs through their checks.

    Raises ModelError where the built-in model's inputs cannot be recorded.
    """
    from eval.models.tarsier.runner import TarsierRunner
    from eval.video.frames import decoder_version
    from eval.video.workers import FrameLoader

    names = setup.benchmarks or tuple(configuration.names("benchmark"))
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        settings = {name: _settings(name, Path(scratch)) for name in names}
        first = settings[names[0]]
        judging = Judging(first)
        chosen: dict[str, Chosen] = {}
        for name, each in settings.items():
            benchmark, _ = judging.benchmark(each)
            population = list(benchmark.samples())
            chosen[name] = Chosen(benchmark=benchmark, population=population, samples=choose(population))
        load: LoadClips = in_process
        if not setup.in_process:
            load = stack.enter_context(FrameLoader(decoder=first.decoder, workers=setup.workers)).load
        runner = building.build(first.model, "model")
        if not isinstance(runner, TarsierRunner):
            raise ModelError(f"model={first.model.get('name')} is no Tarsier whose inputs can be watched.")
        described = dict(runner.describe())
        checkpoint = str(described.pop("files_sha256"))
        records = [
            _set_to(
                first, {name: value for name, value in described.items() if name not in ("checkpoint", "revision")}
            ),
            *(record for name in names for record in _annotations(settings[name], chosen[name])),
            *fixed_checks(Path(scratch) / "fixed"),
            *observe(list(chosen.values()), runner, load, setup.way),
            *(resumed(settings, chosen, runner, Path(scratch)) if {name for name, _ in CUT} <= set(names) else ()),
        ]
    manifest = (configuration.BUILTIN / "world" / "MANIFEST.json").read_bytes()
    versions = {**library_versions(), **decoder_version(first.decoder)}
    return Observation(
        checkpoint=checkpoint,
        world=hashlib.sha256(manifest).hexdigest(),
        libraries={name: version for name, version in versions.items() if name != "decoder"},
        records=records,
    )


def _settings(name: str, scratch: Path) -> Settings:
    """Return the settings of a benchmark that depend on the checkout alone: no pack, no judge, no GPU, no cache."""
    settings = configuration.load_settings(
        [f"benchmark={name}", "model=tarsier-tiny", "model.device=cpu", "judge=offline", "protocol=native"]
    )
    scorer = dict(settings.benchmark["scorer"])
    if "cache" in scorer:
        scorer["cache"] = str(scratch / "cider")
    return replace(settings, benchmark={**settings.benchmark, "source": "upstream", "pack": None, "scorer": scorer})


def _set_to(settings: Settings, described: Mapping[str, Any]) -> Record:
    values = {"decoder": settings.decoder, "full_output": settings.full_output, **described}
    return Record(benchmark="settings", id="model and decoder", fields={"settings": values})


def _annotations(settings: Settings, chosen: Chosen) -> Iterator[Record]:
    """Yield the content of each source of a benchmark's annotations, and its scorer's description."""
    name = chosen.benchmark.name
    official, _ = Judging(settings).benchmark(replace(settings, benchmark={**settings.benchmark, "source": "official"}))
    for source, samples in (("upstream", chosen.population), ("official", list(official.samples()))):
        values = {
            "samples": len(samples),
            "prompts_sha256": prompts_hash(samples),
            "data_sha256": data_hash(samples),
        }
        yield Record(benchmark=name, id=f"all samples, {source} source", fields={"annotations": values})
    described = dict(chosen.benchmark.scorer.describe())
    yield Record(benchmark=name, id="scorer", fields={"settings": described})
