"""run.json: everything that a run's predictions depend on, and the differences that a user accepted.

{"fingerprint": {"benchmark": "mvbench", "model": {"name": "tarsier-7b", ...}, ...},
 "accepted": [{"field": "code", "was": "...", "now": "...", "when": "2026-11-25T22:10:00+01:00", "predictions": 37}],
 "config_sha256": "..."}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from eval.errors import DataError, RunError, did_you_mean
from eval.files import read_regular, to_json, write_json
from eval.readers.parsing import NotJSONError, parsed
from eval.runs.differences import Difference, differences_of, not_accepted
from eval.runs.fields import About, checked, mapping

RUN = "run.json"

MEDIA = "media"
"""The field that is recorded only in the predictions: the files that each was made from."""

_OTHER_SAMPLES = {"benchmark", "split", "limit", "part", "shard", "n_samples", "data_sha256"}
"""Fields whose difference means other samples: to accept it would mix two runs, so that messages do not offer it."""

_SHOWN = 120
"""Most characters of a value in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A difference that the user accepted, so that the run was continued."""

    field: str
    """Its name in the fingerprint, dotted."""
    was: Any
    """The value so far."""
    now: Any
    """The value from then on."""
    when: str
    """Local time, ISO 8601."""
    predictions: int
    """Lines of predictions.jsonl at that time."""

    def told(self) -> str:
        """Return the message about it for a user, after the folder's name."""
        return (
            f"goes on with another {self.field}, as accepted: {short(self.now)} from here on, after "
            f"{short(self.was)} for the {self.predictions} predictions that are there."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The content of run.json."""

    fingerprint: Mapping[str, Any]
    """Everything that predictions depend on, as of the last start."""
    accepted: tuple[Accepted, ...] = ()
    """Differences that were accepted, in order: earlier predictions depend on the older values."""
    config_sha256: str | None = None
    """Hash of config.yaml; None in folders of earlier versions."""


def read_record(folder: Path) -> RunRecord:
    """Return the content of run.json.

    Raises:
        RunError: run.json is damaged or cannot be read.
    """
    try:
        found = mapping(parsed(read_regular(folder / RUN)), "the file")
        fingerprint = mapping(found.get("fingerprint"), "fingerprint")
        checked(fingerprint, About, "fingerprint")
        record = checked({**found, "accepted": found.get("accepted") or []}, RunRecord)
    except OSError as error:
        reason = error.strerror
        raise RunError(f"{folder / RUN} cannot be read: {reason}. Restore it, or choose another OUT.") from error
    except (DataError, NotJSONError) as error:
        raise RunError(
            f"{folder / RUN} is damaged ({error}). Restore it, or choose another OUT; a copy of the predictions can "
            "still be scored elsewhere."
        ) from error
    return record


def read_fingerprint(folder: Path) -> dict[str, Any]:
    """Return the fingerprint in run.json. Raises RunError where it is damaged."""
    return dict(read_record(folder).fingerprint)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write run.json, atomically. Raises RunError."""
    write_json(folder / RUN, asdict(record))


def plain(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fingerprint as read back from run.json, where tuples are lists."""
    found: dict[str, Any] = json.loads(to_json(fingerprint))
    return found


def sha256(content: bytes) -> str:
    """Return the hash of a file's content."""
    return hashlib.sha256(content).hexdigest()


def accepted_changes(
    folder: Path, old: Mapping[str, Any], new: Mapping[str, Any], accept: Sequence[str]
) -> list[Difference]:
    """Return the differences between a run's fingerprints, all of which are accepted for continuing it.

    Args:
        folder: The run folder, for messages.
        old: The folder's.
        new: This start's.
        accept: Dotted names; a name includes all fields below it.

    Raises:
        RunError: a difference is not accepted; the message names it, both values, and the remedies.
    """
    differing = differences_of(old, new)
    refused = not_accepted(differing, accept)
    if not refused:
        return differing
    names, one = [each.field for each in refused], refused[0]
    also = f" (and another {', '.join(names[1:])})" if names[1:] else ""
    remedy = "Choose another OUT, or repeat the settings of that run."
    if not any(name.partition(".")[0] in _OTHER_SAMPLES for name in names):
        remedy = (
            "Choose another OUT, repeat the settings of that run, or accept what differs by name: "
            f"accept=[{','.join(names)}]."
        )
    raise RunError(
        f"{folder} holds a run with another {one.field}: it has {short(one.first)}, this run has "
        f"{short(one.second)}{also}. {remedy}"
    )


def accept_now(differing: Sequence[Difference], n_predictions: int) -> list[Accepted]:
    """Return differences as records for run.json, after so many predictions."""
    when = datetime.now().astimezone().isoformat(timespec="seconds")
    return [
        Accepted(field=each.field, was=each.first, now=each.second, when=when, predictions=n_predictions)
        for each in differing
    ]


def refuse_unknown(accept: Sequence[str], *fingerprints: Mapping[str, Any]) -> None:
    """Refuse a name in `accept` that no fingerprint has. Raises RunError with the nearest one."""
    known = {MEDIA, *(name for each in fingerprints for name in dotted(each))}
    for name in accept:
        if name not in known:
            raise RunError(f"accept: {name!r} is not a field that predictions depend on. {did_you_mean(name, known)}")


def dotted(fingerprint: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every field, including fields that hold others."""
    for key, value in fingerprint.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from dotted(value, f"{prefix}{key}.")


def short(value: object) -> str:
    """Return a value for a message, of bounded length."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
