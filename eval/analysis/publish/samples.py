"""The samples of a run as typed rows, one a sample, and as Parquet.

All benchmarks have the same columns with the same types, but for the fields of `values`, which are the scorer's.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from eval.core import JudgedTraits, Prediction, Sample, Score
from eval.errors import ConfigError, DataError
from eval.installed import install
from eval.judges.transcript import read_verdicts
from eval.readers.malformed import first_line
from eval.readers.predictions import read_predictions
from eval.runs.folder import VERDICTS
from eval.runs.places import without_places
from eval.runs.scored import ScoredRun
from eval.scorers.traits import all_traits

Row = dict[str, Any]

COLUMNS: Mapping[str, tuple[str, str]] = {
    "model": ("text", "the model's name"),
    "run": ("text", "the run, see Provenance"),
    "id": ("text", "the sample's id, unique within the benchmark"),
    "subset": ("text", "the subset under which it is reported"),
    "groups": ("texts", "further subsets under which it is reported"),
    "cluster": ("text", "the source video: samples that share it are not independent"),
    "prompt": ("text", "the prompt as sent, with `<video>` in place of the frames"),
    "options": ("texts", "the options of a multiple-choice question, in order"),
    "targets": ("texts", "the reference answers: an option's letter, an answer, or captions"),
    "metadata": ("text", "further fields of the annotation, as JSON"),
    "output": ("text", "the raw output; null where there is none"),
    "error": ("text", "the reason why there is no output"),
    "answer": ("text", "the answer that was read from the output"),
    "target": ("text", "the text that it was compared with"),
    "status": ("text", "`scored`, `invalid` (no answer in the output), `model_failed` or `judge_failed`"),
    "reason": ("text", "the reason why there is no value"),
    "values": ("values", "the sample's value in each metric, and the counts that metrics are computed from, unscaled"),
    "chance": ("number", "the expected value of a blind guess"),
    "label": ("text", "the judge's grade of the whole answer"),
    "events": ("events", "the events of both sides that the judge labelled, with the labels"),
    "verdicts": ("verdicts", "the calls to the judge, with its raw replies"),
    "n_frames": ("count", "number of frames shown"),
    "files": ("texts", "the video of each medium, as the data folder names it; of several frame files the first"),
    "frames": ("counts of each", "the numbers of the frames shown of each medium, as decoded; null where not recorded"),
    "times": ("numbers of each", "seconds from the beginning of its file to each; empty where it has no frame rate"),
    "media": ("text", "hash of the source files of the frames"),
    "clip_notes": ("texts", "what to know of the clip"),
}
"""Type and description of each column, in order."""

ANNOTATIONS = ("prompt", "options", "targets", "metadata", "target")
"""The columns with text of the benchmark's owners."""


def rows_of(scored: ScoredRun, run: str, dataset: str | None) -> list[Row]:
    """Return a row a sample, in the order of the scores; what is not known is None.

    Args:
        scored: The run.
        run: Its name in the column `run`.
        dataset: The benchmark's name in prediction files of upstream's; None where it has none.

    Raises:
        DataError, RunError: a file of the run is damaged, or not the one that its result was computed from.
    """
    judged = traits.judged if (traits := all_traits().get(str(scored.scorer["name"]))) else None
    said, verdicts = _predictions(scored, dataset), _verdicts(scored)
    return [
        {
            "model": scored.result.model,
            "run": run,
            **_given(*said.get(score.id, (None, None))),
            **_scored(score, judged),
            "verdicts": verdicts.get(score.id, []),
        }
        for score in scored.scores.values()
    ]


def without_annotations(rows: Iterable[Row]) -> list[Row]:
    """Return rows without text of the benchmark's owners, and without the judge's replies, which may quote it."""
    return [
        {
            **row,
            **dict.fromkeys(ANNOTATIONS),
            "events": [{**each, **({"text": None} if each["side"] == "reference" else {})} for each in row["events"]],
            "verdicts": [{**each, "reply": None} for each in row["verdicts"]],
        }
        for row in rows
    ]


def value_names(scored: ScoredRun) -> list[str]:
    """Return the names of the values that a run's samples can have, those of its metrics first."""
    traits = all_traits().get(str(scored.scorer["name"]))
    named = [name for metric in traits.metrics for name in metric.values] if traits else []
    seen = [name for score in scored.scores.values() for name in score.values]
    return list(dict.fromkeys([*named, *seen])) or [scored.result.primary]


