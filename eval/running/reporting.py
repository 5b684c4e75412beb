"""Writes the page of a run, or one page of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.analysis.page.clips import beside
from eval.analysis.page.run import run_payload
from eval.analysis.page.unfinished import unfinished_payload
from eval.errors import ConfigError
from eval.files import absolute
from eval.report.page.page import page, page_file, write_page
from eval.runs.bundle import is_bundle
from eval.runs.folder import REPORT, RESULT, runs_in, runs_inside
from eval.runs.scored import ScoredRun


class NothingToShowError(ConfigError):
    """A page of no samples was asked for."""


def page_of(payloads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a page of runs, each in the form of `Run` in `web/src/payload.ts`, as its `Page`."""
    titles, models = (list(dict.fromkeys(payload[key] for payload in payloads)) for key in ("title", "model"))
    what = titles[0] if len(titles) == 1 else f"{len(titles)} benchmarks"
    several = f", {len(payloads)} runs" if len(payloads) > len(titles) else ""
    return page("run", f"{what}{several} | {', '.join(models[:3])}{', ...' if len(models) > 3 else ''}", runs=payloads)


def report(place: str | Path, to: str | Path | None = None) -> Path:
    """Write the page of a run, a score, a bundle, or a folder of several runs; return its file.

    Args:
        place: What to show; of several runs those without a result too, but none that has no samples.
        to: The file; None: report.html in the folder.

    Raises:
        NothingToShowError: there are no samples.
        TarsierEvalError: there is no result, a file is damaged, or the page cannot be written.
    """
    folder = absolute(place)
    file = page_file(to) if to else None
    if is_bundle(folder):
        file = file or folder.with_name(f"{folder.name.removesuffix('.tar.gz')}.html")
        with ScoredRun.open(folder) as run:
            payload = run_payload(run, page_folder=file.parent)
            unpacked = str(run.folder)
        payload |= {"name": folder.name, "folder": str(folder)}
        for row in payload["settings"]:
            row["value"] = row["value"].replace(unpacked, str(folder))
        write_page(file, page_of([payload]))
        return file
    inside = runs_in(folder)
    if not any((each / RESULT).is_file() for each in (folder, *inside)):
        there = f"; in it are {names}, none of them finished" if (names := runs_inside(folder)) else ""
        raise ConfigError(f"{folder} holds no {RESULT}{there}. Give the folder of a finished run, or of a score.")
    file = file or folder / REPORT
    shown = [each for each in inside or [folder] if not _is_empty(each)]
    if not shown:
        raise NothingToShowError(f"{folder}: no samples, no page.")
    write_page(file, page_of([_payload(each, file.parent) for each in shown]))
    return file


def _is_empty(folder: Path) -> bool:
    """Whether a run is finished and has no samples, as a shard without work."""
    return (folder / RESULT).is_file() and ScoredRun.read(folder).result.counts.total == 0


def _payload(folder: Path, page_folder: Path) -> dict[str, Any]:
    if (folder / RESULT).is_file():
        return run_payload(ScoredRun.read(folder), page_folder=page_folder)
    return unfinished_payload(folder, beside(page_folder))


def page_after_run(folder: Path, *, wanted: bool = True) -> list[str]:
    """Write the page of a run that has just been scored, which must never fail for it; return a line to print.

    Where none is wanted, or it cannot be written, no older page is left: it would show other numbers. A page of
    several runs of which this is one is written again, or goes.
    """
    around = folder.parent / REPORT
    try:
        (folder / REPORT).unlink(missing_ok=True)
        if around.is_file() and folder in runs_in(folder.parent):
            around.unlink()
            if wanted:
                report(folder.parent)
        return [f"To look at: {report(folder)}"] if wanted else []
    except NothingToShowError:
        return ["No samples, no page."]
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the page, the numbers are there
        said = f"No report was written: {str(error).rstrip('.')}. The result is not affected; try again: "
        return [f"{said}make report RUN={folder}"]


def print_page(folder: Path, *, wanted: bool) -> None:
    """Write the page of several runs that were just scored, and say where it is."""
    for line in page_after_run(folder, wanted=wanted):
        print(line)
