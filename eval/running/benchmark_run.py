"""One benchmark of a run in progress: its job, its folder, what is done, and its result."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from eval.analysis.plan.media import MediaSurvey, unreadable_in, write_missing, write_unreadable
from eval.analysis.plan.view import missing_lines, unreadable_lines
from eval.config import Settings
from eval.config.makefile import as_typed
from eval.core import Benchmark, ModelFacts, Prediction, Result, Sample, StopWhen
from eval.engines.engine import WorkerTimes
from eval.engines.groups import Predicted
from eval.errors import JudgeError, RunError, TarsierEvalError
from eval.judges.transcript import Transcript
from eval.readers.predictions import read_run, to_json
from eval.readers.submission import is_withheld
from eval.report.judging import serving_line
from eval.report.printing import counted
from eval.report.terminal import projection, timing_line
from eval.report.timeline import timeline
from eval.running.correcting import corrected
from eval.running.judge_session import Judging, judged, notes_of
from eval.running.media_check import coverage
from eval.running.outcome import BUILTIN_NOTE, origin, say, submitted, write_and_show
from eval.running.repeating import repeated
from eval.running.score import score_predictions
from eval.running.serving import Serving
from eval.running.tracking import track
from eval.runs.differences import Difference
from eval.runs.folder import MISSING, PREDICTIONS, TIMELINE, UNREADABLE, open_run, write_atomically, write_jsonl
from eval.runs.progress import PROGRESS
from eval.runs.record import MEDIA, Accepted, short
from eval.runs.result import read_result
from eval.runs.thumbnails import keep_strips
from eval.timing import Clock, Lap


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One benchmark of a run, with its settings checked."""

    settings: Settings
    benchmark: Benchmark
    judging: Judging
    transcript: Transcript | None
    """Requests to the judge and its replies, where the benchmark is judged."""
    samples: Sequence[Sample]
    """Samples to predict."""
    population: Sequence[Sample]
    """All samples of the split; a corpus metric takes its statistics from them."""
    read_from: Mapping[str, Any]
    """Source of the annotations: files, commit on the hub, rows left out."""
    identity: Mapping[str, Any]
    """Everything that predictions depend on, except the model."""
    out: Path
    timed: bool = True
    """Whether its predictions are made now, so that their times are of use."""
    media: MediaSurvey | None = None
    """Which of its media are there, where that was looked at."""
    changed: Difference | None = None
    """The accepted difference between the files that a resumed run was made from and those on disk now."""


