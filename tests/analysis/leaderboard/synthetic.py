"""Run folders without a model: predictions that are written by hand, scored as a run scores them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from eval.core import Clip, Coverage, Prediction, Sample
from eval.provenance import data_hash, prompts_hash
from eval.readers.predictions import to_json
from eval.running.score import score_predictions
from eval.runs.checksums import write_scored
from eval.runs.folder import CONFIG, PREDICTIONS, write_jsonl
from eval.runs.record import RunRecord, write_record
from eval.scorers.multiple_choice import MultipleChoice

DATE = "2026-11-01T12:00:00+00:00"
SUBSETS = ("Action Sequence", "Action Antonym")
SCORER = (
    "benchmark:\n  scorer: {_target_: eval.scorers.multiple_choice.MultipleChoice, digits: tarsier, headline: macro}\n"
)


def sample(number: int, subsets: Sequence[str] = SUBSETS, per_video: int = 1) -> Sample:
    """The answer to every question is A."""
    subset = subsets[number % len(subsets)]
    return Sample(
        id=f"MVBench/{subset}_{number}",
        benchmark="mvbench",
        subset=subset,
        clip=Clip(source=()),
        prompt=f"USER: <video>\nQuestion: {number}?\n(A) x\n(B) y\nASSISTANT: Answer: (",
        targets=("A",),
        options=("x", "y"),
        cluster=f"video{number // per_video}",
    )


def write_run(
    folder: Path,
    outputs: Sequence[str | None] = ("A", "B", "B", "B"),
    *,
    model: str = "always-A",
    date: str = DATE,
    subsets: Sequence[str] = SUBSETS,
    config: str = SCORER,
    settings: dict[str, Any] | None = None,
    digits: Any = "tarsier",
    about: dict[str, Any] | None = None,
) -> Path:
    """Write a run of mvbench whose model gave these outputs; None is a failure. The answer to every question is A."""
    samples = [sample(number, subsets) for number in range(len(outputs))]
    pairs = [
        (one, Prediction(id=one.id, prompt=one.prompt, output=output, error=None if output else "gone", n_frames=8))
        for one, output in zip(samples, outputs, strict=True)
    ]
    fingerprint = {
        "benchmark": "mvbench",
        "split": "test",
        "limit": None,
        "n_samples": len(samples),
        "prompts_sha256": prompts_hash(samples),
        "data_sha256": data_hash(samples),
        "model": {"name": model, **(settings or {})},
    }
    scores, result = score_predictions(
        pairs,
        MultipleChoice(digits=digits, headline="macro"),
        samples,
        benchmark="mvbench",
        primary="accuracy",
        model=model,
        coverage=[Coverage(subset=subset, total=2, present=1) for subset in dict.fromkeys(s.subset for s in samples)],
        provenance={**fingerprint, "data": "built-in", "date": date, **(about or {})},
    )
    folder.mkdir(parents=True)
    write_record(folder, RunRecord(fingerprint=fingerprint))
    (folder / CONFIG).write_text(config, encoding="utf-8")
    write_jsonl(folder / PREDICTIONS, (to_json(*pair) for pair in pairs))
    write_scored(folder, (asdict(score) for score in scores), None, asdict(replace(result)))
    return folder


def change(path: Path, **fields: Any) -> None:
    """Change fields of a JSON file; a dotted name is written with two underscores."""
    found = json.loads(path.read_text(encoding="utf-8"))
    for name, value in fields.items():
        *outer, last = name.split("__")
        node = found
        for key in outer:
            node = node[int(key) if isinstance(node, list) else key]
        node[last] = value
    path.write_text(json.dumps(found), encoding="utf-8")
