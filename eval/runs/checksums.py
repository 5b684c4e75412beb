"""Checksums of a result's files: result.json stores the hash of each file beside it.

Without them, scores with missing lines, or scores of another scoring that was killed before it wrote its result, would
pass for the scores of this result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eval.errors import RunError
from eval.files import refused, to_jsonl, write_bytes_atomically, write_json
from eval.runs.folder import PREDICTIONS, RESULT, SCORES, VERDICTS

_AGAIN = "Restore it, or score the predictions again."


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
        if (folder / PREDICTIONS).is_file():
            files[PREDICTIONS] = _seal((folder / PREDICTIONS).read_bytes())
    except OSError as error:
        raise refused(folder, error) from error
    write_json(folder / RESULT, {**result, "files": files})


def verify(folder: Path, result: Mapping[str, Any], name: str) -> None:
    """Refuse a file that is not, byte for byte, the one that a result was computed from.

    Results of earlier versions have no checksums; for them only the number of scores is checked.

    Raises:
        RunError: lines are gone or changed, or the file belongs to another scoring.
    """
    path = folder / name
    files = result.get("files")
    known = files.get(name) if isinstance(files, dict) else None
    try:
        content = path.read_bytes() if path.is_file() else None
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
        raise RunError(
            f"{path} is not as {RESULT} was computed with it: it holds {found['lines']} lines of {lines}, or others. "
            f"{_AGAIN}"
        )


def _seal(content: bytes) -> dict[str, Any]:
    return {"lines": content.count(b"\n"), "sha256": hashlib.sha256(content).hexdigest()}
