"""Predictions for the tests of judged runs, with the numbers that the offline judge gives them, worked out by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.__main__ import main
from eval.core import Clip, Prediction, Sample
from eval.readers.predictions import to_json
from tests.judges.sensible import UPSTREAM_LIKE

MODEL = "stand-in-2026-01-01"
"""What the stand-in server calls itself."""
PRICES = "as_of: 2026-11-01\nmodels: {stand-in-2026-01-01: {input: 1, output: 2, max_output: 4096}}\n"

# source, reference, its events where they are given, output
DESCRIPTIONS: tuple[tuple[str, str, list[str] | None, str], ...] = (
    (
        "youtube",
        "A man opens a door. A dog runs away.",
        ["a man opens a door", "a dog runs away"],
        "A man opens a door. A cat sleeps.",
    ),
    ("youtube", "A red ball rolls down. A girl laughs.", None, "A blue ball rolls down. A girl laughs."),
    ("stock", "Two cooks cut onions.", ["two cooks cut onions"], "Two cooks cut onions."),
    ("stock", "A woman sings. A crowd cheers. A lamp falls.", None, "A woman sings."),
)
"""Recall is 1/2 and 1/2, 1 and 1/3; precision 1/2 and 1/2, 1 and 1. Events are listed for four outputs and the two
references without any; two sides of each of the four are labelled: 14 calls."""
DESCRIPTION_CALLS = {"extract": 6, "entail": 8}
DESCRIPTION_METRICS = {"recall": 7 / 12, "precision": 3 / 4, "f1": 0.65625}
"""Means over the two sources: recall (1/2 + 2/3) / 2, precision (1/2 + 1) / 2, f1 of these two."""

# video, question, answer, output (None: failed)
QUESTIONS: tuple[tuple[str, str, str, str | None], ...] = (
    ("vid1", "what is the man playing?", "guitar", "He plays a guitar."),
    ("vid1", "who is playing?", "man", "a woman"),
    ("vid1", "where is he?", "living room", "a room"),
    ("vid2", "how many dogs are there?", "two", "2 dogs"),
    ("vid2", "what runs?", "dog", None),
    ("vid2", "what color is it?", "brown", ""),
    ("vid3", "what is cut?", "onion", "Onions"),
    ("vid4", "what is the man playing?", "guitar", "He plays a guitar."),
)
"""Verdicts: yes 5; no 0; no 1, since half of the words are there; yes 5; none; wrong at sight; yes 5; the first again.
Six calls, of which one equals another."""
QUESTION_CALLS, QUESTION_DISTINCT = 6, 5
QUESTION_METRICS = {
    ("accuracy", "upstream"): 4 / 8, ("accuracy", "strict"): 4 / 8,
    ("score", "upstream"): 21 / 8, ("score", "strict"): 21 / 8,
}  # fmt: skip


def write_rows(path: Path, pairs: Sequence[tuple[Sample, Prediction]]) -> Path:
    path.write_text("".join(json.dumps(to_json(*pair)) + "\n" for pair in pairs), encoding="utf-8")
    return path


def descriptions(path: Path, **outputs: str) -> Path:
    """Write the descriptions as a prediction file; `d0="..."` gives the first one another output."""
    pairs = []
    for number, (source, reference, events, output) in enumerate(DESCRIPTIONS):
        sample = Sample(
            id=f"DREAM_d{number}",
            benchmark="dream-1k",
            subset=source,
            clip=Clip(source=()),
            prompt="USER: <video> Describe the video in detail.\nASSISTANT:",
            targets=(reference,),
            cluster=f"video{number}",
            metadata={} if events is None else {"events": events},
        )
        said = outputs.get(f"d{number}", output)
        pairs.append((sample, Prediction(id=sample.id, prompt=sample.prompt, output=said, error=None, n_frames=8)))
    return write_rows(path, pairs)


def questions(path: Path, rows: Sequence[tuple[str, str, str, str | None]] = QUESTIONS) -> Path:
    """Write questions as a prediction file."""
    pairs = []
    for number, (video, question, answer, output) in enumerate(rows):
        sample = Sample(
            id=f"MSVD-QA-val_{number}",
            benchmark="msvd-qa",
            subset="",
            clip=Clip(source=()),
            prompt=f"USER: <video>\n{question}\nASSISTANT:",
            targets=(answer,),
            cluster=video,
            metadata={"question": question},
        )
        error = "missing: gone.mp4" if output is None else None
        pairs.append((sample, Prediction(id=sample.id, prompt=sample.prompt, output=output, error=error, n_frames=8)))
    return write_rows(path, pairs)


def many_questions(path: Path, n: int) -> Path:
    """Write so many questions, each of its own; every other answer is right."""
    rows = [(f"vid{i // 5}", f"what is number {i}?", "dog", "a dog" if i % 2 == 0 else "a cat") for i in range(n)]
    return questions(path, rows)


def pack(folder: Path) -> Path:
    """Write a protocol pack with a wording of the shape of upstream's."""
    folder.mkdir(parents=True)
    (folder / "wording.json").write_text(json.dumps(UPSTREAM_LIKE), encoding="utf-8")
    digest = hashlib.sha256((folder / "wording.json").read_bytes()).hexdigest()
    files = {"wording.json": {"sha256": digest, "commit": "a" * 40, "rows": {}}}
    (folder / "pack.json").write_text(json.dumps({"files": files}), encoding="utf-8")
    return folder


def settings(root: Path) -> list[str]:
    """Return the overrides that keep a test's verdicts and prices to itself."""
    prices = root / "prices.yaml"
    if not prices.exists():
        prices.write_text(PRICES, encoding="utf-8")
    return [f"verdicts={root / 'v.sqlite'}", f"prices={prices}"]


def served(url: str, *more: str) -> list[str]:
    """Return what names the judge at a URL, with little patience."""
    return ["--judge", url, "judge.model=stand-in", "judge.tries=2", "judge.timeout_s=20", *more]


def score(pred: Path, out: Path, judge: Sequence[str], *more: str, protocol: str = "native") -> int:
    bench = "dream-1k" if json.loads(pred.read_text().splitlines()[0])["benchmark"] == "dream-1k" else "msvd-qa"
    flags = ["--pred", str(pred), "--bench", bench, "--out", str(out), "--protocol", protocol]
    return main(["score", *flags, *judge, *settings(out.parent), *more])


def result(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "result.json").read_text(encoding="utf-8"))
    return found


def overall(out: Path, field: str = "value") -> dict[tuple[str, str], float]:
    """Return a field of every overall metric by name and accounting."""
    metrics = result(out)["metrics"]
    return {(m["name"], m["accounting"]): m[field] for m in metrics if m["subset"] == "overall"}
