"""Prediction files: this project's own predictions.jsonl, and upstream's filled-in rows, distinguished row by row.

    {"id": "MVBench/Action Antonym_0", "benchmark": "mvbench", "subset": "Action Antonym", "prompt": "USER: ...",
     "output": "A", "error": null, "n_frames": 8, "media": "9f86d081884c7d65", "targets": ["A"],
     "options": ["...", "..."], "cluster": "...", "metadata": {"question": "..."}}

A clip of which there is something to know has `"notes": ["one_frame"]` after `media` (`eval.core.ClipNote`). What was
shown of each medium follows, by rows since version 0.3 (`eval.core.Shown`, `eval.core.Strip`):

    "shown": [{"file": "video/star/0.mp4", "start": 1.5, "end": 8.0, "frames": [45, 111], "times": [1.5, 3.7]}],
    "strip": {"file": "thumbnails/00f2d8a1c4b7e690.webp", "columns": 8, "cell": [96, 96]}

The row holds everything scoring needs, so that a run can be scored again without its annotations or videos.

A sample may have several rows, since a resumed run tries failures again: the first output counts, whatever follows,
because it may have been scored or published; where no row has an output, the last error counts. Upstream's marker of a
failure, `<error>`, counts as a failure in our own rows too, so that a resumed run tries it again.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from eval.core import Clip, ClipNote, Prediction, Sample, Shown, Strip
from eval.errors import DataError
from eval.readers.malformed import BadRowPolicy, RowError
from eval.readers.recognising import recognised
from eval.readers.rows import Row, read_jsonl, some_of
from eval.readers.upstream import FAILED, UpstreamRow, parse_rows, read_folder

OWN_FILE = "predictions.jsonl"
"""Name of the predictions file in a run folder, which may hold other JSON-lines files."""

SubsetsOf = Callable[[Sequence[UpstreamRow], Path], list[tuple[str, str, Mapping[str, Any]]]]

THUMBNAILS = "thumbnails"
"""Name of the folder in a run folder that holds the pictures of frames."""

_STRIP = re.compile(r"[\w-]{1,64}\.webp")
_NOTES: tuple[ClipNote, ...] = get_args(ClipNote)
_GIVE = (
    "Give a run's predictions.jsonl, or write one JSON object a line as upstream does: dataset, such as "
    "MVBench/Action Count, idx, and text with prompt, response and prediction"
)
_log = logging.getLogger(__name__)


def to_json(sample: Sample, prediction: Prediction, data: Path | None = None) -> dict[str, Any]:
    """Return one line of predictions.jsonl as a dict, its keys in the order of the file.

    Args:
        sample: the sample.
        prediction: its prediction.
        data: the data folder, below which media are named where they lie there.
    """
    return {
        "id": sample.id,
        "benchmark": sample.benchmark,
        "subset": sample.subset,
        "prompt": prediction.prompt,
        "output": prediction.output,
        "error": prediction.error,
        "n_frames": prediction.n_frames,
        "media": prediction.media,
        **({"notes": list(prediction.notes)} if prediction.notes else {}),
        **({"shown": [_shown(each, data) for each in prediction.shown]} if prediction.shown else {}),
        **({"strip": _strip(prediction.strip)} if prediction.strip else {}),
        "targets": list(sample.targets),
        "options": list(sample.options),
        "cluster": sample.cluster,
        "metadata": dict(sample.metadata),
    }


def _shown(shown: Shown, data: Path | None) -> dict[str, Any]:
    file = shown.file
    if data is not None and Path(file).is_relative_to(data):
        file = Path(file).relative_to(data).as_posix()
    span = {name: value for name, value in (("start", shown.start), ("end", shown.end)) if value is not None}
    return {"file": file, **span, "frames": list(shown.frames), "times": [round(time, 3) for time in shown.times]}


def _strip(strip: Strip) -> dict[str, Any]:
    return {"file": f"{THUMBNAILS}/{strip.name}", "columns": strip.columns, "cell": list(strip.cell)}


def read_predictions(
    path: Path,
    benchmark: str,
    dataset: str,
    subsets_of: SubsetsOf | None = None,
    tolerance: BadRowPolicy | None = None,
) -> list[tuple[Sample, Prediction]]:
    """Read the predictions for one benchmark, in file order, from a file or a folder of either format.

    Args:
        path: A file, a run folder, or a folder of upstream's prediction files.
        benchmark: Name of the benchmark, as in our own rows.
        dataset: The data set's name in upstream's rows, without the part after the slash.
        subsets_of: Gives the reported subset, the source video and further metadata of upstream's rows; without it the
            subset is the part after the slash in `dataset`, and the source video the row's own.
        tolerance: Counts the valid rows that were skipped, for the result; malformed ones are always errors.

    The samples hold everything scoring needs, but no clip. Of repeated rows the first counts, as in upstream; in our
    own files an output counts before any error, see above. Rows of other benchmarks in the file are skipped and logged;
    a run's own predictions.jsonl holds only one benchmark, so there they are an error.

    Raises:
        DataError: A row of neither format, one without a prediction, or no row of this benchmark; in a
            predictions.jsonl of ours also a row of another benchmark.
    """
    tolerance = tolerance or BadRowPolicy()
    tolerance.begin(skip=False)
    own = path / OWN_FILE
    rows = read_jsonl(own) if path.is_dir() and own.exists() and _starts_own(own) else read_folder(path)
    try:
        first = next(rows, None)
    except RowError:
        if path.is_file() and (form := recognised(path)) is not None:
            raise DataError(f"{path} is {form}, and not a prediction file. {_GIVE}") from None
        raise
    if first is None:
        raise DataError(f"{path}: no predictions in it; run the benchmark first, or give another file")
    rows = chain([first], rows)
    if _is_own(first):
        is_run = path.name == OWN_FILE or (path / OWN_FILE).exists()
        return _of_benchmark(rows, benchmark, path, None if is_run else tolerance)
    if "dataset" not in first.fields:
        fields = ", ".join(first.fields) or "none"
        raise DataError(
            f"{first.place}: neither a row of predictions.jsonl (id, benchmark, output) nor one of upstream's "
            f"(dataset, idx, text); its fields: {fields}. {_GIVE}"
        )
    parsed = parse_rows(rows, dataset, path, tolerance)
    pairs = [row.predicted(benchmark) for row in parsed]
    if subsets_of is None:
        return pairs
    return [
        (
            replace(sample, subset=subset, cluster=video or sample.cluster, metadata={**sample.metadata, **more}),
            prediction,
        )
        for (sample, prediction), (subset, video, more) in zip(pairs, subsets_of(parsed, path), strict=True)
    ]


def read_run(
    path: Path, benchmark: str | None = None, ids: Collection[str] | None = None
) -> list[tuple[Sample, Prediction]]:
    """Read a predictions.jsonl of ours; an empty one gives [].

    Args:
        path: The file.
        benchmark: The benchmark of its rows; without it, that of the first row.
        ids: The sample ids allowed in it, for a resumed run: any other one is refused.

    Raises:
        DataError: a row does not fit the format, belongs to another benchmark, or to none of the samples.
    """
    first = next(read_jsonl(path), None)
    if first is None:
        return []
    found = _of_benchmark(read_jsonl(path), benchmark or first.text("benchmark"), path, None)
    if ids is not None:
        refuse_others(path, [sample.id for sample, _ in found], ids)
    return found


def refuse_others(path: Path, found: Iterable[str], ids: Collection[str]) -> None:
    """Raise DataError where a run's predictions include samples that are not its own."""
    known = set(ids)
    unknown = [name for name in found if name not in known]
    if unknown:
        shown = ", ".join(repr(one) for one in list(ids)[:2])
        raise DataError(
            f"{path}: {len(unknown)} of its samples are not this run's, such as {unknown[0]!r} (this run's: "
            f"{shown}, ...). The run was of more samples, the file is another run's, or was edited: choose another "
            "OUT, or delete those rows."
        )


