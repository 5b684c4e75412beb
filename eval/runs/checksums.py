"""Checksums of a result's files: result.json stores the hash of each file beside it, and of its own content.

Without them, scores with missing lines, or scores of another scoring that was killed before it wrote its result, would
pass for the scores of this result; and a number of frames that was edited later for the one of the run. Settings and
the result itself are hashed by content and without paths, so that a bundle, which leaves paths out, has the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from eval.errors import RunError
from eval.files import read_regular, refused, to_jsonl, write_bytes_atomically, write_json
from eval.runs.folder import CONFIG, PREDICTIONS, RESULT, RUN, SCORES, VERDICTS
from eval.runs.places import without_places

_AGAIN = "Restore it, or score the predictions again."
_SETTINGS = (CONFIG, RUN)
"""Files of settings beside a result."""


def write_scored(
    folder: Path,
    scores: Iterable[Mapping[str, Any]],
    verdicts: Iterable[Mapping[str, Any]] | None,
    result: Mapping[str, Any],
) -> None:
    """Write scores.jsonl, verdicts.jsonl and result.json, the result last, since the others count only with it.

    Args:
        folder: A run folder, or that of a score; its predictions.jsonl is hashed too.
        scores: Lines of scores.jsonl.
        verdicts: Lines of verdicts.jsonl; None without a judge; an earlier scoring's file is then removed.
        result: Content of result.json, to which `files` is added: lines and hash by name.

    Raises:
        RunError: the disk cannot be written.
    """
    files = {}
    for name, rows in ((SCORES, scores), (VERDICTS, verdicts)):
        if rows is not None:
            content = to_jsonl(rows)
            write_bytes_atomically(folder / name, content)
            files[name] = _seal(content)
    try:
        if verdicts is None:
            (folder / VERDICTS).unlink(missing_ok=True)
        if (folder / PREDICTIONS).exists():
            files[PREDICTIONS] = _seal(read_regular(folder / PREDICTIONS))
        for name in _SETTINGS:
            if (settings := _settings(folder / name)) is not None:
                files[name] = settings
    except OSError as error:
        raise refused(folder, error) from error
    files[RESULT] = _seal_of(result)
    write_json(folder / RESULT, {**result, "files": files})


def verify_settings(folder: Path, result: Mapping[str, Any]) -> None:
    """Refuse a result that is not as it was written, and settings beside it that are not those of its run.

    Results of earlier versions have no such checksums.

    Raises:
        RunError: one of them was edited. One that is gone is no error: a bundle need not have them.
    """
    files = result.get("files")
    known = files.get(RESULT) if isinstance(files, dict) else None
    if known is not None and known != _seal_of({name: part for name, part in result.items() if name != "files"}):
        raise RunError(f"{folder / RESULT} is not as it was written: something in it was edited. {_AGAIN}")
    for name in _SETTINGS:
        known = files.get(name) if isinstance(files, dict) else None
        try:
            is_other = known is not None and (folder / name).exists() and known != _settings(folder / name)
        except OSError as error:
            raise RunError(f"{folder / name} cannot be read: {error.strerror}. Restore it, or run again.") from error
        if is_other:
            raise RunError(
                f"{folder / name} is not as the run wrote it. Restore it, or run again, which writes it anew."
            )


def verify(folder: Path, result: Mapping[str, Any], name: str) -> None:
    """Refuse a file that is not, byte for byte, the one that a result was computed from.

    Results of earlier versions have no checksums; for them only the number of scores is checked.

    Raises:
        RunError: lines are gone or changed, or the file belongs to another scoring.
    """
    path = folder / name
    files = result.get("files")
    if files is not None and not (isinstance(files, dict) and all(isinstance(each, dict) for each in files.values())):
        raise RunError(f"{folder / RESULT} holds damaged checksums. {_AGAIN}")
    known = files.get(name) if files is not None else None
    try:
        content = read_regular(path) if path.exists() else None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}. {_AGAIN}") from error
    if known is None:
        counts = result.get("counts")
        total = counts.get("total") if name == SCORES and isinstance(counts, dict) else None
        if content is not None and total is not None and _seal(content)["lines"] != total:
            raise RunError(f"{path} holds {_seal(content)['lines']} lines, and {RESULT} counts {total}. {_AGAIN}")
        return
    if content is None:
        raise RunError(f"{path} is gone, with which {folder / RESULT} was computed. {_AGAIN}")
    found = _seal(content)
    if found != known:
        lines = known.get("lines") if isinstance(known, dict) else None
        how = "its lines were changed" if lines == found["lines"] else f"it has {found['lines']} lines, not {lines}"
        raise RunError(f"{path} is not as {RESULT} was computed with it: {how}. {_AGAIN}")


def _settings(path: Path) -> dict[str, Any] | None:
    """Return the checksum of a file of settings by its content; None where it holds none. Raises OSError."""
    try:
        content = read_regular(path) if path.exists() else b""
        # No run writes aliases, by which a few lines can hold themselves, or gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(content)):
            return None
        found = yaml.safe_load(content)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None
    if isinstance(found, dict):
        found.pop("config_sha256", None)  # of a file with paths
    return None if found is None else _seal_of(found)


def _seal_of(value: Any) -> dict[str, Any]:
    # An edited file may hold NaN, which no result does: its checksum is another.
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")  # as it is stored
    placeless = without_places(json.loads(text))
    return {"sha256": hashlib.sha256(json.dumps(placeless, sort_keys=True).encode("ascii")).hexdigest()}


def _seal(content: bytes) -> dict[str, Any]:
    return {"lines": content.count(b"\n"), "sha256": hashlib.sha256(content).hexdigest()}
