"""Sends finished runs to an experiment tracker: metrics with intervals, counts, settings, and a table of samples.

The trackers are no dependency, and both are asked for the same: `init`, `Table`, and a run's `log` and `finish`. A
tracker that fails costs a warning, and never the run.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from eval.analysis.publish.runs import PublishedRun, read_run
from eval.core import Result
from eval.errors import ConfigError, did_you_mean
from eval.readers.malformed import first_line
from eval.running.outcome import say
from eval.runs.folder import RESULT

_TRACKERS: Mapping[str, Mapping[str, Any]] = {
    # A run of the caller's own stays open beside it; nobody is asked for a key for ever after a night's run.
    "wandb": {"job_type": "eval", "reinit": "create_new", "settings": {"login_timeout": 60}},
    # No dashboard in a notebook.
    "trackio": {"embed": False},
}
"""The trackers, with the arguments of `init` that only one of them has."""

_COLUMNS = ("id", "subset", "prompt", "output", "answer", "target", "status", "reason")
"""The columns of the table of samples, before the values."""


def check_tracker(name: str | None) -> None:
    """Raise ConfigError where there is no such tracker, or it is not installed."""
    if name is not None and name not in _TRACKERS:
        raise ConfigError(f"tracker={name!r} is unknown. {did_you_mean(name, _TRACKERS)}")
    # A tracker's own folder of logs could pass for its package.
    if name is not None and not hasattr(_module(name), "init"):
        raise ConfigError(f"tracker={name} needs its package, which is not installed, or broken: pip install {name}.")


def track(name: str | None, folder: Path) -> None:
    """Send the finished run, or score, in a folder to a tracker; None sends nothing."""
    if name is None:
        return
    try:
        _send(name, read_run(folder))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - another's code, over a network, after the result is there
        say(f"tracker={name} failed, and {folder / RESULT} is complete all the same: {first_line(error, kind=True)}")


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit):  # noqa: BLE001 - a package that is not there, or broken in whatever way
        return None


def _send(name: str, run: PublishedRun) -> None:
    module = _module(name)
    project = os.environ.get("WANDB_PROJECT") or "tarsier-eval"
    result = run.result
    with redirect_stdout(sys.stderr):
        tracked = module.init(
            project=project,
            name=f"{result.model} {result.benchmark} {run.name[:8]}",
            config=_config(run),
            **_TRACKERS[name],
        )
        try:
            columns = [*_COLUMNS, *run.values]
            data = [[*(row[each] for each in _COLUMNS), *map(row["values"].get, run.values)] for row in run.rows]
            tracked.log({**_numbers(result), "samples": module.Table(columns=columns, data=data)})
        finally:
            tracked.finish()


def _config(run: PublishedRun) -> dict[str, Any]:
    """Return what the numbers depend on."""
    result = run.result
    return {
        "benchmark": result.benchmark,
        "split": run.split,
        "model": result.model,
        "judge": result.judge,
        "protocol": result.protocol,
        "score_id": result.score_id,
        "fingerprint": run.fingerprint,
        "complete": result.complete,
        "date": run.date,
        "made_by": dict(run.made_by),
        "settings": dict(run.settings),
    }


def _numbers(result: Result) -> dict[str, float]:
    """Return all metrics with the ends of their intervals, and the counts, by name."""
    counts = result.counts
    found: dict[str, float] = {
        f"counts/{name}": getattr(counts, name)
        for name in ("total", "scored", "invalid", "model_failed", "judge_failed")
    }
    for metric in result.metrics:
        name = f"{metric.subset}/{metric.name}/{metric.accounting}"
        if metric.value is not None:
            found |= {name: metric.value, f"{name}/n": metric.n}
        if metric.interval is not None:
            found |= {f"{name}/low": metric.interval[0], f"{name}/high": metric.interval[1]}
    return found
