"""Builds benchmarks from their yamls, with a scorer of no consequence, over files that a test writes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from eval.building import build
from eval.config import load_settings
from eval.readers.benchmark import AnnotatedBenchmark

SCORER = {"_target_": "eval.scorers.multiple_choice.MultipleChoice"}
Make = Callable[..., AnnotatedBenchmark]
Tree = Callable[[Mapping[str, Any]], Path]


@cache
def described(name: str) -> Mapping[str, Any]:
    return load_settings([f"benchmark={name}"]).benchmark


def made(name: str, data: Path, **settings: Any) -> AnnotatedBenchmark:
    """Build a benchmark as the command line does, without the protocol pack."""
    node = {**described(name), "scorer": SCORER, "pack": None, "data": str(data)}
    built: AnnotatedBenchmark = build({**node, **settings}, "benchmark")
    return built


@pytest.fixture
def make() -> Make:
    return made


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Write files below a root: text as it stands, lists as JSON lines or by extension, None for an empty file."""

    def write(files: Mapping[str, Any]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None or isinstance(content, str):
                path.write_text(content or "", encoding="utf-8")
            elif path.suffix == ".jsonl":
                path.write_text("\n".join(json.dumps(row) for row in content), encoding="utf-8")
            elif path.suffix in {".csv", ".tsv"}:
                with path.open("w", newline="", encoding="utf-8") as file:
                    table = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
                    table.writerows(content)
            else:
                path.write_text(json.dumps(content), encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    return tarsier_row


@pytest.fixture
def messages() -> Callable[..., dict[str, Any]]:
    return tarsier2_row


@pytest.fixture(scope="session")
def official() -> Path:
    """The folder of real annotation files, as distributed; upstream's lie in `../tarsier`."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "annotations" / "official"
    if not folder.is_dir():
        pytest.skip("real annotation files are not at hand")
    return folder


def tarsier_row(dataset: str, idx: object, prompt: str, response: object, vid: object, **more: Any) -> dict[str, Any]:
    """Return a row as upstream's branch tarsier writes it; `question` goes into its text."""
    text = {"prompt": prompt, "response": response}
    if "question" in more:
        text["question"] = more.pop("question")
    return {"idx": idx, "dataset": dataset, "text": text, "video_file": "<placeholder>", "vid": vid, **more}


def tarsier2_row(dataset: str, idx: object, user: str, begun: str, reference: str, vid: object) -> dict[str, Any]:
    """Return a row as branch tarsier2 writes it."""
    content = [{"type": "video", "video": {"video_file": "<placeholder>"}}, {"type": "text", "text": user}]
    answer: list[dict[str, Any]] = [{"type": "text", "text": begun}] if begun else []
    answer.append({"type": "text", "text": "", "reference": reference})
    turns = [{"role": "user", "content": content}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "dataset": dataset, "task": "video/QA", "idx": idx, "vid": vid}
