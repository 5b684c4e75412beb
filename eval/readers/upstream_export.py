"""Upstream's rows filled in with predictions, the input of upstream's own evaluate.py."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eval.core import Prediction, Sample
from eval.errors import DataError
from eval.files import make_folder, write_jsonl
from eval.readers.media import PLACEHOLDER
from eval.readers.parsing import MAX_DIGITS
from eval.readers.rows import Row
from eval.readers.upstream import FAILED, parse_row, read_folder

_log = logging.getLogger(__name__)


def write_predictions(
    pairs: Iterable[tuple[Sample, Prediction]], to: Path, annotations: Path | None, dataset: str
) -> int:
    """Write predictions as upstream's rows, for upstream's evaluate.py; return how many rows were written.

    Args:
        pairs: Samples with their predictions.
        to: File to write.
        annotations: Upstream's file, or a folder of them, whose rows are filled in and otherwise unchanged. Without it
            the rows are built from the samples.
        dataset: The data set's name in upstream's rows, without the part after the slash.

    Rows without a prediction are left out, since upstream treats every row as predicted. Raises DataError where the
    annotations hold no row of these samples.
    """
    known = {sample.id: (sample, prediction) for sample, prediction in pairs}
    if annotations is None:
        rows = [_written(sample, prediction, dataset) for sample, prediction in known.values()]
    else:
        there: dict[str, dict[str, Any]] = {}
        for row in read_folder(annotations):
            key = f"{row.text('dataset')}_{row.label('idx')}"
            if key in known and key not in there:
                parse_row(row)
                there[key] = _filled(row, known[key][1])
        rows = list(there.values())
        if not rows and known:
            raise DataError(f"{annotations}: no row of sample {next(iter(known))!r} or any other; give its annotations")
        if len(rows) < len(known):
            _log.warning("%s: no row for %d of %d predictions", annotations, len(known) - len(rows), len(known))
    make_folder(to.parent)
    write_jsonl(to, rows)
    return len(rows)


def _written(sample: Sample, prediction: Prediction, dataset: str) -> dict[str, Any]:
    # An idx may contain an underscore, and the subset is part of the name only if upstream includes it.
    named = f"{dataset}/{sample.subset}"
    name = named if sample.subset and sample.id.startswith(f"{named}_") else dataset
    idx = sample.id.removeprefix(f"{name}_")
    one = sample.targets[0] if len(sample.targets) == 1 else list(sample.targets)
    more = {key: value for key, value in sample.metadata.items() if key not in ("vid", "question")}
    vid = sample.metadata.get("vid", sample.cluster)
    question = {"question": sample.metadata["question"]} if "question" in sample.metadata else {}
    return {
        "idx": int(idx) if idx.isdecimal() and len(idx) < MAX_DIGITS else idx,
        "dataset": name,
        "text": {"prompt": sample.prompt, "response": one, "prediction": _as_written(prediction), **question},
        "video_file": PLACEHOLDER,
        "vid": vid,
        **({"extra_info": {**more, "vid": more.get("video_id", vid)}} if more else {}),
    }


def _filled(row: Row, prediction: Prediction) -> dict[str, Any]:
    filled = copy.deepcopy(dict(row.fields))
    output = _as_written(prediction)
    if not row.has("messages"):
        filled["text"]["prediction"] = output
        return filled
    said = filled["messages"]
    if said[-1]["role"] != "assistant":
        said.append({"role": "assistant"})
    content = said[-1].get("content") or [{"type": "text"}]
    said[-1]["content"] = [content] if isinstance(content, dict) else content
    said[-1]["content"][-1]["text"] = output
    return filled


def _as_written(prediction: Prediction) -> str:
    return FAILED if prediction.output is None else prediction.output
