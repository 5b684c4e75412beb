"""Run folders: what a run leaves on disk, and how it goes on from there.

run.json            the fingerprint: everything that predictions depend on
config.yaml         the resolved configuration
predictions.jsonl   one line a sample, appended as they come; in annotation order once the run is through
scores.jsonl        one line a sample
verdicts.jsonl      one line a call to the judge: the raw reply, who gave it, what it cost
result.json         metrics, counts, coverage, provenance
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eval.errors import RunError

RUN, CONFIG, PREDICTIONS, SCORES, VERDICTS, RESULT = (
    "run.json",
    "config.yaml",
    "predictions.jsonl",
    "scores.jsonl",
    "verdicts.jsonl",
    "result.json",
)


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader finds the old content or the new one, never a part."""
    write_bytes_atomically(path, text.encode("utf-8"))


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new one, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def to_json(value: Any) -> str:
    """Return one line of JSON: keys as given, text as itself, no NaN."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file for people and programs, atomically."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n")


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, atomically."""
    write_atomically(path, "".join(to_json(row) + "\n" for row in rows))


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds something else than a run, before any work is done.

    Raises:
        RunError: the path is a file, or a folder that is not empty and has no run.json.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / RUN).exists())):
        raise RunError(f"{folder} is there already and is not a run. Choose another OUT, or an empty folder.")


def read_fingerprint(folder: Path) -> dict[str, Any]:
    """Return what run.json says the folder's predictions depend on.

    Raises:
        RunError: run.json is damaged.
    """
    try:
        found = json.loads((folder / RUN).read_text(encoding="utf-8"))["fingerprint"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder / RUN} is damaged. Choose another OUT; {PREDICTIONS} can still be scored.") from error
    if not isinstance(found, dict):
        raise RunError(f"{folder / RUN} is damaged. Choose another OUT; {PREDICTIONS} can still be scored.")
    return found


def refuse_changed(folder: Path, fingerprint: Mapping[str, Any]) -> None:
    """Refuse to continue a run from which one of these fields differs, before any work is done.

    Raises:
        RunError: the folder holds something else, or a run that differs; the message names the field.
    """
    refuse_foreign(folder)
    if (folder / RUN).exists():
        there = read_fingerprint(folder)
        _check_same(folder, {key: there.get(key) for key in fingerprint}, fingerprint)


def open_run(folder: Path, fingerprint: Mapping[str, Any], config_yaml: str) -> RunFolder:
    """Create a run folder, or continue the one that is there.

    Raises:
        RunError: the folder holds something else, or a run that anything differs from; the message names it.
    """
    refuse_foreign(folder)
    record = folder / RUN
    if record.exists():
        _check_same(folder, read_fingerprint(folder), fingerprint)
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"Cannot create the run folder {folder}: {error.strerror}.") from error
        write_atomically(folder / CONFIG, config_yaml)
        write_json(record, {"fingerprint": fingerprint})
    return RunFolder(folder)


def _check_same(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> None:
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key), new.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            _check_same(folder, was, now, f"{prefix}{key}.")
        elif was != now:
            raise RunError(
                f"{folder} holds a run with another {prefix}{key}: it has {was!r}, this run has {now!r}. "
                "Choose another OUT, or repeat the settings of that run."
            )


class RunFolder:
    """The folder of one run of one benchmark."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repaired = self._drop_torn_line()

    @property
    def predictions(self) -> Path:
        """The predictions file; it may not exist yet."""
        return self.folder / PREDICTIONS

    def _drop_torn_line(self) -> bool:
        """Cut a last line that a crash left half-written; return whether there was one."""
        if not self.predictions.exists():
            return False
        data = self.predictions.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) == len(data):
            return False
        write_atomically(self.predictions, whole.decode("utf-8"))
        return True

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append predictions; when this returns they are on disk."""
        with self.predictions.open("a", encoding="utf-8", newline="\n") as file:
            file.write("".join(to_json(row) + "\n" for row in rows))
            file.flush()
            os.fsync(file.fileno())