def _starts_own(path: Path) -> bool:
    # Upstream's default name is the same, and its folders may hold further files that count.
    first = next(read_jsonl(path), None)
    return first is not None and _is_own(first)


def _is_own(row: Row) -> bool:
    return "id" in row.fields and "benchmark" in row.fields


def _of_benchmark(
    rows: Iterable[Row], benchmark: str, path: Path, tolerance: BadRowPolicy | None
) -> list[tuple[Sample, Prediction]]:
    """Return the pairs of a benchmark; without a tolerance, rows of others are errors. `path` is for messages."""
    found: dict[str, tuple[Sample, Prediction]] = {}
    others: Counter[str] = Counter()
    foreign: Row | None = None
    dropped = 0
    for row in rows:
        name = row.text("benchmark")
        if name != benchmark:
            others[name] += 1
            foreign = foreign or row
            continue
        sample, prediction = _parse(row)
        known = found.get(sample.id)
        dropped += known is not None and known[1].output is not None  # a failure that was tried again does not count
        if known is None or known[1].output is None:
            found[sample.id] = sample, prediction
    if not found:
        there = some_of(f"{name} ({count})" for name, count in sorted(others.items()))
        raise DataError(
            f"{path}: no prediction for benchmark {benchmark!r}. In it: {there}. Give its file, or the benchmark that "
            "is in it"
        )
    if dropped:
        _log.warning("%s: %d repeated rows of %s dropped", path, dropped, benchmark)
    if tolerance is not None:
        tolerance.passed_over(repeated=dropped, of_other_benchmarks=others.total())
    if foreign is not None:
        if tolerance is None:
            raise foreign.error(
                "benchmark",
                f"is {foreign.text('benchmark')[:80]!r} in a run of {benchmark!r}, which holds one benchmark: take "
                f"such rows ({others.total()}) out, or call a file that is collected from several runs otherwise",
            )
        _log.warning("%s: %d rows of other benchmarks passed over (%s)", path, others.total(), some_of(sorted(others)))
    return list(found.values())


