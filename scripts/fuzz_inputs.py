"""The inputs that scripts/fuzz.py damages, and what must be accounted for in what comes of each."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from scripts.fuzz_mutations import damaged, damaged_bytes, written

Command = Callable[[list[str]], tuple[int, str]]
Ended = tuple[int | str, str, str]
"""An exit code, or how it ended; what was said; what the case was."""

ROWS_FILES = (".json", ".jsonl", ".csv", ".txt")
KEPT = 4
"""Rows that are left of a list of the built-in world, so that a case takes little time."""
JOINED = {"activitynet-qa", "egoschema", "msrvtt-caption", "msvd-caption"}
"""Official files that are joined with each other, and therefore kept whole."""

NESTED = {"eventhallusion", "favor-bench"}
"""Official files with a list of questions in each row, which may be empty."""


def prepare() -> None:
    """Import what the command imports, and let it compose equal settings once: the time goes to the cases then."""
    from eval import config

    if getattr(config.load_settings, "is_cached", False):
        return
    compose = cache(lambda overrides: load(list(overrides)))
    load = config.load_settings

    def cached(overrides: Any) -> Any:
        return compose(tuple(overrides))

    cached.is_cached = True  # type: ignore[attr-defined]
    config.load_settings = cached
    config.cards = cache(config.cards)


def _world() -> Path:
    from eval.config import BUILTIN

    return BUILTIN / "world"


@cache
def benchmarks() -> tuple[str, ...]:
    """Return the names of the benchmarks that have rows in the built-in world."""
    from eval.regression.fixed_settings import benchmarks_of_world

    return tuple(benchmarks_of_world())


@cache
def _node(name: str) -> Mapping[str, Any]:
    from eval.config import load_settings

    return load_settings([f"benchmark={name}"]).benchmark


def _trimmed(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".json":
        document = json.loads(data)
        return json.dumps(document[:KEPT] if isinstance(document, list) else document, ensure_ascii=False).encode()
    lines = data.splitlines(keepends=True)
    return b"".join(lines[: KEPT + (path.suffix == ".csv")])


@cache
def _files(name: str, source: str) -> dict[str, bytes]:
    """Return the annotation files of a benchmark below the root, by path; those of a question come first."""
    world, node = _world(), _node(name)
    if source == "upstream":
        file = f"annotations/{node['rows'][node['split']]}"
        return {file: _trimmed(world / file)}
    folder = next(world / one for one in node["folders"] if (world / one).is_dir())
    found = sorted(path for path in folder.rglob("*") if path.suffix in ROWS_FILES and path.is_file())
    if node.get("tasks"):
        found = found[:3]
    keep = name in JOINED
    return {str(path.relative_to(world)): path.read_bytes() if keep else _trimmed(path) for path in found}


def _lay(name: str, source: str, root: Path) -> None:
    """Link the media of the built-in world below a root, and write the annotation files."""
    world = _world()
    folder = next(one for one in _node(name)["folders"] if (world / one).is_dir())
    files = _files(name, source)
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(files[file])
    if source == "upstream":
        (root / folder).symlink_to(world / folder)
        return
    for path in (world / folder).iterdir():
        holds_rows = path.is_dir() and any(one.suffix in ROWS_FILES for one in path.iterdir())
        if path.suffix not in ROWS_FILES and not holds_rows:
            (root / folder).mkdir(exist_ok=True)
            (root / folder / path.name).symlink_to(path)


def n_rows(name: str, source: str, files: Mapping[str, bytes]) -> int | None:
    """Return how many rows of a benchmark files hold, or None where that can't be told from outside."""
    count = 0
    for file, content in files.items():
        data = content.removeprefix(b"\xef\xbb\xbf")
        if source == "upstream" or file.endswith(".jsonl"):
            count += sum(bool(line.strip(b" \t\r\n\xef\xbb\xbf")) for line in data.split(b"\n"))
        elif file.endswith(".csv") and b'"' not in data:
            lines = [line for line in re.split(rb"\r\n|\n|\r", data) if line]
            count += max(len(lines) - 1, 0)
        elif name in JOINED or not file.endswith(".json"):
            return None
        elif not file.endswith("map_vid_vidorID.json") and "MSVD-QA/test" not in file and "MSRVTT-QA/test" not in file:
            try:
                document = json.loads(data.decode("utf-8-sig"))
            except (ValueError, RecursionError):
                return None
            if name in NESTED or not isinstance(document, list):
                return None
            count += len(document)
    return count


