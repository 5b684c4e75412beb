"""Measure the page of a run of 13,691 samples: time to write it, its size, how fast it opens and filters in a browser.

    .venv/bin/python scripts/bench_report.py [--samples N] [--clips N] [--rounds N]

Needs Chromium and the package playwright. The run is made of TGIF-QA of the built-in world, a sample again and again
under other ids with other words in it; its pictures are of eight frames of smoothed noise, which take up more than
those of most clips.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from eval.core import Strip

GOALS = {
    "write, s": 60.0,
    "size, MB": 15.0,
    "size with pictures, MB": 250.0,
    "interactive after, s": 2.0,
    "filter, ms": 100.0,
}

# From a change of the page's state to the first frame that shows the new count.
FILTER = """
state => new Promise(done => {
    const began = performance.now();
    new MutationObserver((_, observer) => {
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    }).observe(document.getElementById("found"), {characterData: true, childList: true, subtree: true});
    location.hash = state;
})
"""
# The rows of the list are drawn when the page says that it is ready.
READY = """
() => new Promise(done => {
    const look = () => document.querySelector("html[data-ready]") && document.querySelector(".rows tbody tr")
        ? done(performance.now()) : requestAnimationFrame(look);
    look();
})
"""
STATES = ("q=circle", "q=the+circle", "outcome=wrong", "outcome=wrong&q=square", "outcome=right&sort=-value")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=13_691)
    parser.add_argument("--clips", type=int, default=7_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    from playwright.sync_api import sync_playwright

    from eval.running.reporting import report

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = _run(Path(name), args.samples, args.clips)
        began = time.perf_counter()
        path = report(folder)
        measured: dict[str, float] = {"write, s": time.perf_counter() - began, "size, MB": path.stat().st_size / 1e6}
        pictures = sum(picture.stat().st_size for picture in (Path(name) / "run" / "thumbnails").iterdir())
        measured["size with pictures, MB"] = measured["size, MB"] + pictures / 1e6
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        rounds = [_round(browser, path.as_uri()) for _ in range(args.rounds)]
        browser.close()
    measured |= {name: median(taken[name] for taken in rounds) for name in rounds[0]}
    for name, number in measured.items():
        goal = next((f"   goal {goal:g}" for key, goal in GOALS.items() if name.startswith(key)), "")
        print(f"{name:<44} {number:8.2f}{goal}")


def _run(base: Path, n_samples: int, n_clips: int) -> Path:
    """Return the folder of a scored run of so many samples about so many clips."""
    from eval.running.request import EvalRequest, ScoreRequest
    from eval.running.score_file import score
    from eval.running.start import evaluate
    from eval.runs.thumbnails import keep_strips

    evaluate(EvalRequest(bench="tgif-qa", out=base / "small", overrides=["report=false"]))
    rows = [json.loads(line) for line in (base / "small" / "predictions.jsonl").read_text().splitlines()]
    words = sorted({word for row in rows for word in row["prompt"].split()})
    rng = random.Random(0)
    strips = [_strip(rng) for _ in range(64)]
    folder = base / "run"
    folder.mkdir()
    names = []
    for clip in range(n_clips):
        strip = strips[clip % len(strips)]
        names.append(f"{clip:016x}.webp")
        keep_strips(folder, [replace(strip, name=names[-1])])
    with (base / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for number in range(n_samples):
            row = dict(rows[number % len(rows)])
            clip = number % n_clips
            question = " ".join(rng.choices(words, k=9)) + "?"
            row |= {"id": f"TGIF-QA-test_{number}", "cluster": f"clip{clip}", "prompt": f"USER: <video> {question}"}
            row["metadata"] = {**row["metadata"], "question": question, "vid": f"clip{clip}"}
            row["output"] = " ".join(rng.choices(words, k=4)) if number % 3 else row["output"]
            row["shown"] = [{"file": f"gifs/tumblr_{clip:05}.gif", "frames": list(range(0, 40, 5)), "times": []}]
            row["strip"] = {"file": f"thumbnails/{names[clip]}", "columns": 8, "cell": list(strips[0].cell)}
            file.write(json.dumps(row) + "\n")
    (base / "predictions.jsonl").replace(folder / "predictions.jsonl")
    score(ScoreRequest(predictions=folder, bench="tgif-qa", out=base / "score", overrides=["report=false"]))
    return base / "score"


def _strip(rng: random.Random) -> Strip:
    """Return the picture of eight frames of smoothed noise."""
    from PIL import Image, ImageFilter

    from eval.video.strip import strip_of

    frames = []
    for _ in range(8):
        coarse = Image.frombytes("RGB", (32, 24), rng.randbytes(32 * 24 * 3)).resize(
            (336, 336), Image.Resampling.BICUBIC
        )
        fine = Image.frombytes("RGB", (336, 336), rng.randbytes(336 * 336 * 3)).filter(ImageFilter.GaussianBlur(1))
        frames.append(Image.blend(coarse, fine, 0.15))
    return strip_of(frames)


def _round(browser: Any, url: str) -> dict[str, float]:
    page = browser.new_page()
    page.goto(f"{url}#tab=samples")
    taken = {"interactive after, s": page.evaluate(READY) / 1000}
    page.wait_for_timeout(1000)  # the texts that a search looks through are made meanwhile
    for state in STATES:
        taken[f"filter, ms: {state}"] = page.evaluate(FILTER, f"tab=samples&{state}")
    page.close()
    return taken


if __name__ == "__main__":
    main()
