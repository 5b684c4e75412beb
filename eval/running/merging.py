"""Joins the shards of a run, which were predicted apart, into one run folder: that of the undivided run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval import config as configuration
from eval.analysis.plan.media import survey
from eval.config.overrides import shard_of
from eval.core import FramePolicy, ModelDefaults, Prediction, Result, StopWhen
from eval.engines.engine import WorkerTimes
from eval.engines.groups import ClipGroup, Predicted
from eval.errors import ConfigError, DataError, RunError
from eval.files import absolute
from eval.readers.predictions import read_run
from eval.running.benchmark_run import Job
from eval.running.judge_session import Judging
from eval.running.loop import run
from eval.running.outcome import stamp
from eval.running.reporting import print_page
from eval.running.start import job_of
from eval.runs.bundle import refuse_bundle
from eval.runs.checksums import verify
from eval.runs.differences import differences_of
from eval.runs.fields import mapping
from eval.runs.folder import CONFIG, PREDICTIONS, REPORT, RESULT, RUN
from eval.runs.record import RunRecord, read_record, short
from eval.runs.result import read_result
from eval.runs.thumbnails import with_content
from eval.timing import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class _ShardFolder:
    """A shard's folder."""

    folder: Path
    record: RunRecord

    @property
    def shard(self) -> str:
        """Its number and how many there are, such as `3/16`."""
        return str(self.record.fingerprint["shard"])

    @property
    def number(self) -> int:
        """Its number, from 1."""
        return int(self.shard.partition("/")[0])

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that its predictions depend on, but for the shard."""
        return {name: value for name, value in self.record.fingerprint.items() if name != "shard"}


def merge(runs: Sequence[str | Path], out: str | Path | None = None) -> list[Result]:
    """Join shards into one run, score it, and return its result; of several benchmarks, one for each.

    Args:
        runs: The run folders of all shards, in any order; or the folders of several benchmarks each.
        out: The run folder to be made.

    Raises:
        ConfigError: A folder holds no shard.
        RunError: They are not the shards of one run, one is missing or unfinished, or a sample comes twice.
    """
    folders = [absolute(name) for name in runs]
    if not folders:
        raise ConfigError("--runs: give the run folders of all shards.")
    base = absolute(out) if out is not None else configuration.RUNS / f"{stamp()}-merged"
    for folder in folders:
        refuse_bundle(folder)
        if not folder.is_dir():
            raise ConfigError(f"There is no folder {folder}; give the run folders of shards, which SHARD=1/2 makes.")
    inside = [sorted(path.parent.name for path in folder.glob(f"*/{RUN}")) for folder in folders]
    if not any((folder / RUN).exists() for folder in folders) and all(inside):
        for folder, names in zip(folders, inside, strict=True):
            if names != inside[0]:
                raise RunError(f"{folder} holds other benchmarks ({', '.join(names)}) than {', '.join(inside[0])}.")
        results = [_merged([folder / name for folder in folders], base / name) for name in inside[0]]
        print_page(base, wanted=any(base.glob(f"*/{REPORT}")))
        return results
    return [_merged(folders, base)]


def _merged(folders: Sequence[Path], out: Path) -> Result:
    parts = _checked([_part(folder) for folder in folders])
    first = parts[0]
    settings = configuration.settings_in(first.folder / CONFIG, shard=None, out=str(out))
    subsets = (first.identity.get("part") or {}).get("subsets") or ()
    job = job_of(settings, out, Judging(settings), subsets)
    expected = {name: first.identity.get(name) for name in job.identity if name not in _OF_NOW}
    if moved := differences_of(expected, {name: value for name, value in job.identity.items() if name not in _OF_NOW}):
        raise RunError(
            f"The annotations are not those of the shards any more: {moved[0].field} was {short(moved[0].first)}, and "
            f"is {short(moved[0].second)}. Merge where they are as they were."
        )
    found = _predictions(parts, job)
    _refuse_other(out, found, job)
    model = first.record.fingerprint["model"]
    identity = {name: value for name, value in first.identity.items() if name != "model"}
    job = replace(job, identity=identity, timed=False, media=survey(job.samples))
    session = _Recorded(_RecordedModel(model), found, [part.folder for part in parts])
    (result,) = run([job], session)
    return result


_OF_NOW = ("code", "libraries", "decoder", "plugins")
"""Fields that tell how predictions are made; those of the shards count, not those of this process."""


def _part(folder: Path) -> _ShardFolder:
    if not (folder / RUN).is_file():
        raise ConfigError(f"{folder} holds no {RUN}: give the run folders of shards, which SHARD=1/2 makes.")
    record = read_record(folder)
    if (folder / RESULT).exists():
        verify(folder, read_result(folder)[1], PREDICTIONS)
    if "shard" not in record.fingerprint:
        raise ConfigError(f"{folder} is a whole run and no shard; leave it out.")
    try:
        shard_of(str(record.fingerprint["shard"]))
        mapping(record.fingerprint.get("model"), "fingerprint.model")
    except (ConfigError, DataError) as error:
        raise RunError(f"{folder / RUN} is damaged ({error}). Restore it, or predict that shard again.") from error
    return _ShardFolder(folder=folder, record=record)


def _checked(parts: Sequence[_ShardFolder]) -> list[_ShardFolder]:
    """Return the shards in order. Raises RunError where they are not all shards of one run."""
    first = parts[0]
    n = int(first.shard.partition("/")[2])
    for part in parts[1:]:
        if part.shard.partition("/")[2] != str(n):
            raise RunError(f"{part.folder} is shard {part.shard}, and {first.folder} is shard {first.shard}.")
        if differing := differences_of(first.identity, part.identity):
            one = differing[0]
            raise RunError(
                f"{part.folder} is of another run than {first.folder}: its {one.field} is {short(one.second)}, and not "
                f"{short(one.first)}. Merge shards of one run."
            )
    for part in parts:
        if part.record.accepted:
            raise RunError(f"{part.folder} was continued with other settings (accepted); predict that shard again.")
    of_number = {part.number: part for part in parts}
    if len(of_number) < len(parts):
        twice = next(part for part in parts if of_number[part.number] is not part)
        raise RunError(
            f"{twice.folder} and {of_number[twice.number].folder} are both shard {twice.shard}; give each shard once."
        )
    if missing := [str(number) for number in range(1, n + 1) if number not in of_number]:
        raise RunError(f"Shard {', '.join(missing)} of {n} is missing; predict it with SHARD={missing[0]}/{n}.")
    return [of_number[number] for number in sorted(of_number)]


def _predictions(parts: Sequence[_ShardFolder], job: Job) -> dict[str, Prediction]:
    """Return the prediction of each sample. Raises RunError where one has none, or two shards have it."""
    ids = {sample.id for sample in job.samples}
    found: dict[str, Prediction] = {}
    owner: dict[str, _ShardFolder] = {}
    for part in parts:
        path = part.folder / PREDICTIONS
        for _, prediction in read_run(path, job.benchmark.name, ids) if path.exists() else ():
            if owner.setdefault(prediction.id, part) is not part:
                raise RunError(
                    f"{prediction.id} is in {owner[prediction.id].folder} and in {part.folder}: the shards overlap, "
                    "since their clips were grouped otherwise. Predict them on machines of one kind."
                )
            if prediction.id not in found or found[prediction.id].error is not None:
                found[prediction.id] = prediction
    if absent := [name for name in ids if name not in found]:
        raise RunError(
            f"{len(absent)} of {len(ids)} samples are in no shard, such as {min(absent)}: a shard is not finished. "
            "Continue it with the same command and its folder as OUT."
        )
    return found


def _refuse_other(out: Path, found: Mapping[str, Prediction], job: Job) -> None:
    """Refuse a folder with predictions that are not those of the shards, such as of an earlier merge of them."""
    path = out / PREDICTIONS
    for _, there in read_run(path, job.benchmark.name, set(found)) if path.exists() else ():
        if there != found[there.id]:
            raise RunError(f"{out} holds another prediction of {there.id} than the shards. Choose another OUT.")


class _RecordedModel(ModelDefaults):
    """The model of the shards, as they recorded it."""

    # Any sample can be shown: what could not be is recorded as failed.
    frames = FramePolicy(n_frames=1, rule="tarsier2")

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.name = str(description.get("name"))
        self._description = description

    def clips_at_once(self, n_prompts: int) -> int:  # noqa: ARG002
        """Return 1."""
        return 1

    def describe(self) -> Mapping[str, Any]:
        """Return what the shards recorded."""
        return self._description


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A session that gives the recorded predictions."""

    model: _RecordedModel
    found: Mapping[str, Prediction]
    folders: Sequence[Path]
    workers: Sequence[WorkerTimes] = ()

    def seconds_left(self) -> float | None:
        """Return None: it takes no time."""
        return None

    def predict(
        self, groups: Sequence[ClipGroup], *, settled: Mapping[str, StopWhen | None], clock: Clock
    ) -> Iterator[Predicted]:
        """Yield the samples of each group with what was recorded."""
        del settled, clock
        for group in groups:
            yield [(sample, self._with_strip(self.found[sample.id])) for sample in group.samples]

    def _with_strip(self, prediction: Prediction) -> Prediction:
        strip = prediction.strip
        return prediction if strip is None else replace(prediction, strip=with_content(strip, self.folders))