def run_rows(rng: random.Random, folder: Path, number: int, command: Command) -> Ended:
    """Damage one annotation file of a benchmark, and evaluate the scripted model on it."""
    from eval.regression.fixed_settings import sources_of_world

    names = benchmarks()
    name = names[number % len(names)]
    sources = sources_of_world(name)
    source = sources[number // len(names) % len(sources)]
    skip = rng.random() < 0.5
    root, out = folder.parent / "data", folder.parent / "out"
    for one in (root, out):
        shutil.rmtree(one, ignore_errors=True)
    root.mkdir()
    _lay(name, source, root)
    files = dict(_files(name, source))
    file = rng.choice(sorted(files))
    files[file] = _damaged_file(file, files[file], rng)
    (root / file).write_bytes(files[file])
    settings = [f"benchmark.source={source}", f"benchmark.skip_malformed={str(skip).lower()}"]
    settings += ["model=scripted", "model.n_frames=1", "video.decoder=pyav", "video.workers=1"]
    code, said = command(["eval", "--bench", name, "--data", str(root), "--out", str(out), *settings])
    rows = n_rows(name, source, files)
    if code in (0, 1) and rows is not None:
        result = json.loads((out / "result.json").read_text(encoding="utf-8"))
        read_from = result["provenance"]["read_from"]
        left = read_from["malformed_rows_skipped"] + sum(read_from.get("rows_passed_over", {}).values())
        left += sum(map(int, re.findall(r"(\d+) repeated rows", said)))
        if result["counts"]["total"] + left < rows:
            return "silent drop", f"{rows} rows, {result['counts']}, {left} left out; {said}", f"{name} {source} {file}"
    if code in (0, 1) and "Traceback" not in said:
        _check_written(out)
    return code, said, f"{name} {source} {file} skip={skip}"


def _check_written(out: Path) -> None:
    for file in ("predictions.jsonl", "scores.jsonl"):
        for line in (out / file).read_text(encoding="utf-8").split("\n")[:-1]:
            json.loads(line, parse_constant=_refuse)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} was written")


def _damaged_file(file: str, data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if rng.random() < 0.35 or not file.endswith((".json", ".jsonl")):
            data = damaged_bytes(data, rng)
            continue
        try:
            if file.endswith(".json"):
                data = written(damaged(json.loads(data), rng)).encode("utf-8", "surrogatepass")
            else:
                lines = data.split(b"\n")
                at = rng.randrange(len(lines))
                lines[at] = written(damaged(json.loads(lines[at] or b"{}"), rng)).encode("utf-8", "surrogatepass")
                data = b"\n".join(lines)
        except (ValueError, RecursionError):
            data = damaged_bytes(data, rng)
    return data


@cache
def predictions(name: str, form: str) -> bytes:
    """Return a prediction file for a benchmark: our own rows, or upstream's filled in."""
    if form == "upstream":
        lines = []
        for number, line in enumerate(_files(name, "upstream").popitem()[1].splitlines()):
            row = json.loads(line)
            if "messages" in row:
                row["messages"][-1]["content"][-1]["text"] = ("A", "it is a red ball", "")[number % 3]
            else:
                row["text"]["prediction"] = ("A", "it is a red ball", "<error>")[number % 3]
            lines.append(json.dumps(row, ensure_ascii=False))
        return "\n".join(lines).encode()
    from eval.building import build
    from eval.config import load_settings
    from eval.core import Prediction
    from eval.readers.predictions import to_json

    settings = load_settings([f"benchmark={name}"])
    node = {**settings.benchmark, "scorer": {"_target_": "eval.scorers.multiple_choice.MultipleChoice"}}
    rows = []
    for number, sample in enumerate(list(build(node, "benchmark").samples())[:KEPT]):
        output, error = (("A", None), ("A red ball moves.", None), (None, "missing video"), ("", None))[number % 4]
        one = Prediction(id=sample.id, prompt=sample.prompt, output=output, error=error, n_frames=8)
        rows.append(json.dumps(to_json(sample, one), ensure_ascii=False))
    return ("\n".join(rows) + "\n").encode()


def run_predictions(rng: random.Random, folder: Path, number: int, command: Command) -> Ended:
    """Damage a prediction file, and score it with the judge without a model."""
    names = benchmarks()
    name, form = names[number % len(names)], ("own", "upstream")[number // len(names) % 2]
    data = _damaged_file("x.jsonl", predictions(name, form), rng)
    file, out = folder.parent / "predictions" / "mine.jsonl", folder.parent / "score"
    shutil.rmtree(out, ignore_errors=True)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    code, said = command(["score", "--pred", str(file), "--bench", name, "--out", str(out), "judge=offline"])
    if code in (0, 1):
        result = json.loads((out / "result.json").read_text(encoding="utf-8"))
        rows = n_rows(name, "upstream", {"x.jsonl": data}) or 0
        left = sum(map(int, re.findall(r"(\d+) (?:repeated|malformed|other)? ?rows", said)))
        if result["counts"]["total"] + left < rows:
            return (
                "silent drop",
                f"{rows} rows, {result['counts']}, {left} said to be left out; {said}",
                f"{name} {form}",
            )
    return code, said, f"{name} {form}"
