"""Run folders: the files of a run on disk, and how an interrupted run is resumed from them.

run.json            the fingerprint: everything that predictions depend on; differences that the user accepted
config.yaml         the resolved configuration
predictions.jsonl   one line a sample, appended as they come; in annotation order once the run is complete
scores.jsonl        one line a sample
verdicts.jsonl      one line a call to the judge: the raw reply, who gave it, what it cost
result.json         metrics, counts, coverage, provenance, timing; hashes of the scores and verdicts it is from
serving.json        number, tokens and cost of the requests to a model behind a server
timeline.svg        time of each stage over the run's course
report.html         all of it to look at; thumbnails/ has a picture of each clip's frames; log.txt, what was printed
missing.txt         media that were not there at the last start, one a line; unreadable.txt, those that could not be
                    read, each with the reason; progress.json, while it goes on
submission.json     answers to a split whose solutions are withheld
.lock               the process that is writing here, if any (`eval/runs/lock.py`)

Whatever stopped a run, the next start takes the lock, removes half-written files, cuts off a half-written last line,
and continues with the missing sample ids, under the same fingerprint. Samples reported as done are on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.errors import ConfigError, RunError
from eval.files import (
    absolute,
    leftover_of,
    make_folder,
    open_regular,
    read_regular,
    refused,
    to_json,
    write_atomically,
    write_bytes_atomically,
    write_json,
    write_jsonl,
)
from eval.runs.differences import Difference
from eval.runs.journal import Journal
from eval.runs.lock import LOCK, FolderLock
from eval.runs.progress import PROGRESS
from eval.runs.record import (
    RUN,
    Accepted,
    RunRecord,
    accept_now,
    accepted_changes,
    plain,
    read_fingerprint,
    read_record,
    refuse_unknown,
    sha256,
    write_record,
)

__all__ = [
    "CONFIG", "LOCK", "LOG", "MISSING", "PREDICTIONS", "REPORT", "RESULT", "RUN", "SCORES", "SERVING",
    "SUBMISSION", "SUBMISSION_CSV", "TIMELINE", "UNREADABLE", "VERDICTS", "Accepted", "RunFolder", "RunRecord",
    "holds_only", "open_run", "read_fingerprint", "read_record", "refuse_changed", "refuse_foreign", "to_json",
    "write_atomically", "write_bytes_atomically", "write_json", "write_jsonl",
]  # fmt: skip

CONFIG, PREDICTIONS, SCORES, VERDICTS, RESULT, SERVING, TIMELINE, REPORT, LOG, SUBMISSION, SUBMISSION_CSV = FILES = (
    "config.yaml", "predictions.jsonl", "scores.jsonl", "verdicts.jsonl", "result.json", "serving.json", "timeline.svg",
    "report.html", "log.txt", "submission.json", "submission.csv",
)  # fmt: skip
_NAMES = {RUN, PROGRESS, MISSING := "missing.txt", UNREADABLE := "unreadable.txt", *FILES}


def result_folder(name: str | Path) -> Path:
    """Return the folder of a run or a score given by name. Raises ConfigError where it holds no result."""
    folder = absolute(name)
    if not (folder / RESULT).exists():
        if inside := runs_inside(folder):
            raise ConfigError(f"{str(name)!r} holds no result.json itself; give one of the runs in it: {inside}.")
        raise ConfigError(f"{str(name)!r} holds no {RESULT}: give the folder of a run that is through, or of a score.")
    return folder


def runs_in(folder: Path) -> list[Path]:
    """Return the folders of runs and scores inside a folder that is none itself, as a run of several benchmarks has."""
    if not folder.is_dir() or any((folder / name).exists() for name in (RUN, RESULT)):
        return []
    return sorted({path.parent for name in (RUN, RESULT) for path in folder.glob(f"*/{name}")})


def runs_inside(folder: Path) -> str:
    """Return the names of the folders of runs inside a folder, for a message; "" where there are none."""
    return ", ".join(path.name for path in runs_in(folder))


def holds_only(folder: Path, names: Iterable[str]) -> bool:
    """Whether a folder holds only files of these names, half-written ones of a killed run, and a lock."""
    known = {*names, LOCK}
    return all((leftover_of(path) or path.name) in known for path in folder.iterdir())


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds anything but a run, before any work is done.

    A run killed before it wrote its run.json is accepted: it holds no predictions.

    Raises:
        RunError: the path is a file, or a folder that is neither empty nor a run.
    """
    try:
        if not folder.exists() or (folder.is_dir() and ((folder / RUN).exists() or _is_stillborn(folder))):
            return
    except OSError as error:
        raise refused(folder, error) from error
    if folder.is_dir() and (folder / PREDICTIONS).exists():
        raise RunError(
            f"{folder} holds {PREDICTIONS} and no {RUN}, which says how they were made. Choose another OUT; "
            f"the predictions can be scored: score --pred {folder / PREDICTIONS}."
        )
    if inside := runs_inside(folder):
        raise RunError(f"{folder} holds several runs ({inside}). Choose another OUT, or one of these folders.")
    raise RunError(f"{folder} is there already and is not a run. Choose another OUT, or an empty folder.")


def _is_stillborn(folder: Path) -> bool:
    """Whether a folder is empty except for a run's first files. Earlier versions wrote config.yaml before run.json."""
    if not holds_only(folder, {RUN, CONFIG}):
        return False
    config = folder / CONFIG
    if not config.exists():
        return True
    lines = read_regular(config).splitlines()
    return not lines or all(any(line.startswith(key) for line in lines) for key in (b"benchmark:", b"model:"))