def _parse(row: Row) -> tuple[Sample, Prediction]:
    output, error = row.text_or_none("output"), row.text_or_none("error")
    if (output is None) == (error is None):
        raise row.error("output", "and 'error': one of them must be text and the other null; run the sample again")
    if output == FAILED:
        output, error = None, f"the prediction file says {FAILED}"
    n_frames = row.number("n_frames") or 0
    sample = Sample(
        id=row.text("id"),
        benchmark=row.text("benchmark"),
        subset=row.text("subset"),
        clip=Clip(source=()),
        prompt=row.text("prompt"),
        targets=row.texts("targets"),
        options=row.texts("options"),
        cluster=row.text("cluster"),
        metadata=row.row("metadata").fields if row.has("metadata") else {},
    )
    return sample, Prediction(
        id=sample.id,
        prompt=sample.prompt,
        output=output,
        error=error,
        n_frames=int(n_frames),
        media=row.text_or_none("media"),
        notes=tuple(note for note in _NOTES if row.has("notes") and note in row.texts("notes")),
        shown=tuple(map(_read_shown, row.rows("shown"))) if row.has("shown") else (),
        strip=_read_strip(row.row("strip")) if row.has("strip") else None,
    )


def _read_shown(row: Row) -> Shown:
    return Shown(
        file=row.text("file"),
        start=row.number("start") if row.has("start") else None,
        end=row.number("end") if row.has("end") else None,
        frames=tuple(map(int, row.numbers("frames"))),
        times=tuple(row.numbers("times")),
    )


def _read_strip(row: Row) -> Strip:
    columns, cell = row.number("columns"), row.numbers("cell")
    name = row.text("file").removeprefix(f"{THUMBNAILS}/")
    if (
        columns is None
        or columns < 1
        or len(cell) != len(("width", "height"))
        or min(cell) < 1
        or not _STRIP.fullmatch(name)
    ):
        raise row.error("cell", "and 'columns' and 'file': they do not name a picture in rows of cells")
    return Strip(name=name, columns=int(columns), cell=(int(cell[0]), int(cell[1])))
