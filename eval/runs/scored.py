"""A finished run, read here for all code that compares, explains, collects, packs or draws results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from eval.core import Prediction, Result, Sample, Score
from eval.errors import ConfigError, DataError, RunError
from eval.files import read_regular, read_regular_text
from eval.provenance import digest, files_hash
from eval.readers.predictions import read_run
from eval.readers.rows import short
from eval.runs.bundle import unpacked
from eval.runs.checksums import verify, verify_settings
from eval.runs.folder import CONFIG, PREDICTIONS, RESULT, RUN, SCORES, VERDICTS, read_record
from eval.runs.places import without_places
from eval.runs.record import Accepted
from eval.runs.result import AGAIN, accepted_in, read_result, read_scores

BUILTIN = "built-in"
"""Entry of provenance in place of a folder for the built-in world's data."""

_ABOUT_SCORING = frozenset({
    "accepted", "annotations", "data", "date", "predictions", "predictions_sha256", "read_from", "rows_passed_over",
    "scored_with", "scorer", "versions",
})  # fmt: skip
"""Fields of a result's provenance beyond the fingerprint of its run."""


@dataclass(frozen=True, kw_only=True)
class ScoredRun:
    """The folder of a run, or of a score of predictions, that has a result.

    Only result.json is read at first. Everything else is read, and checked, when it is asked for.
    """

    folder: Path
    """The folder."""
    result: Result
    """The content of result.json."""
    raw: Mapping[str, Any]
    """The raw JSON of result.json."""

    @classmethod
    def read(cls, folder: Path) -> ScoredRun:
        """Read a folder.

        Raises:
            RunError: there is no such folder, or no result in it.
            DataError: the result is of another version, or damaged.
        """
        result, raw = read_result(folder)
        return cls(folder=folder, result=result, raw=raw)

    @classmethod
    @contextmanager
    def open(cls, place: Path) -> Iterator[ScoredRun]:
        """Open a folder, or a bundle, which stays unpacked until the block ends. Raises as `read` does."""
        with unpacked(place) as folder:
            yield cls.read(folder)

    @property
    def benchmark(self) -> str:
        """Name of the benchmark."""
        return self.result.benchmark

    @property
    def scorer(self) -> Mapping[str, Any]:
        """The scorer's identity, as the scorer describes itself."""
        found: Mapping[str, Any] = self.result.provenance["scorer"]
        return found

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Everything that the predictions depend on, as far as the folder records it."""
        return {key: value for key, value in self.result.provenance.items() if key != "scorer"}

    @property
    def date(self) -> str:
        """Time of scoring, ISO 8601, or ""."""
        about = self.result.provenance
        again = about.get("scored_with")
        return str((again if isinstance(again, Mapping) else about).get("date") or "")

    @property
    def probe(self) -> str | None:
        """Name of the probe that it is, whose numbers are none of the benchmark; None for any other run."""
        found = self.result.provenance.get("probe")
        return None if found is None else str(found)

    @property
    def is_builtin(self) -> bool:
        """Whether it is of the built-in world, as far as the result records it."""
        return self.result.provenance.get("data") == BUILTIN

    @cached_property
    def scores(self) -> Mapping[str, Score]:
        """The scores by sample id, in the order of the file.

        Raises:
            RunError: there are none, or not those that the result was computed from.
            DataError: a line does not fit the format.
        """
        scores = read_scores(self.folder, self.raw)
        if not scores:
            raise RunError(f"{self.folder / SCORES} is empty. Choose another folder, or score the predictions again.")
        return scores

    @cached_property
    def predictions(self) -> list[tuple[Sample, Prediction]]:
        """The predictions in the folder, or those named as the source of its scores.

        Predictions that moved, or have another format, are no error: the list is then empty. So they are only for
        people to read, not for computations.
        """
        places = [self.folder / PREDICTIONS]
        source = self.result.provenance.get("predictions")
        if isinstance(source, str):
            places += [Path(source) / PREDICTIONS, Path(source)]
        for path in places:
            with suppress(DataError, ValueError):
                return read_run(path)
        return []

    @property
    def predictions_folder(self) -> Path:
        """The folder of the predictions: this one, or the one named as the source of its scores."""
        source = self.result.provenance.get("predictions")
        own = (self.folder / PREDICTIONS).is_file() or not isinstance(source, str)
        return self.folder if own else Path(str(source)) if Path(str(source)).is_dir() else Path(str(source)).parent

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """Raw outputs by sample id, where predictions are available: for people to read."""
        return {sample.id: said.output for sample, said in self.predictions if said.output is not None}

    @cached_property
    def scored_from(self) -> Path | None:
        """The file, or folder of files, with the very predictions that were scored; None where none is left."""
        own, about = self.folder / PREDICTIONS, self.result.provenance
        with suppress(RunError, OSError):
            if own.is_file():
                verify(self.folder, self.raw, PREDICTIONS)
                return own
            if named := about.get("predictions"):
                source = Path(str(named))
                path = source / PREDICTIONS if (source / PREDICTIONS).is_file() else source
                files = [path] if path.is_file() else sorted(path.glob("*.jsonl"))
                if files and files_hash(files) == about.get("predictions_sha256"):
                    return path
        return None

    @cached_property
    def media(self) -> Mapping[str, str]:
        """The media files of each sample, by `eval.video.identity.media_id`, as recorded in the scored predictions.

        Empty where the predictions are no longer, byte for byte, the scored ones, or have another format.
        """
        path = self.scored_from
        if path is not None and path.is_file():
            with suppress(DataError, ValueError):
                return {said.id: said.media for _, said in read_run(path) if said.media is not None}
        return {}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The run's settings from its config.yaml; {} where it has none. Raises DataError."""
        return read_settings(self.folder)

    @cached_property
    def accepted(self) -> tuple[Accepted, ...]:
        """The differences with which the run was continued, accepted by its user. Raises DataError."""
        return accepted_in(self.result.provenance, self.folder / RESULT)

    @cached_property
    def made_by(self) -> Mapping[str, Any]:
        """Everything that the predictions depend on; paths of this machine are cut to names.

        A run records it in run.json, and a score of a run copies it into its result. Of a prediction file from
        elsewhere only the content is known.
        """
        if (self.folder / RUN).exists():
            record = read_record(self.folder)
            made_by, accepted = dict(record.fingerprint), record.accepted
        else:
            about = self.result.provenance
            made_by = {name: value for name, value in about.items() if name not in _ABOUT_SCORING}
            made_by = made_by or {"predictions_sha256": about.get("predictions_sha256")}
            accepted = self.accepted
        if accepted:
            # Some predictions were made with the older settings, so a run continued this way is a different one.
            made_by["accepted"] = [{**asdict(each), "when": None} for each in accepted]
        found: Mapping[str, Any] = without_places(made_by)
        return found

    @cached_property
    def predictions_sha256(self) -> str:
        """Hash of the predictions, from the result or of predictions.jsonl."""
        named = self.result.provenance.get("predictions_sha256")
        path = self.folder / PREDICTIONS
        return str(named or "") if named or not path.exists() else _sha256(path)

    @cached_property
    def scores_sha256(self) -> str:
        """Hash of scores.jsonl."""
        return _sha256(self.folder / SCORES)

    @property
    def fingerprint(self) -> str:
        """Hash of everything that predictions and scores depend on."""
        return digest({"made_by": self.made_by, "scored_by": self.scorer}, 16)

    def verify(self) -> None:
        """Check that the files beside the result are those that it was computed from. Raises RunError."""
        for name in (SCORES, VERDICTS, PREDICTIONS):
            verify(self.folder, self.raw, name)
        verify_settings(self.folder, self.raw)


def read_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of a run from its config.yaml; {} where it has none. Raises DataError."""
    path = folder / CONFIG
    if not path.exists():
        return {}
    try:
        found = yaml.safe_load(read_regular_text(path))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise damaged(path, " ".join(str(error).split())) from error
    if not isinstance(found, dict):
        raise damaged(path, f"it holds {short(found)}, and settings are needed")
    return found


def damaged(path: Path, why: str) -> DataError:
    """Return the error about a damaged file of a run."""
    return DataError(f"{path} is damaged ({why}). Restore it, or run again.")


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(read_regular(path)).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. {AGAIN}") from error


def by_benchmark(runs: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Return the folders of runs by their benchmarks. Raises ConfigError where two are of one benchmark."""
    found: dict[str, Path] = {}
    for benchmark, folder in runs:
        if benchmark in found:
            raise ConfigError(f"{found[benchmark]} and {folder} are both of {benchmark!r}; give one of them.")
        found[benchmark] = folder
    return found
