"""What a command leaves behind: scores and result on disk, the table on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from eval.config import PROJECT
from eval.core import Prediction, Result, Score
from eval.provenance import code_version, versions
from eval.report.terminal import show_failures, show_result
from eval.store import RESULT, SCORES, write_json, write_jsonl


def stamp() -> str:
    """Return the local time as part of a folder's name."""
    return datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")


def origin() -> dict[str, Any]:
    """Return which code made a result, and when."""
    return {
        "versions": versions(),
        "code": code_version(PROJECT),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def say(text: str) -> None:
    """Tell the user something that is not the result."""
    print(text, file=sys.stderr)


def write_and_show(
    out: Path, scores: Sequence[Score], result: Result, predictions: Sequence[Prediction], notes: Sequence[str]
) -> None:
    """Write scores.jsonl and result.json, and show the table, its notes and the samples that failed."""
    write_jsonl(out / SCORES, (asdict(score) for score in scores))
    write_json(out / RESULT, asdict(result))
    judge = result.provenance["scorer"].get("judge") or {}
    about = [f"Judge {judge['name']}: {judge['note']}."] if judge.get("note") else []
    show_result(result, notes=[*about, *notes, f"Written to {out}"])
    show_failures(predictions)
