"""Bundles that somebody has changed who knows of all hashes in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eval.runs.bundle import pack, unpacked

Files = dict[str, bytes]


def files_of(bundle: Path) -> Files:
    """Return the files in a bundle by name."""
    with unpacked(bundle) as folder:
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def rebundled(bundle: Path, to: Path, change: Callable[[Files], object]) -> Path:
    """Write a bundle again after a change to its files, with the hashes in result.json renewed."""
    files = files_of(bundle)
    change(files)
    try:
        result = json.loads(files["result.json"])
        for name in list(result["files"]):
            if name not in ("scores.jsonl", "verdicts.jsonl", "predictions.jsonl"):
                del result["files"][name]  # as in results of earlier versions
                continue
            content = files[name]
            result["files"][name] = {"lines": content.count(b"\n"), "sha256": hashlib.sha256(content).hexdigest()}
        files["result.json"] = json.dumps(result).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # it is to be damaged
    to.write_bytes(pack(files))
    return to


def in_json(name: str, change: Callable[[Any], Any]) -> Callable[[Files], None]:
    """Return a change to the value in a JSON file: what `change` returns stands there then."""

    def changed(files: Files) -> None:
        files[name] = json.dumps(change(json.loads(files[name]))).encode()

    return changed


def in_verdicts(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Files], None]:
    """Return a change to the lines of verdicts.jsonl."""

    def changed(files: Files) -> None:
        lines = change([json.loads(line) for line in files["verdicts.jsonl"].splitlines()])
        files["verdicts.jsonl"] = "".join(json.dumps(line) + "\n" for line in lines).encode()

    return changed
