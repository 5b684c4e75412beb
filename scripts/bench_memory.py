"""Measures memory, file descriptors and threads over a long run: 100,000 samples, a scripted model, some bad media.

    .venv/bin/python scripts/bench_memory.py [--samples 100000] [--bad 0.05]

Writes rows in upstream's format over as many small pictures as five samples a clip make, a share of them broken, runs
`tarsier-eval eval` on them, and prints what this process holds after 100 samples, at the end of predicting, at most.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from PIL import Image  # noqa: E402

from eval.__main__ import main as tarsier_eval  # noqa: E402
from eval.running import loop  # noqa: E402

QUESTIONS_A_CLIP = 5


def held() -> dict[str, float]:
    """Return what the process holds now: MB of memory, file descriptors, threads."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "MB": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
    }


def make_data(root: Path, samples: int, bad: float) -> list[str]:
    """Write pictures and rows; return the flags that a run on them takes."""
    good = root / "good.png"
    Image.new("RGB", (32, 32), "red").save(good)
    broken = root / "broken.png"
    broken.write_bytes(good.read_bytes()[:40])
    every = round(1 / bad) if bad else 0
    with (root / "rows.jsonl").open("w", encoding="utf-8") as file:
        for number in range(samples):
            clip = number // QUESTIONS_A_CLIP
            name = f"clip{clip}.png"
            if number % QUESTIONS_A_CLIP == 0:
                os.link(broken if every and clip % every == every - 1 else good, root / name)
            asked = f"Question: what is it, number {number}?\n(A) red\n(B) blue"
            text = {"prompt": f"USER: <video>\n{asked}\nASSISTANT: Answer: (", "response": "A"}
            row = {"idx": number, "dataset": "MVBench/Action Sequence", "text": text, "video_file": name, "vid": name}
            file.write(json.dumps(row) + "\n")
    return ["--data", str(root), "--ann", str(root / "rows.jsonl")]


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--samples", type=int, default=100_000)
    arguments.add_argument("--bad", type=float, default=0.05, help="share of the clips that can't be read")
    given = arguments.parse_args()
    seen: list[tuple[int, dict[str, float]]] = []
    keep = loop._keep
    count = 0

    def noted(predicted: Any, *rest: Any) -> None:
        nonlocal count
        keep(predicted, *rest)
        count += len(predicted)
        if not seen or count >= 100 > seen[-1][0] or count - seen[-1][0] >= max(100, given.samples // 20):
            seen.append((count, held()))

    loop._keep = noted  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        flags = make_data(data, given.samples, given.bad)
        start = time.perf_counter()
        code = tarsier_eval(
            ["eval", "--bench", "mvbench", "--model", "scripted", "--out", str(Path(folder) / "run"), *flags]
        )
        seconds = time.perf_counter() - start
    at_100 = next(values for number, values in seen if number >= 100)
    last = seen[-1][1]
    print(f"\nexit code {code}, {seconds:.0f} s, {given.samples / seconds:.0f} samples a second\n")
    print("| samples predicted | MB | descriptors | threads |\n|---|---|---|---|")
    for number, values in seen:
        print(f"| {number} | {values['MB']:.1f} | {values['descriptors']} | {values['threads']} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"\nGrowth while predicting: {last['MB'] - at_100['MB']:.1f} MB. Peak of the whole run: {peak:.0f} MB.")


if __name__ == "__main__":
    main()