class BenchmarkRun:
    """One job in progress. It keeps only the ids of finished samples in memory; the rest is on disk."""

    def __init__(self, job: Job, model: ModelFacts, clock: Clock) -> None:
        self.job = job
        self.samples = job.samples
        """Samples of this run: all of the job's, or those of its shard."""
        self._model = model
        self._clock = clock
        self._fingerprint = {**job.identity, "model": dict(model.describe())}
        self._folder = open_run(job.out, self._fingerprint, job.settings.yaml, job.settings.accept)
        for note in self._folder.notes:
            say(note)
        if job.media is not None:
            _note_media(job, job.media)
        if job.changed is not None:
            say(self._folder.keep_accepted(job.changed))
        self.serving = Serving(job.out, model)
        self.scored = False
        """Whether it has a result of this start."""
        # Failed samples are tried again: a missing video may be available by now.
        self._done = {p.id for p in self._found().values() if p.error is None}
        self._tried = self._begun_with = len(self._done)
        if self._done:
            say(f"Continuing {job.out}: {len(self._done):,} of {counted(len(job.samples), 'sample')} are done.")

    @property
    def n_done(self) -> int:
        """Number of samples that have a prediction, or failed in this run."""
        return self._tried

    @property
    def n_missing(self) -> int:
        """Number of samples still to be tried."""
        return len(self.samples) - self._tried

    def missing(self) -> Iterator[tuple[str, str]]:
        """Yield benchmark and id of the samples that have no output yet."""
        return ((one.benchmark, one.id) for one in self.samples if one.id not in self._done)

    def settled(self) -> StopWhen | None:
        """Return the check for an output whose score is settled before its end token."""
        return None if self.job.settings.full_output else self.job.benchmark.scorer.settled()

    def keep(self, predicted: Predicted) -> int:
        """Append predictions of samples that had none, and return their number; they are on disk when this returns."""
        new = [(sample, prediction) for sample, prediction in predicted if sample.id not in self._done]
        keep_strips(self.job.out, (prediction.strip for _, prediction in new if prediction.strip is not None))
        self._folder.append(to_json(*pair, self.job.settings.data) for pair in new)
        self._tried += len(new)
        return len(new)

    def result(self, together: Sequence[str] = (), workers: Sequence[WorkerTimes] = ()) -> Result:
        """Score everything, write the folder, show the table.

        Args:
            together: The benchmarks that share the run's time.
            workers: What each of several workers has done so far.
        """
        job, out = self.job, self.job.out
        found = self._found()
        if lost := [sample.id for sample in self.samples if sample.id not in found]:
            raise RunError(
                f"{job.out} holds no prediction of {len(lost)} samples any more, such as {lost[0]!r}: it was changed "
                "while the run wrote to it. Repeat the command; what is there goes on."
            )
        pairs = [(sample, found[sample.id]) for sample in self.samples]
        write_jsonl(out / PREDICTIONS, (to_json(*pair, job.settings.data) for pair in pairs))
        if job.transcript is not None:
            _announce(job, pairs)
        with self._clock.stage("score"), job.judging.resumable():
            scores, result = score_predictions(
                pairs,
                job.benchmark.scorer,
                job.population,
                benchmark=job.benchmark.name,
                primary=job.benchmark.card.metric,
                model=self._model.name,
                coverage=coverage(self.samples, unreadable_in(self.job.media)),
                provenance={
                    **self._fingerprint,
                    "accepted": [asdict(each) for each in self._folder.record.accepted],
                    "data": "built-in" if job.settings.is_builtin else str(job.settings.data),
                    "annotations": None if job.settings.annotations is None else str(job.settings.annotations),
                    "read_from": job.read_from,
                    **origin(job.settings.nodes),
                },
            )
            result, more = repeated(job.settings.repeats, scores, result, pairs, job.benchmark.scorer, job.transcript)
        lap = self._lap()
        account = job.judging.account(job.transcript, *more)
        result = replace(judged(job.judging, result, account), timing=self._timing(lap, together, workers))
        result = corrected(job.settings.card, result, scores, job.benchmark.scorer)
        self.serving.settle()
        if (serving := self.serving.so_far) is not None:
            result = replace(result, serving=serving)
        notes = [
            *([serving_line(serving)] if serving is not None else []),
            *notes_of(account, result.provenance["scorer"].get("judge")),
            *([BUILTIN_NOTE] if job.settings.is_builtin else []),
            *(f"Mixed settings: {_told(each)}" for each in self._folder.record.accepted),
        ]
        if cut_off := lap.counts.get("cut_off"):
            notes.append(
                f"{cut_off} of {lap.counts['samples']} outputs stopped at the bound on new tokens, not at an end token."
            )
        size = job.read_from["split_size"]
        if job.settings.shard is not None:
            few = "" if self.samples else ", which has fewer clip groups than shards, and none for this one"
            whole = f"a run of {counted(len(job.samples), 'sample')}{few}"
            notes.append(f"Shard {job.settings.shard} of {whole}; merge joins them all.")
            result = replace(result, complete=False)
        elif not job.settings.is_builtin and len(job.samples) != size:
            notes.append(f"{counted(len(job.samples), 'sample')}; the published split has {size:,}.")
            notes += [line] if (line := projection(result, size)) else []
        if self.samples and is_withheld(self.samples):
            notes.append(submitted(pairs, out))
        if lap.counts.get("samples") and job.timed:
            notes.append(timing_line(result.timing or {}))
            title = f"{job.benchmark.name} | {self._model.name}"
            title += f" | with all {len(together)} benchmarks of its run so far" if together else ""
            write_atomically(out / TIMELINE, timeline(self._clock.so_far(), title))
        predictions = [prediction for _, prediction in pairs]
        write_and_show(
            out, scores, result, predictions, notes, job.transcript, page=job.settings.report, alone=not together
        )
        (out / PROGRESS).unlink(missing_ok=True)
        self.scored = True
        if job.settings.shard is None:
            track(job.settings.tracker, out)
        return result

    def close(self) -> None:
        """Release the run folder."""
        self._folder.close()

    def _found(self) -> dict[str, Prediction]:
        """Return the predictions on disk by sample; of several for one, the output that came first."""
        path = self._folder.predictions
        ids = {sample.id for sample in self.job.samples}
        pairs = read_run(path, self.job.benchmark.name, ids) if path.exists() else []
        found: dict[str, Prediction] = {}
        for _, prediction in pairs:
            if prediction.id not in found or found[prediction.id].error is not None:
                found[prediction.id] = prediction
        return found

    def _lap(self) -> Lap:
        """Return the time that this benchmark took: shared clips and calls are divided by the number of its samples."""
        name = self.job.benchmark.name
        self._clock.book({name: 1})
        lap = self._clock.account(name)
        return replace(lap, counts={**lap.counts, "samples": self._tried - self._begun_with})

    def _timing(self, lap: Lap, together: Sequence[str], workers: Sequence[WorkerTimes]) -> dict[str, Any]:
        """Return the timing; for a run with nothing left to predict, the timing of the previous result."""
        if not self.job.timed:
            return {}
        if not lap.counts.get("samples"):
            with suppress(TarsierEvalError):
                if before := read_result(self.job.out)[0].timing:
                    return dict(before)
        batching = self._model.batching
        shared = {"shared_by_samples_with": list(together)} if together else {}
        parts = {"workers": [one.summary() for one in workers]} if workers else {}
        return {**lap.summary(), "batching": None if batching is None else dict(batching), **shared, **parts}


