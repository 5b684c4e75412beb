"""Packs a run into one file, which gives the same leaderboard rows on any machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from eval import config as configuration
from eval.analysis.leaderboard.keys import refuse_secrets
from eval.analysis.leaderboard.reading import refuse_untabular
from eval.config import PROJECT
from eval.errors import ConfigError, DataError
from eval.files import absolute, read_regular, to_jsonl, write_bytes_atomically
from eval.judges.replay import ReplayJudge
from eval.readers.predictions import to_json
from eval.running.judge_session import pack_of
from eval.running.request import Place
from eval.running.rescore import build_benchmark, pairs_of, population_of
from eval.runs.bundle import POPULATION, SUFFIX, WORDING, is_bundle, pack
from eval.runs.folder import CONFIG, PREDICTIONS, RESULT, RUN, SCORES, SUBMISSION, VERDICTS, read_record, result_folder
from eval.runs.places import lines_naming, without_places
from eval.runs.scored import ScoredRun


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenBundle:
    """A bundle that was written."""

    folder: Path
    """The folder that it holds."""
    path: Path
    """Its file."""
    files: tuple[str, ...]
    """Names of the files in it."""
    n_predictions: int
    """Number of predictions in it."""
    size: int
    """Its bytes."""
    sha256: str
    """The hash of its bytes."""
    naming_places: Mapping[str, int]
    """Number of lines by file that still contain paths of this machine: messages name the file that failed."""


def bundle_run(run: Place, to: Place, overrides: Sequence[str] = ()) -> WrittenBundle:
    """Write the folder of a run, or of a score, as one bundle.

    Args:
        run: The folder.
        to: The file.
        overrides: Further settings, such as `protocol.pack=<folder>`.

    Raises:
        ConfigError: the file can't be written there, would contain a key, or predictions or wording are missing.
        DataError, RunError: something in the folder is damaged, or has changed since it was scored.
    """
    scored = _read(run)
    configuration.refuse_unused("bundle", overrides)
    return _write(scored, to, overrides)


def bundle_judged(run: Place, to: Place, overrides: Sequence[str] = ()) -> tuple[WrittenBundle, ReplayJudge]:
    """Write the folder of a run that a server judged as one bundle, and return it with the recorded judge.

    Raises:
        ConfigError: no server judged it, or as bundle_run does.
        DataError, RunError: as bundle_run does.
    """
    scored = _read(run)
    configuration.refuse_unused("judge export", overrides)
    judge = ReplayJudge(bundle=scored.folder)
    judge.require_served()
    return _write(scored, to, overrides), judge


def _read(run: Place) -> ScoredRun:
    scored = ScoredRun.read(result_folder(run))
    refuse_untabular(scored)
    return scored


def _write(scored: ScoredRun, name: Place, overrides: Sequence[str]) -> WrittenBundle:
    to = _bundle_file(name)
    files = _files(scored, overrides)
    settings = scored.settings
    judge = settings.get("judge")
    variable = judge.get("key_env") if isinstance(judge, Mapping) else None
    refuse_secrets(files, [variable] if isinstance(variable, str) else [], settings=(CONFIG, RUN, RESULT))
    content = pack(files)
    write_bytes_atomically(to, content)
    return WrittenBundle(
        folder=scored.folder,
        path=to,
        files=tuple(files),
        n_predictions=scored.result.counts.total,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        naming_places=_naming_places(files, scored),
    )


def _bundle_file(name: Place) -> Path:
    """Return the path of a new bundle. Raises ConfigError where it is not allowed, or would replace another file."""
    path = absolute(name)
    if not path.name.endswith(SUFFIX):
        raise ConfigError(f"--to {name}: a bundle's name ends in {SUFFIX}.")
    if not path.parent.is_dir():
        raise ConfigError(f"--to {name}: the folder {path.parent} does not exist.")
    if path.is_dir() or (path.exists() and not is_bundle(path)):
        raise ConfigError(f"--to {name} is there already and is not a bundle; choose another file.")
    return path


def _files(scored: ScoredRun, overrides: Sequence[str]) -> dict[str, bytes]:
    folder = scored.folder
    files = {name: read_regular(folder / name) for name in (SCORES, VERDICTS, SUBMISSION) if (folder / name).exists()}
    benchmark = build_benchmark(scored)
    pairs = pairs_of(scored, benchmark)
    total = scored.result.counts.total
    if len(pairs) != total:
        raise DataError(
            f"{folder} has {len(pairs)} predictions, and its result counts {total}: they have changed since. Score "
            "them again, and bundle that."
        )
    own = folder / PREDICTIONS
    files[PREDICTIONS] = read_regular(own) if own.exists() else to_jsonl(to_json(*pair) for pair in pairs)
    about = scored.raw["provenance"]
    # The fields that identify the score stay exactly as they are: their hash is part of the row.
    placeless = {**without_places(about), "scorer": about["scorer"]}
    files[RESULT] = _json({**scored.raw, "provenance": placeless})
    if (folder / CONFIG).exists():
        files[CONFIG] = yaml.safe_dump(without_places(scored.settings), sort_keys=False, allow_unicode=True).encode(
            "utf-8"
        )
    if (folder / RUN).exists():
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
    if sha256 and path.exists() and hashlib.sha256(read_regular(path)).hexdigest() != sha256:
        raise DataError(f"{path} is not as the run wrote it. Restore it, or run again, which writes it anew.")


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode("utf-8")


def _naming_places(files: Mapping[str, bytes], scored: ScoredRun) -> dict[str, int]:
    """Return the number of lines with paths of this machine in each file that has some."""
    about = scored.result.provenance
    return lines_naming({str(PROJECT), str(Path.home()), str(scored.folder), str(about.get("data") or "")}, files)