def refuse_changed(folder: Path, fingerprint: Mapping[str, Any], accept: Sequence[str] = ()) -> None:
    """Refuse to continue a run in which one of these fields differs, before any work is done.

    Args:
        folder: The run folder; it need not exist yet.
        fingerprint: Everything that predictions depend on, or the part known so far.
        accept: Fields whose difference the user accepts, see open_run.

    Raises:
        RunError: the folder holds something else, or a run that differs; the message names the field.
    """
    refuse_foreign(folder)
    if (folder / RUN).exists():
        there = read_record(folder).fingerprint
        accepted_changes(folder, {key: there.get(key) for key in fingerprint}, plain(fingerprint), accept)


def open_run(folder: Path, fingerprint: Mapping[str, Any], config_yaml: str, accept: Sequence[str] = ()) -> RunFolder:
    """Create a run folder, or continue an existing one; hold it until it is closed.

    Args:
        folder: The run folder.
        fingerprint: Everything that predictions depend on, as JSON can hold it.
        config_yaml: The resolved configuration, stored beside it.
        accept: Dotted names of fields whose difference the user accepts, such as `code` or `model.dtype`; a name
            includes all fields below it. Each difference is recorded in run.json, and the new value counts from then
            on.

    Raises:
        RunError: another process holds the folder; it holds something else, or a run that differs in a field, which the
            message names; a name in `accept` is no field; or the disk cannot be written.
    """
    refuse_foreign(folder)
    make_folder(folder)
    lock = FolderLock(folder)
    try:
        # Checked once more: only from here on is no other process writing.
        refuse_foreign(folder)
        given = plain(fingerprint)
        record = read_record(folder) if (folder / RUN).exists() else None
        differing: list[Difference] = []
        if record is not None:
            refuse_unknown(accept, record.fingerprint, given)
            differing = accepted_changes(folder, record.fingerprint, given, accept)
        # A refused folder is not changed.
        notes = _remove_leftovers(folder)
        journal = Journal(folder / PREDICTIONS)
        tail = journal.repair()
        notes += [tail] if tail else []
        if record is None:
            record = RunRecord(fingerprint=given, config_sha256=sha256(config_yaml.encode("utf-8")))
            write_record(folder, record)
            write_atomically(folder / CONFIG, config_yaml)
        else:
            record, more = _brought_up_to_date(folder, record, given, config_yaml, differing)
            notes += more
        if not lock.held:
            notes.append(f"{folder}: this file system keeps no locks; see to it that no second run writes there.")
        return RunFolder(folder, lock, journal, record, notes=notes, repaired=tail is not None)
    except OSError as error:
        lock.release()
        raise refused(Path(error.filename or folder), error) from error
    except BaseException:
        lock.release()
        raise


def _brought_up_to_date(
    folder: Path,
    record: RunRecord,
    given: Mapping[str, Any],
    config_yaml: str,
    differing: Sequence[Difference],
) -> tuple[RunRecord, list[str]]:
    """Write accepted differences, and a missing configuration, to disk; return the record and notes for the user."""
    config = folder / CONFIG
    there = sha256(read_regular(config)) if config.exists() else None
    notes = []
    if there is None or (record.config_sha256 and there != record.config_sha256):
        notes.append(f"{config} was missing or damaged; it is written again from the settings of this start.")
    if not differing and not notes:
        return record, []
    accepted = accept_now(differing, _count_lines(folder / PREDICTIONS))
    notes += [f"{folder} {each.told()}" for each in accepted]
    write_atomically(config, config_yaml)
    record = RunRecord(
        fingerprint=given,
        accepted=(*record.accepted, *accepted),
        config_sha256=sha256(config_yaml.encode("utf-8")),
    )
    write_record(folder, record)
    return record, notes


def _remove_leftovers(folder: Path) -> list[str]:
    """Remove temporary files of killed processes; the files that these were to replace still exist."""
    found = [path for path in folder.iterdir() if leftover_of(path) in _NAMES]
    for path in found:
        path.unlink(missing_ok=True)
    return [f"{path}: removed a half-written file." for path in found]


def _count_lines(path: Path) -> int:
    if not path.exists():
        return 0
    with open_regular(path) as file:
        return sum(1 for line in file if line.strip())


class RunFolder:
    """The folder of one run of one benchmark, held by this process until `close` or the end of a `with` block."""

    def __init__(
        self,
        folder: Path,
        lock: FolderLock,
        journal: Journal,
        record: RunRecord,
        *,
        notes: Sequence[str] = (),
        repaired: bool = False,
    ) -> None:
        self.folder = folder
        self.record = record
        """The current content of run.json, with all accepted differences."""
        self.notes = tuple(notes)
        """Repairs made at this start, and other notes for the user, one line each."""
        self.repaired = repaired
        """Whether the end of predictions.jsonl had to be repaired."""
        self._lock = lock
        self._journal = journal

    @property
    def predictions(self) -> Path:
        """The predictions file; it may not exist yet."""
        return self._journal.path

    def keep_accepted(self, difference: Difference) -> str:
        """Record in run.json an accepted difference found only in the predictions; return the message about it.

        Raises:
            RunError: the disk cannot be written.
        """
        (accepted,) = accept_now([difference], _count_lines(self.predictions))
        self.record = replace(self.record, accepted=(*self.record.accepted, accepted))
        write_record(self.folder, self.record)
        return f"{self.folder} {accepted.told()}"

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append predictions; when this returns they are on disk.

        Raises:
            RunError: the disk cannot be written; the file is unchanged and complete.
        """
        self._journal.append(rows)

    def close(self) -> None:
        """Release the folder."""
        self._lock.release()

    def __enter__(self) -> RunFolder:  # noqa: PYI034 - typing has Self from Python 3.11 on
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
