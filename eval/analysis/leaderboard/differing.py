"""The settings in which the rows of one model differ, in words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.analysis.leaderboard.rows import TableRow, instant
from eval.errors import TarsierEvalError
from eval.files import absolute
from eval.report.printing import one_line
from eval.runs.scored import ScoredRun

RunKey = tuple[str, ...]
"""The properties that the rows of one run, or of one publication, share."""

MOST = 4
"""Most settings told of a row."""
_TOLD = ("split", "judge", "protocol", "frames", "source")
"""Columns that tell rows apart."""
_COVERED = ("benchmark", "split", "model.name", "model.n_frames", "model.fps", "model.frame_rule", "data_sha256")
"""Fields of a run that those columns, or others, have already."""
FRAMES = re.compile(r"(?:uniform|fps-(?P<fps>[\d.]+)-max)-(?P<n>\d+)(?:-(?P<rule>\w+))?")
"""A frame policy's name."""
_HASH = re.compile(r"[0-9a-f]{12,}")


def run_key(row: TableRow) -> RunKey:
    """Return what tells the run or publication of a row."""
    return (row.origin, row.benchmark, row.split, row.judge, row.protocol, row.score_id, row.data, row.model,
            row.fingerprint, row.source)  # fmt: skip


def told_apart(rows: Iterable[TableRow], table: Path | None) -> dict[RunKey, dict[str, str]]:
    """Return, for each run, the settings in which it differs from others of its benchmark and model, by their names.

    Args:
        rows: Rows of the table.
        table: Its file. Settings that are not in it come from the runs, where these are at hand; None: from none.
    """
    groups: dict[tuple[str, str, str], dict[RunKey, TableRow]] = {}
    for row in rows:
        groups.setdefault((row.origin, row.benchmark, row.model), {}).setdefault(run_key(row), row)
    found: dict[RunKey, dict[str, str]] = {}
    for group in groups.values():
        parts = _parts(list(group.values()), table) if len(group) > 1 else [{}]
        found.update(zip(group, parts, strict=True))
    return found


def _parts(rows: Sequence[TableRow], table: Path | None) -> list[dict[str, str]]:
    settings = [{name: getattr(row, name) or None for name in _TOLD} | _recorded(row, table) for row in rows]
    hashes = [_only({"samples": row.data, **each}, hashed=True) for row, each in zip(rows, settings, strict=True)]
    dates = [instant(row.date) for row in rows]
    told: list[dict[str, str]] = [{} for _ in rows]
    plain = [_only(each, hashed=False) for each in settings]
    for name in dict.fromkeys(name for each in plain for name in each):
        words = [_words(name, each[name]) if name in each else "" for each in plain]
        words = _frames(words) if name == "frames" else words
        if len(set(words) - {""}) > 1 and max(map(len, told)) < MOST:
            for each, text in zip(told, words, strict=True):
                each.update({name: text} if text else {})
    for name in dict.fromkeys(name for each in hashes for name in each):
        values = [each.get(name) for each in hashes]
        known = sorted({value for value in values if value}, key=lambda value: min(_when(value, values, dates)))
        if len(known) > 1 and not _splits(told) and _splits(told, values):
            for each, value in zip(told, values, strict=True):
                each.update({name: f"{_label(name)} {known.index(value) + 1} of {len(known)}"} if value else {})
    if not _splits(told):
        for each, row in zip(told, rows, strict=True):
            each.update({"date": f"scored {row.date[:16].replace('T', ' ')}"} if row.date else {})
    return told


def _when(value: str, values: Sequence[str | None], dates: Sequence[float]) -> list[float]:
    return [date for date, other in zip(dates, values, strict=True) if other == value]


def _splits(told: Sequence[Mapping[str, str]], values: Sequence[object] = ()) -> bool:
    """Whether what is told tells all rows apart; with values, whether these tell more of them apart."""
    texts = [tuple(each.values()) for each in told]
    if not values:
        return len(set(texts)) == len(texts)
    return len(set(zip(texts, values, strict=True))) > len(set(texts))


def _recorded(row: TableRow, table: Path | None) -> dict[str, Any]:
    """Return the settings that a row's run records; {} where it is not at hand, or altered."""
    if table is None:
        return {}
    try:
        folder = absolute(table.parent / row.provenance)
        if row.origin != "run" or not row.provenance or not folder.is_dir():
            return {}
        made_by = ScoredRun.read(folder).made_by
    except TarsierEvalError:
        return {}
    flat = _flat(made_by)
    first = {name: value for name, value in flat.items() if name.startswith("model.")}
    return {name: value for name, value in {**first, **flat}.items() if name not in _COVERED}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found.update(_flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value})
    return found


def _only(settings: Mapping[str, Any], *, hashed: bool) -> dict[str, Any]:
    return {
        name: value
        for name, value in settings.items()
        if (isinstance(value, str) and bool(_HASH.fullmatch(value))) is hashed
    }


def _frames(names: Sequence[str]) -> list[str]:
    """Return frame policies in words; the rule by which frames are chosen only where that differs."""
    found = [FRAMES.fullmatch(name) for name in names]
    differ = len({each["rule"] for each in found if each}) > 1
    told = []
    for name, each in zip(names, found, strict=True):
        if each is None:
            told.append(name)
            continue
        sampled = f"{each['fps']} fps, at most {each['n']} frames" if each["fps"] else f"{each['n']} frames"
        told.append(f"{sampled} by the rule of {each['rule'] or 'tarsier'}" if differ else sampled)
    return told


def _label(name: str) -> str:
    plain = name.removeprefix("model.").removeprefix("libraries.").removesuffix("_sha256").removesuffix(".sha256")
    return one_line(plain.replace("_", " ").replace(".", " "), 40)


def _words(name: str, value: object) -> str:
    if name in _TOLD:
        return one_line(str(value), 60) if value else ""
    label = _label(name)
    if value is None or value is False:
        return f"no {label}"
    if value is True:
        return label
    return f"{label} {one_line(value if isinstance(value, str) else json.dumps(value), 40)}"
