"""Measure what CIDEr costs: ours, cold and warm, against pycocoevalcap with Java, on MSVD's references.

Each round tokenizes all captions and scores one candidate a video, three times over: pycocoevalcap; ours with
nothing prepared; ours with the references prepared on disk. The order turns from round to round, so that whatever
else the machine does falls on all; the table holds medians over the rounds, and the median of each round's ratio.
The candidate of a video is the first reference of the next one, which takes as long as a prediction would.

    python scripts/bench_cider.py MSVD-Caption-test.jsonl [--rounds 7] [--output results/bench/cider.md]

Needs the extra captions-java and a java on the PATH.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from eval.captions.cider import cider
from eval.captions.ptb_tokenizer import tokenize
from eval.captions.reference import pycocoevalcap_cider, pycocoevalcap_tokens
from eval.captions.reference_cache import load_or_prepare

Scores = dict[str, float]


def read(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return made-up candidates and the references of each video, lower case as upstream scores them."""
    references: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        references[str(number)] = [caption.lower() for caption in json.loads(line)["text"]["response"]]
    captions = list(references.values())
    return {video: captions[(int(video) + 1) % len(captions)][0] for video in references}, references


def ours(candidates: dict[str, str], references: dict[str, list[str]], folder: Path) -> Scores:
    """Score with what the folder holds, which is nothing or the prepared references."""
    prepared = load_or_prepare(folder, references)
    return {video: cider(tokenize(caption), prepared[video]) for video, caption in candidates.items()}


def theirs(candidates: dict[str, str], references: dict[str, list[str]]) -> Scores:
    """Score with pycocoevalcap, one call of Java for the candidates and one for the references, as it does."""
    tokens = pycocoevalcap_tokens({video: [caption] for video, caption in candidates.items()})
    return pycocoevalcap_cider(tokens, pycocoevalcap_tokens(references))[1]


def timed(work: Callable[[], Scores]) -> tuple[float, Scores]:
    """Return seconds and scores."""
    start = time.perf_counter()
    scores = work()
    return time.perf_counter() - start, scores


def main() -> None:
    """Run the rounds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path("results/bench/cider.md"))
    arguments = parser.parse_args()
    candidates, references = read(arguments.annotations)

    seconds: dict[str, list[float]] = {"pycocoevalcap": [], "cold": [], "warm": []}
    scores: dict[str, Scores] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours(candidates, references, folder / "kept")
        size = sum(file.stat().st_size for file in (folder / "kept").iterdir())
        for number in range(arguments.rounds):
            works: dict[str, Callable[[], Scores]] = {
                "pycocoevalcap": lambda: theirs(candidates, references),
                "cold": lambda number=number: ours(candidates, references, folder / str(number)),  # type: ignore[misc]
                "warm": lambda: ours(candidates, references, folder / "kept"),
            }
            turn = number % len(works)
            for kind in [*list(works)[turn:], *list(works)[:turn]]:
                elapsed, scores[kind] = timed(works[kind])
                seconds[kind].append(elapsed)
    error = max(abs(scores[kind][video] - scores["pycocoevalcap"][video]) for kind in scores for video in references)
    arguments.output.write_text(report(seconds, references, error, size), encoding="utf-8")
    print(arguments.output.read_text(encoding="utf-8"))


def report(seconds: dict[str, list[float]], references: dict[str, list[str]], error: float, size: int) -> str:
    """Return the table with what is needed to read it."""
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr.split("\n")[0]
    names = {
        "pycocoevalcap": "pycocoevalcap 1.2, Java tokenizer",
        "cold": "ours, nothing prepared: tokenize, count, keep, score",
        "warm": "ours, references prepared on disk: read, score",
    }
    rows = [
        f"| {names[kind]} | {statistics.median(times):.2f} | {min(times):.2f}-{max(times):.2f} | "
        f"{statistics.median(a / b for a, b in zip(seconds['pycocoevalcap'], times, strict=True)):.1f} |"
        for kind, times in seconds.items()
    ]
    rounds = len(seconds["cold"])
    return f"""# What CIDEr costs: ours and pycocoevalcap

MSVD test: {len(references)} videos, {sum(map(len, references.values())):,} references, one candidate a video. Wall \
seconds in one process, without imports:
medians of {rounds} rounds whose order turns; the ratio is the median of each round's pycocoevalcap / ours.
Largest difference of a video's score: {error:g}. Prepared references on disk: {size / 2**20:.1f} MiB.

Python {platform.python_version()}, numpy {np.__version__}, {java};
{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end.

| | seconds | range | times faster |
|---|---|---|---|
{chr(10).join(rows)}

Made by `python scripts/bench_cider.py MSVD-Caption-test.jsonl`.
"""


if __name__ == "__main__":
    main()