def _told(accepted: Accepted) -> str:
    if accepted.field == MEDIA:
        return f"some of the first {accepted.predictions} samples were shown other files (accepted)."
    was, now = short(accepted.was), short(accepted.now)
    return f"{accepted.field} was {was} for the first {accepted.predictions} samples, and is {now} since (accepted)."


def _note_media(job: Job, media: MediaSurvey) -> None:
    """Write which media are missing and which cannot be read, and say so; where none are, remove an earlier list."""
    root, name = job.settings.data, job.benchmark.name
    for file in (MISSING, UNREADABLE):
        (job.out / file).unlink(missing_ok=True)
    if media.is_whole:
        return
    if media.missing:
        write_missing(job.out / MISSING, media, root)
        for line in missing_lines(media, listed=str(job.out / MISSING)):
            say(f"{name}: {line}")
    if media.unreadable:
        write_unreadable(job.out / UNREADABLE, media, root)
        for line in unreadable_lines(media, root, listed=str(job.out / UNREADABLE)):
            say(f"{name}: {line}")
    lists = [str(job.out / file) for file in (MISSING, UNREADABLE) if (job.out / file).exists()]
    say(
        f"{counted(media.samples_without, 'sample')} will fail for want of media, which {' and '.join(lists)} "
        f"{'lists' if len(lists) == 1 else 'list'}; {as_typed(_data_command(job.settings))} shows how to get them."
    )


def _data_command(settings: Settings) -> str:
    """Return the command that looks over a run's data."""
    words = ["tarsier-eval data --bench", str(settings.benchmark["name"])]
    words += [] if settings.is_builtin else ["--data", shlex.quote(str(settings.data))]
    words += [] if settings.annotations is None else ["--ann", shlex.quote(str(settings.annotations))]
    return " ".join(words)


def _announce(job: Job, pairs: Sequence[tuple[Sample, Prediction]]) -> None:
    try:
        job.judging.announce(job.benchmark, pairs)
    except JudgeError as error:
        # The outputs are safe. The scores record that the judge failed; the next run asks it again.
        say(f"{error}")
