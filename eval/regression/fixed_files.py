"""Fixed checks of prediction files: what is read in our own and in upstream's, and what is written for others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.core import Prediction, Sample
from eval.errors import TarsierEvalError
from eval.readers.choices import read_options
from eval.readers.predictions import read_predictions, read_run
from eval.readers.submission import write_submission
from eval.readers.upstream_export import write_predictions
from eval.regression.fixed_runs import ANSWERS, made_up
from eval.regression.records import Record
from eval.scorers.multiple_choice import read_letter

SUITE = "fixed files"
LISTED = (
    "(A) one\n(B) two",
    "(A) x\n(B) y\nand\n(A) one\n(B)  two \n(C)three",
    "(A) one\n(C) three",
    "(B) two\n(A) one",
    "(A) alone",
    " (A) one\n (B) two",
    "(A) a\n(B) b\n(D) d\n(C) c",
    "",
    "(a) one\n(b) two",
    "(A)\n(B)",
    "text (A) one\n(B) two\n(A) three",
)
"""Prompts that list options, or seem to."""


def fixed_files(scratch: Path) -> Iterator[Record]:
    """Yield what is read in each file, and what is written. `scratch` is an empty folder for the files."""
    folder = scratch / "files"
    folder.mkdir()
    for number, (name, rows, dataset, bench) in enumerate(_files()):
        path = folder / f"{number}.jsonl"
        path.write_text(
            "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8"
        )
        found = _or_error(lambda: read_predictions(path, bench, dataset))  # noqa: B023
        values = (
            found
            if isinstance(found, str)
            else [[_of_sample(sample), prediction.output, prediction.error] for sample, prediction in found]
        )
        yield Record(benchmark=SUITE, id=f"predictions: {name}", fields={"resume": {"read": values}})
        own = _or_error(lambda: read_run(path, bench))  # noqa: B023
        ids = own if isinstance(own, str) else [[s.id, p.output, p.error] for s, p in own]
        yield Record(benchmark=SUITE, id=f"predictions of a run: {name}", fields={"resume": {"read": ids}})
    for text in LISTED:
        yield Record(
            benchmark=SUITE, id=f"options of {text!r}", fields={"resume": {"options": list(read_options(text))}}
        )
    samples = made_up()
    pairs = [(s, Prediction(id=s.id, prompt=s.prompt, output=None if i == 3 else ANSWERS[i],
    error="gone" if i == 3 else None))
             for i, s in enumerate(samples)]  # fmt: skip
    to = folder / "written.jsonl"
    for name, named in (("plain", pairs), ("with upstream's names", [
        (replace(s, id=f"MVBench/{s.subset}_{i}", targets=(s.targets[0], "x")), p) for i, (s,
        p) in enumerate(pairs)])):  # fmt: skip
        count = write_predictions(named, to, None, "MVBench")
        written = [json.loads(line) for line in to.read_text(encoding="utf-8").splitlines()]
        yield Record(
            benchmark=SUITE, id=f"written for upstream, {name}", fields={"resume": {"count": count, "rows": written}}
        )
    left = write_submission([(replace(s, cluster=s.id), p) for s, p in pairs], read_letter, to)
    yield Record(
        benchmark=SUITE,
        id="submission",
        fields={"resume": {"left": left, "answers": json.loads(to.read_text(encoding="utf-8"))}},
    )


def _or_error(made: Callable[[], Any]) -> Any:
    try:
        return made()
    except TarsierEvalError as error:
        return type(error).__name__


def _of_sample(sample: Sample) -> list[Any]:
    clip = sample.clip
    files = clip.source if isinstance(clip.source, tuple) else (clip.source,)
    return [sample.id, sample.subset, sample.cluster, list(sample.targets), list(sample.options), sample.prompt,
            [str(file) for file in files], clip.start, clip.end, dict(sample.metadata)]  # fmt: skip


def _files() -> Iterator[tuple[str, list[Any], str, str]]:
    def own(key: str, output: str | None, error: str | None = None, benchmark: str = "mvbench") -> dict[str, Any]:
        return {"id": key, "benchmark": benchmark, "subset": "s", "prompt": "p", "output": output, "error": error,
        "n_frames": 8,
                "media": None, "targets": ["A"], "options": [], "cluster": "v", "metadata": {}}  # fmt: skip

    def theirs(idx: Any, prediction: str | None, dataset: str = "MVBench/Two Words", **more: Any) -> dict[str, Any]:
        text = {
            "prompt": "USER: <video>\n(A) one\n(B) two\nASSISTANT: Answer: (",
            "response": "A",
            "prediction": prediction,
        }
        return {"idx": idx, "dataset": dataset, "text": text, "video_file": "videos/x y.mp4", **more}

    yield "own", [own("a", "A"), own("b", None, "gone"), own("c", "")], "MVBench", "mvbench"
    yield (
        "own, repeated",
        [own("a", None, "e1"), own("b", "B"), own("a", "A"), own("b", "C"), own("a", None, "e2")],
        "MVBench",
        "mvbench",
    )
    yield "own, failed twice", [own("a", None, "e1"), own("a", None, "e2"), own("b", "<error>")], "MVBench", "mvbench"
    yield "own, of two benchmarks", [own("a", "A"), own("b", "B", benchmark="tvbench")], "MVBench", "mvbench"
    yield "own, of another benchmark", [own("b", "B", benchmark="tvbench")], "MVBench", "mvbench"
    yield "own, both and neither", [own("a", "A", "e")], "MVBench", "mvbench"
    yield "upstream's", [theirs(0, "A"), theirs("x_1", "<error>"), theirs(2, "")], "MVBench", "mvbench"
    yield "upstream's, repeated", [theirs(0, "A"), theirs(0, "B"), theirs("0", "C")], "MVBench", "mvbench"
    yield "upstream's, of two data sets", [theirs(0, "A"), theirs(0, "B", dataset="TVBench")], "MVBench", "mvbench"
    yield "upstream's, no prediction", [theirs(0, None)], "MVBench", "mvbench"
    yield (
        "upstream's, spans",
        [theirs(0, "A", start_time=1.5, end_time=0, vid="v1"), theirs(1, "A", start_time=-1, end_time=2)],
        "MVBench",
        "mvbench",
    )
    yield (
        "upstream's, frames",
        [theirs(0, "A", video_file=["f/1.jpg", "f/2.jpg"]), theirs(1, "B", extra_info={"n": 3})],
        "MVBench",
        "mvbench",
    )
    yield "a line cut off", [own("a", "A"), '{"id": "b", "bench'], "MVBench", "mvbench"
    yield "blank lines", ["", own("a", "A"), "   ", own("b", "B\u2028C")], "MVBench", "mvbench"
    yield "a key twice", ['{"id": "a", "id": "b", "benchmark": "mvbench"}'], "MVBench", "mvbench"
    yield "nothing", [], "MVBench", "mvbench"
