"""Follows a run, or several in one folder, that may still be going on, and serves their page on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from eval.analysis.page.clips import is_media
from eval.analysis.page.run import run_payload
from eval.analysis.page.unfinished import unfinished_payload
from eval.errors import ConfigError, TarsierEvalError
from eval.files import absolute, read_regular
from eval.provenance import digest
from eval.report.page.server import Places, serve
from eval.running.reporting import page_of
from eval.runs.folder import CONFIG, PREDICTIONS, RESULT, RUN, holds_only, runs_in
from eval.runs.lock import seems_held
from eval.runs.progress import PROGRESS, Progress, read_progress
from eval.runs.scored import ScoredRun

_PATIENCE_S = 0.3
"""Seconds between two looks for a run that has not begun."""


class Watched:
    """The runs in a folder as they are now.

    Args:
        folder: A run folder, or a folder of several; runs may begin in it later.
        places: Numbers the files that the page names.
    """

    def __init__(self, folder: Path, places: Places) -> None:
        self._folder, self._places = folder, places
        self._kept: dict[Path, tuple[int, dict[str, Any]]] = {}

    def page(self) -> dict[str, Any]:
        """Return the data of the page. Raises TarsierEvalError."""
        return page_of([self._payload(folder) for folder in self._runs()])

    def news(self) -> dict[str, Any]:
        """Return how far the runs are."""
        runs = self._runs()
        told = [_progress(folder) for folder in runs]
        held = any(seems_held(folder) for folder in runs)
        done, total = (sum(getattr(one, name) for one in told) for name in ("done", "total"))
        newest = max(told, key=lambda one: one.rate)
        state = "finished" if all((folder / RESULT).is_file() for folder in runs) else "stopped"
        if held:
            state = "scoring" if total and done == total else "running"
        return {
            "done": done,
            "total": total,
            "rate": newest.rate if held else None,
            "seconds_left": newest.seconds_left if held else None,
            "workers": [dict(worker) for worker in newest.workers],
            "state": state,
            "version": sum(map(_stamp, runs)),
        }

    def _runs(self) -> list[Path]:
        return runs_in(self._folder) or [self._folder]

    def _payload(self, folder: Path) -> dict[str, Any]:
        stamp = _stamp(folder)
        if folder not in self._kept or self._kept[folder][0] != stamp:
            # While a run goes on, a result from before may be there, of other predictions than these; how far it is
            # says that it goes on.
            going_on = seems_held(folder) and read_progress(folder) is not None
            if (folder / RESULT).is_file() and not going_on:
                payload = run_payload(ScoredRun.read(folder), page_folder=folder, place=self._places)
            else:
                payload = unfinished_payload(folder, self._places)
            self._kept[folder] = stamp, payload
        return self._kept[folder][1]


def _progress(folder: Path) -> Progress:
    """Return how far a run is; where it does not say, all that is there is all of it."""
    found, lines = read_progress(folder), 0
    if found is None:
        with suppress(OSError, TarsierEvalError):
            lines = read_regular(folder / PREDICTIONS).count(b"\n")
    return found or Progress(done=lines, total=lines, rate=0.0, seconds_left=None, workers=())


def _stamp(folder: Path) -> int:
    """Return a number that another content of a run's files changes, small enough for a browser's arithmetic."""
    found: list[object] = [seems_held(folder)]
    found.append((folder / PROGRESS).exists())
    for name in (RESULT, PREDICTIONS):
        with suppress(OSError):
            found.append((folder / name).stat().st_mtime_ns)
    return int(digest(found, 8), 16)


def watch(place: str | Path, port: int, tell: Callable[[str], None]) -> None:
    """Serve the page of a run, which may be going on, until Ctrl-C.

    Args:
        place: A run folder, or a folder of several; one that is not there yet, or empty, is waited for.
        port: The port of 127.0.0.1; 0: any that is free.
        tell: Takes a line for the user, such as the address.

    Raises:
        ConfigError: the folder holds something else than runs, or the port cannot be had.
    """
    folder = absolute(place)
    if not _has_runs(folder):
        if folder.exists() and not (folder.is_dir() and holds_only(folder, (CONFIG,))):
            raise ConfigError(f"{folder} holds no run. Give the OUT of an evaluation, or the folder that it named.")
        tell(f"Waiting for an evaluation to begin in {folder} (Ctrl-C ends it)")
        while not _has_runs(folder):
            time.sleep(_PATIENCE_S)
    places = Places(is_media)
    serve(Watched(folder, places), places, port, lambda address: tell(f"Open {address} (Ctrl-C ends it)"))


def _has_runs(folder: Path) -> bool:
    return bool(runs_in(folder)) or any((folder / name).is_file() for name in (RUN, RESULT))
