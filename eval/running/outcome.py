"""Outputs of a command: scores and result on disk, the table on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from eval import building
from eval.config import PROJECT
from eval.core import Prediction, Result, Sample, Score
from eval.errors import RunError
from eval.files import write_bytes_atomically
from eval.judges.transcript import Transcript, to_json
from eval.provenance import code_version, plugin_code, versions
from eval.readers.malformed import printable
from eval.readers.submission import write_submission
from eval.report.failures import show_failures
from eval.report.printing import results_console
from eval.report.printing import say as say_result
from eval.report.terminal import headline_line, log_of, show_result
from eval.running.reporting import page_after_run
from eval.runs.checksums import write_scored
from eval.runs.folder import LOG, PREDICTIONS, RESULT, RUN, SUBMISSION, SUBMISSION_CSV
from eval.scorers.multiple_choice import read_letter

BUILTIN_NOTE = (
    "This is the built-in world: rendered clips that check the pipeline. Its numbers are not comparable with published "
    "ones."
)


def stamp() -> str:
    """Return the local time as part of a folder's name."""
    return datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")


def origin(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the code version of a result, and its time; with the plugins that settings name, given by group."""
    plugins = building.plugins_of(nodes)
    places = {f"plugin {each.name}": each.version or str(each.home) for each in plugins}
    return {
        **({"plugins": plugin_code(plugins)} if plugins else {}),
        "versions": {**versions(), **places},
        "code": code_version(PROJECT),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def say(text: str) -> None:
    """Print a message to the user that is not the result, with control characters escaped."""
    print("\n".join(map(printable, text.split("\n"))), file=sys.stderr)


def write_and_show(
    out: Path,
    scores: Sequence[Score],
    result: Result,
    predictions: Sequence[Prediction],
    notes: Sequence[str],
    transcript: Transcript | None = None,
    *,
    page: bool = True,
    alone: bool = True,
) -> None:
    """Write scores.jsonl, verdicts.jsonl, result.json, log.txt and, with `page`, report.html; print table and notes.

    Of several benchmarks, where none is `alone`, one line each is printed, and their tables are in log.txt.
    """
    asked = transcript is not None and transcript.records
    verdicts = [to_json(record) for record in transcript.records] if transcript is not None and asked else None
    write_scored(out, (asdict(score) for score in scores), verdicts, asdict(result))
    notes = [*notes, f"Written to {out}", *page_after_run(out, wanted=page)]
    with suppress(RunError):
        write_bytes_atomically(out / LOG, log_of(result, notes, predictions, scores).encode(), synced=False)
    if not alone:
        say_result(results_console(), headline_line(result))
        return
    show_result(result, notes=notes)
    show_failures(predictions, scores)


def submitted(pairs: Sequence[tuple[Sample, Prediction]], out: Path) -> str:
    """Write the submission of a split whose solutions are withheld; return the note about it."""
    open_questions = write_submission(pairs, read_letter, out / SUBMISSION)
    return (
        f"Solutions are withheld; {SUBMISSION} and {SUBMISSION_CSV} lack {len(open_questions)} answers. Nothing was "
        "posted."
    )


def is_whole(result: Result) -> bool:
    """Whether no sample and no further judging failed, which the exit code reports. A shard may have no samples."""
    there = result.counts.total > 0 or bool(result.provenance.get("shard"))
    lacking = result.repeated is not None and result.repeated.lacking > 0
    return there and result.counts.model_failed == 0 and result.counts.judge_failed == 0 and not lacking


def refuse_single(folder: Path) -> None:
    """Refuse a folder for the runs of several benchmarks that is itself a run or a score, in which they would be lost.

    Raises:
        RunError: it is one, or a file.
    """
    own = next((name for name in (RUN, PREDICTIONS, RESULT) if (folder / name).exists()), None)
    if own is not None:
        raise RunError(
            f"{folder} is the folder of one run or score (it holds {own}), and several benchmarks take a folder each "
            "inside OUT. Choose another OUT, or give the benchmark of this run alone."
        )
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file. Choose another OUT.")
