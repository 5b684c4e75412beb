"""The gate's record of each sample and each fixed check, and the file that stores them.

A baseline is JSON lines: first the versions and hashes it was made with, then one record a line. The same observations
give the same bytes, so that a renewal's diff shows only real changes: the file holds no date, path or time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.errors import DataError, RunError
from eval.files import make_folder, read_regular, to_jsonl, write_bytes_atomically
from eval.readers.rows import Row
from eval.runs.fields import mapping

FORMAT = 1
"""Version of the file format; files of another version cannot be compared."""

FIELDS: Mapping[str, str] = {
    "settings": "what the model and the scorer say they were set to",
    "annotations": "prompts, targets and spans of the whole benchmark, read from each of its sources",
    "sample": "what is shown, asked and expected",
    "indices": "which frames a clip of so many has sampled",
    "decoded": "frames as decoded: size and hash of each",
    "frames": "frames as the model gets them: hash of each",
    "prompt": "the text as sent",
    "ids": "input ids, in runs",
    "positions": "positions of the input ids in time, height and width: the last, and a hash of all",
    "pixels": "pixel values: hash, mean and deviation of each channel",
    "error": "why there is no output",
    "attended": "what attention gives on drawn numbers",
    "half_attended": "the same in half precision",
    "half_logprobs": "the likeliest first tokens in half precision",
    "logprobs": "the likeliest first tokens, asked together with others",
    "output": "the output, asked together with others, ended where its score is settled",
    "alone_logprobs": "the likeliest first tokens, asked alone",
    "alone_output": "the whole output, asked alone",
    "counts": "tokens and positions, and the outputs that were cut off",
    "asked": "what a judge or a model behind a server is asked",
    "verdict": "what is read in a reply",
    "answer": "the answer that was read",
    "status": "what became of the sample",
    "values": "its values by metric",
    "score": "everything else of its score",
    "aggregate": "a metric over samples",
    "resume": "whether a run that was cut goes on to the same files",
}
"""Every field, in the order of computation: the first one that differs is nearest to the cause."""

TOLERANCES: Mapping[str, float] = {
    "logprobs": 1e-3, "alone_logprobs": 1e-3, "half_logprobs": 0.1, "attended": 1e-4, "half_attended": 0.01,
    "pixels": 1e-5,
}  # fmt: skip
"""Allowed differences of a field's numbers. Batches and threads change a log-probability of the built-in checkpoint by
1e-5, and the smallest planted fault changes one by 9e-3. A number of bf16 is rounded by 0.4%, by each kernel in its own
way."""

ROUNDING = 1e-9
"""Allowed difference of any other number: sums in another order, and special functions of another scipy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The observations of one sample, or of one fixed check."""

    benchmark: str
    """The benchmark; `fixed` for checks without a model, `resume` for interrupted runs."""
    id: str
    """The sample's id, or the name of the check."""
    fields: Mapping[str, Any]
    """Values by field, as JSON holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All of the gate's records, with the versions and hashes they were made with."""

    checkpoint: str
    """SHA-256 of the checkpoint's files."""
    world: str
    """SHA-256 of the built-in world's list of files and their hashes."""
    libraries: Mapping[str, str]
    """Versions of the libraries that compute frames and outputs: shown with differences, never a reason to fail."""
    records: Sequence[Record]


def content(observation: Observation) -> bytes:
    """Return the bytes of the file that holds an observation."""
    head = {
        "format": FORMAT,
        "checkpoint": observation.checkpoint,
        "world": observation.world,
        "libraries": dict(sorted(observation.libraries.items())),
    }
    order = list(FIELDS)
    rows = [
        {**asdict(record), "fields": {name: record.fields[name] for name in sorted(record.fields, key=order.index)}}
        for record in observation.records
    ]
    return to_jsonl([head, *rows])


def as_kept(observation: Observation) -> Observation:
    """Return an observation as read back from its file: tuples as lists, keys as texts."""
    return parse(content(observation), Path("(observed now)"))


def write(path: Path, observation: Observation) -> None:
    """Write a baseline atomically. Raises RunError where the disk cannot be written."""
    make_folder(path.parent)
    write_bytes_atomically(path, content(observation))


def read(path: Path) -> Observation:
    """Read a baseline. Raises RunError where there is none, or it is damaged or of another format."""
    try:
        return parse(read_regular(path), path)
    except FileNotFoundError:
        raise RunError(f"{path}: there is no baseline. Make one where all is well: make baseline.") from None
    except OSError as error:
        raise RunError(f"{path}: the baseline cannot be read: {error.strerror}.") from error


def parse(text: bytes, path: Path) -> Observation:
    """Return the observation in a baseline's bytes; `path` is for messages. Raises RunError."""
    number = 1
    try:
        # Split at "\n" only: a text may contain other characters that count as line ends elsewhere.
        head, *lines = text.decode("utf-8").removesuffix("\n").split("\n")
        given = mapping(json.loads(head), "the first line")
        if (version := given.get("format")) != FORMAT:
            raise RunError(f"{path}: the baseline has format {version!r}, not {FORMAT}. Renew it: make baseline.")
        records = []
        for number, line in enumerate(lines, 2):  # noqa: B007 - the message below names it
            row = Row(mapping(json.loads(line), "the line"), "it")
            records.append(Record(benchmark=row.text("benchmark"), id=row.text("id"), fields=row.row("fields").fields))
        head_row, number = Row(given, "it"), 1
        libraries = head_row.row("libraries")
        found = Observation(
            checkpoint=head_row.text("checkpoint"),
            world=head_row.text("world"),
            libraries={name: libraries.text(name) for name in libraries.fields},
            records=records,
        )
    except (ValueError, DataError) as error:
        raise RunError(
            f"{path}:{number}: no baseline, or a damaged one: {error}. Restore the file from git, or make baseline."
        ) from error
    if odd := sorted({name for record in found.records for name in record.fields} - FIELDS.keys()):
        raise RunError(
            f"{path}: the baseline has the unknown field {odd[0]!r}. Restore the file from git, or make baseline."
        )
    return found
