"""A publication as a folder, written file by file so that whoever reads its card finds the old one or the new one.

data/<benchmark>/*.parquet    the samples, a file a run
README.md                     the card
provenance.json               results, settings and everything they depend on; the hash of each file
.eval_results/*.yaml          the headline, for the model's repository
every_eval_ever/data/.../*.json

The names of files go by the run, and the card, which names them, is written after them: a reader of a half-written
publication has the old card with its old files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from eval.analysis.leaderboard.keys import refuse_secrets
from eval.analysis.publish import every_eval_ever
from eval.analysis.publish.card import card_of
from eval.analysis.publish.hub_records import eval_results
from eval.analysis.publish.runs import PublishedRun
from eval.analysis.publish.samples import to_parquet
from eval.config import PROJECT
from eval.errors import ConfigError
from eval.files import leftover_of, make_folder, read_regular, to_jsonl, write_bytes_atomically
from eval.report.printing import one_line
from eval.runs.places import lines_naming, without_places

CARD, PROVENANCE = "README.md", "provenance.json"
FORMAT = "tarsier-eval publication 1"
"""The mark by which a folder is known as a publication, which a newer one may replace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is published: the content of each file, by its path in the folder."""

    runs: tuple[PublishedRun, ...]
    files: Mapping[str, bytes]
    naming_places: Mapping[str, int]
    """Number of samples by data file that name folders of this machine, as messages of failures do."""


def publication_of(runs: Sequence[PublishedRun], repository: str | None, licence: str | None) -> Publication:
    """Return the files of a publication; the same runs give the same bytes.

    Args:
        runs: The runs, in order.
        repository: `owner/name` on the hub, where it is to be pushed.
        licence: The hub's name of a licence for the outputs and scores.

    Raises:
        ConfigError: pyarrow is not installed, or a file would hold a key.
        DataError: a sample does not fit its columns.
    """
    source = None if repository is None else f"https://huggingface.co/datasets/{repository}"
    owner = None if repository is None else repository.partition("/")[0]
    values: dict[str, dict[str, None]] = {}
    for run in runs:
        values.setdefault(run.config, {}).update(dict.fromkeys(run.values))
    told: dict[str, bytes] = {}
    files: dict[str, bytes] = {}
    for run in runs:
        told[run.data_file] = to_jsonl(run.rows)
        files[run.data_file] = to_parquet(run.rows, [*values[run.config]])
        if entries := eval_results(run, source):
            told[f".eval_results/{run.config}-{run.stem}.yaml"] = _yaml(entries)
        if record := every_eval_ever.record_of(run, owner):
            told[every_eval_ever.place_of(run)] = _json(record)
    files |= {name: content for name, content in told.items() if name not in files}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    told[PROVENANCE] = _json({"format": FORMAT, "runs": [_told(run) for run in runs], "files": sums})
    told[CARD] = card_of(runs, repository, licence).encode("utf-8")
    refuse_secrets(told, _key_variables(runs), settings=[name for name in told if not name.startswith("data/")])
    places = {str(PROJECT), str(Path.home()), *(str(run.result.provenance.get("data") or "") for run in runs)}
    naming = lines_naming(places, {name: told[name] for name in told if name.startswith("data/")})
    files |= {name: told[name] for name in (PROVENANCE, CARD)}
    return Publication(runs=tuple(runs), files=files, naming_places=naming)


def refuse_other(to: Path) -> None:
    """Raise ConfigError where a folder holds anything but an earlier publication."""
    if to.exists() and not to.is_dir():
        raise ConfigError(f"--to {to} is a file; give a folder.")
    ours = {CARD, PROVENANCE, *_files_of(to)} if _provenance_in(to) else set()
    other = next((name for name in _found(to) if name not in ours and leftover_of(to / name) is None), None)
    if other is not None:
        raise ConfigError(
            f"--to {to} holds other files, such as {one_line(other, 120)}; take them out, or give a new folder, an "
            "empty one, or that of a publication."
        )


def write(publication: Publication, to: Path) -> None:
    """Write a publication, in place of an earlier one.

    Raises:
        ConfigError: the folder holds something else.
        RunError: the disk cannot be written.
    """
    refuse_other(to)
    make_folder(to)
    before = _files_of(to)
    if earlier := _provenance_in(to):
        # The new files too, so that whatever a killed process leaves is known as a publication's.
        listed = json.loads(publication.files[PROVENANCE])["files"]
        write_bytes_atomically(to / PROVENANCE, _json({**earlier, "files": {**listed, **earlier["files"]}}))
    # The card after what it names. The list of files is last, so that the next one finds what is to be removed; but
    # first in a new folder, which it marks as a publication.
    names = [name for name in publication.files if name != PROVENANCE]
    for name in [*names, PROVENANCE] if before else [PROVENANCE, *names]:
        make_folder((to / name).parent)
        write_bytes_atomically(to / name, publication.files[name])
    ours = {*before, *publication.files}
    for name in _found(to):
        left = leftover_of(to / name)
        if name not in publication.files and (name in before or (left and _beside(name, left) in ours)):
            (to / name).unlink(missing_ok=True)
    for folder in sorted((path for path in to.rglob("*") if path.is_dir()), reverse=True):
        if not any([*folder.iterdir()]):
            folder.rmdir()


def _found(to: Path) -> list[str]:
    """Return everything in a folder but folders, by its path in it; links to folders are not followed."""
    return [
        (Path(folder) / name).relative_to(to).as_posix()
        for folder, folders, files in os.walk(to)
        for name in sorted([*files, *(each for each in folders if (Path(folder) / each).is_symlink())])
    ]


def _beside(name: str, other: str) -> str:
    return Path(name).with_name(other).as_posix()


def _provenance_in(to: Path) -> dict[str, Any]:
    """Return provenance.json of the publication in a folder; {} where there is none."""
    try:
        found = json.loads(read_regular(to / PROVENANCE))
        return {**found, "files": dict(found["files"])} if found["format"] == FORMAT else {}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def _files_of(to: Path) -> list[str]:
    """Return the files of the publication in a folder, without those that lead out of it; [] where there is none."""
    home = to.resolve()
    return [name for name in _provenance_in(to).get("files", ()) if (to / str(name)).resolve().is_relative_to(home)]


def _told(run: PublishedRun) -> Mapping[str, object]:
    return {
        "name": run.name,
        "fingerprint": run.fingerprint,
        "data_file": run.data_file,
        "held_back": run.held_back,
        "result": {**asdict(run.result), "provenance": without_places(run.result.provenance)},
        "settings": run.settings,
    }


def _key_variables(runs: Sequence[PublishedRun]) -> list[str]:
    """Return the names of the environment variables with the keys of the runs' servers."""
    parts = [run.settings.get(group) for run in runs for group in ("judge", "model")]
    named = [part.get("key_env") for part in parts if isinstance(part, Mapping)]
    return [name for name in named if isinstance(name, str)]


def _yaml(value: object) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120).encode("utf-8")


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode("utf-8", "replace")