def to_parquet(rows: Sequence[Row], values: Sequence[str]) -> bytes:
    """Return rows as the content of a Parquet file, the same for the same rows and version of pyarrow.

    Args:
        rows: The rows.
        values: Names of the fields of `values`.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: a sample holds a value of another type.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(f"Parquet files need pyarrow: {install('parquet')}.") from error
    text, number, count = pa.string(), pa.float64(), pa.int32()
    types = {
        "text": text,
        "texts": pa.list_(text),
        "number": number,
        "count": count,
        "values": pa.struct([(name, number) for name in values]),
        "counts of each": pa.list_(pa.list_(count)),
        "numbers of each": pa.list_(pa.list_(number)),
        "events": pa.list_(pa.struct([("side", text), ("text", text), ("label", text)])),
        "verdicts": pa.list_(
            pa.struct([("task", text), ("side", text), ("attempt", count), ("outcome", text), ("reply", text),
                       ("error", text)])
        ),
    }  # fmt: skip
    schema = pa.schema([(name, types[kind]) for name, (kind, _) in COLUMNS.items()])
    written = io.BytesIO()
    try:
        parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), written, compression="zstd")
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(f"a sample of run {rows[0]['run']} does not fit its columns: {first_line(error)}") from error
    return written.getvalue()


def _predictions(scored: ScoredRun, dataset: str | None) -> dict[str, tuple[Sample, Prediction]]:
    path = scored.scored_from
    if path is None:
        return {}
    pairs = read_predictions(path, scored.benchmark, dataset or scored.benchmark)
    return {sample.id: (sample, prediction) for sample, prediction in pairs}


def _given(sample: Sample | None, prediction: Prediction | None) -> Row:
    """Return the columns about question and output."""
    if sample is None or prediction is None:
        names = ("prompt", "options", "targets", "metadata", "output", "error", "n_frames", "files", "frames", "times",
                 "media", "clip_notes")  # fmt: skip
        return dict.fromkeys(names)
    shown = prediction.shown or None
    return {
        "prompt": prediction.prompt,
        "options": list(sample.options),
        "targets": list(sample.targets),
        "metadata": json.dumps(dict(sample.metadata), ensure_ascii=False),
        "output": prediction.output,
        "error": prediction.error,
        "n_frames": prediction.n_frames,
        "files": shown and without_places([medium.file for medium in shown]),
        "frames": shown and [list(medium.frames) for medium in shown],
        "times": shown and [list(medium.times) for medium in shown],
        "media": prediction.media,
        "clip_notes": list(prediction.notes),
    }


def _scored(score: Score, judged: JudgedTraits | None) -> Row:
    """Return the columns about the score."""
    return {
        "id": score.id,
        "subset": score.subset,
        "groups": list(score.groups),
        "cluster": score.cluster,
        "answer": score.answer,
        "target": score.target,
        "status": score.status,
        "reason": score.reason,
        "values": dict(score.values),
        "chance": score.chance,
        "label": _label(score, judged),
        "events": list(_events(score, judged)),
    }


def _label(score: Score, judged: JudgedTraits | None) -> str | None:
    """Return the grade of a whole answer; None where the judge gave none."""
    if judged is None or judged.items or any(name not in score.values for name in judged.values):
        return None
    right, wrong = judged.labels
    return right if score.values[judged.values[0]] == 1 else wrong


def _events(score: Score, judged: JudgedTraits | None) -> Iterator[Row]:
    """Yield the items that the judge labelled, of each side."""
    if judged is None or not judged.items:
        return
    items, labels = (score.detail.get(place.partition(".")[0]) for place in judged.items)
    for side, texts in items.items() if isinstance(items, Mapping) else ():
        given = labels.get(side) if isinstance(labels, Mapping) else None
        for text, label in zip_longest(texts or (), given or ()):
            yield {"side": side, "text": text, "label": label}


def _verdicts(scored: ScoredRun) -> Mapping[str, list[Row]]:
    """Return the calls to the judge by sample."""
    found: dict[str, list[Row]] = defaultdict(list)
    path = scored.folder / VERDICTS
    for (sample, task, side, attempt), reply in read_verdicts(path) if path.is_file() else ():
        found[sample].append({
            "task": task,
            "side": side,
            "attempt": attempt,
            "outcome": reply.outcome,
            "reply": reply.text,
            "error": reply.error,
        })  # fmt: skip
    return found
