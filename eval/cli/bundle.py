"""`tarsier-eval bundle`: a run in one file, which gives the same leaderboard rows on any machine."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from eval import config as configuration
from eval.analysis.leaderboard.keys import refuse_secrets
from eval.analysis.leaderboard.reading import refuse_untabular
from eval.config import PROJECT
from eval.errors import ConfigError, DataError
from eval.files import to_jsonl, write_bytes_atomically
from eval.judges.replay import ReplayJudge
from eval.readers.predictions import to_json
from eval.running.judge_session import pack_of
from eval.running.outcome import say
from eval.running.rescore import build_benchmark, pairs_of, population_of
from eval.runs.bundle import POPULATION, SUFFIX, WORDING, is_bundle, pack
from eval.runs.folder import CONFIG, PREDICTIONS, RESULT, RUN, SCORES, SUBMISSION, VERDICTS, read_record
from eval.runs.places import without_places
from eval.runs.scored import ScoredRun


def bundle(given: argparse.Namespace) -> bool:
    """Write a run, or a score, as one bundle."""
    run = ScoredRun.read(result_folder(given.run))
    refuse_untabular(run)
    write_bundle(run, given.to, given.overrides)
    return True


def result_folder(name: str) -> Path:
    """Return the folder of a run or a score given by name. Raises ConfigError where it holds no result."""
    folder = Path(name).expanduser().resolve()
    if not (folder / RESULT).is_file():
        raise ConfigError(f"{name!r} holds no {RESULT}: give the folder of a run that is through, or of a score.")
    return folder


def write_bundle(scored: ScoredRun, name: str, overrides: Sequence[str]) -> None:
    """Write a folder's content as one bundle, and print a message.

    Args:
        scored: The folder.
        name: The file, as the user gives it.
        overrides: Further settings, such as `protocol.pack=<folder>`.

    Raises:
        ConfigError: the file can't be written there, would contain a key, or predictions or wording are missing.
        DataError, RunError: something in the folder is damaged, or has changed since it was scored.
    """
    to = _bundle_file(name)
    folder = scored.folder
    files = _files(scored, overrides)
    settings = scored.settings
    judge = settings.get("judge")
    variable = judge.get("key_env") if isinstance(judge, Mapping) else None
    refuse_secrets(files, [variable] if isinstance(variable, str) else [], settings=(CONFIG, RUN, RESULT))
    content = pack(files)
    write_bytes_atomically(to, content)
    for line in _places_left(files, scored):
        say(line)
    sha256 = hashlib.sha256(content).hexdigest()
    print(f"{', '.join(files)} of {folder} written to {to}: {len(content)} bytes, sha256 {sha256}.")


def _bundle_file(name: str) -> Path:
    """Return the path of a new bundle. Raises ConfigError where it is not allowed, or would replace another file."""
    path = Path(name).expanduser().resolve()
    if not path.name.endswith(SUFFIX):
        raise ConfigError(f"--to {name}: a bundle's name ends in {SUFFIX}.")
    if not path.parent.is_dir():
        raise ConfigError(f"--to {name}: the folder {path.parent} does not exist.")
    if path.is_dir() or (path.exists() and not is_bundle(path)):
        raise ConfigError(f"--to {name} is there already and is no bundle; choose another file.")
    return path


def _files(scored: ScoredRun, overrides: Sequence[str]) -> dict[str, bytes]:
    folder = scored.folder
    files = {name: (folder / name).read_bytes() for name in (SCORES, VERDICTS, SUBMISSION) if (folder / name).is_file()}
    benchmark = build_benchmark(scored)
    pairs = pairs_of(scored, benchmark)
    total = scored.result.counts.total
    if len(pairs) != total:
        raise DataError(
            f"{folder} has {len(pairs)} predictions, and its result counts {total}: they have changed since. Score "
            "them again, and bundle that."
        )
    own = folder / PREDICTIONS
    files[PREDICTIONS] = own.read_bytes() if own.is_file() else to_jsonl(to_json(*pair) for pair in pairs)
    about = scored.raw["provenance"]
    # The fields that identify the score stay exactly as they are: their hash is part of the row.
    placeless = {**without_places(about), "scorer": about["scorer"]}
    files[RESULT] = _json({**scored.raw, "provenance": placeless})
    if (folder / CONFIG).is_file():
        files[CONFIG] = yaml.safe_dump(without_places(scored.settings), sort_keys=False, allow_unicode=True).encode(
            "utf-8"
        )
    if (folder / RUN).is_file():
        record = asdict(read_record(folder))
        _refuse_other_config(folder, record["config_sha256"])
        config = hashlib.sha256(files[CONFIG]).hexdigest() if CONFIG in files else None
        files[RUN] = _json({**without_places(record), "config_sha256": config})
    if "judge" in about["scorer"]:
        settings = configuration.load_settings([f"benchmark={benchmark.name}", *overrides])
        # This reads the verdicts too, so that a bundle that cannot be replayed is not written.
        protocol = ReplayJudge(bundle=folder).protocol(pack_of(settings))
        files[WORDING] = _json(asdict(protocol.wording))
    population = population_of(scored, benchmark, pairs)
    if {sample.id for sample in population} != {sample.id for sample, _ in pairs}:
        files[POPULATION] = to_jsonl({"id": sample.id, "targets": list(sample.targets)} for sample in population)
    return files


def _refuse_other_config(folder: Path, sha256: str | None) -> None:
    """Raise DataError where config.yaml is not the one that the run wrote."""
    path = folder / CONFIG
    if sha256 and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DataError(f"{path} is not as the run wrote it. Restore it, or run again, which writes it anew.")


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode("utf-8")


def _places_left(files: Mapping[str, bytes], scored: ScoredRun) -> list[str]:
    """Return a line for each file that still contains paths of this machine: messages name the file that failed."""
    about = scored.result.provenance
    places = {str(PROJECT), str(Path.home()), str(scored.folder), str(about.get("data") or "")}
    known = [place.encode() for place in places if place.startswith("/") and len(place) > 1]
    counts = {
        name: sum(any(place in line for place in known) for line in content.splitlines())
        for name, content in files.items()
    }
    return [
        f"{count} lines of {name} name folders of this machine, as error messages do; they are packed as they are."
        for name, count in counts.items()
        if count
    ]
