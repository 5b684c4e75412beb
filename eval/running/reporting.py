"""Writes the page of a run, or one page of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from eval.analysis.page.run import run_payload
from eval.errors import ConfigError
from eval.files import absolute
from eval.provenance import versions
from eval.report.page.page import write_page
from eval.runs.bundle import is_bundle
from eval.runs.folder import REPORT, RESULT, runs_in, runs_inside
from eval.runs.scored import ScoredRun


def page_of(payloads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a page of runs, each in the form of `Run` in `web/src/payload.ts`, as its `Page`."""
    titles = [payload["title"] for payload in payloads]
    what = titles[0] if len(titles) == 1 else f"{len(titles)} benchmarks"
    return {
        "kind": "run",
        "title": f"{what} | {payloads[0]['model']}",
        "made": datetime.now().astimezone().isoformat(timespec="seconds"),
        "version": versions()["tarsier-eval"],
        "runs": payloads,
    }


def report(place: str | Path, to: str | Path | None = None) -> Path:
    """Write the page of a run, a score, a bundle, or a folder of several runs; return its file.

    Args:
        place: What to show.
        to: The file; None: report.html in the folder.

    Raises:
        TarsierEvalError: there is no result, a file is damaged, or the page cannot be written.
    """
    folder = absolute(place)
    if is_bundle(folder):
        page = absolute(to) if to else folder.with_name(f"{folder.name.removesuffix('.tar.gz')}.html")
        with ScoredRun.open(folder) as run:
            write_page(page, page_of([run_payload(run, page_folder=page.parent)]))
        return page
    inside = [run for run in runs_in(folder) if (run / RESULT).is_file()]
    if not inside and not (folder / RESULT).is_file():
        there = f"; in it are {names}, none of them through" if (names := runs_inside(folder)) else ""
        raise ConfigError(f"{folder} holds no {RESULT}{there}. Give the folder of a finished run, or of a score.")
    page = absolute(to) if to else folder / REPORT
    if not page.parent.is_dir():
        raise ConfigError(f"--to {to}: its folder does not exist.")
    runs = [ScoredRun.read(each) for each in inside or [folder]]
    write_page(page, page_of([run_payload(run, page_folder=page.parent) for run in runs]))
    return page


def page_after_run(folder: Path) -> str:
    """Write the page of a run that has just been scored, whose result it must not cost; return a line about it."""
    try:
        return f"To look at: {report(folder)}"
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the page, the numbers are there
        return f"No report was written: {error}. The result is not affected; try again: make report RUN={folder}"
