"""A small world in which it is known what each subtask needs, in the files of MVBench, to check probes on.

    python -m benchmarks.mini.probed FOLDER [--videos 60]

Each video is one colour, then another, above a stripe of a third. Four subtasks ask about it:

    Moving Direction           which colour comes first: the order of frames
    Object Existence           the colour of the stripe: any one frame
    Counterfactual Inference   which option is a word that the question says: the text alone
    Moving Count               what no frame and no word tells: nothing
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.mini import prompts
from benchmarks.mini.clips import Frames, write_video
from benchmarks.mini.scenes import COLOURS
from benchmarks.mini.trees.writing import Row, tarsier_row, write_rows

SIDE, N_FRAMES = 64, 16
STRIPE = 40
"""The first row of pixels of the stripe."""
NEEDS: Mapping[str, str] = {
    "Moving Direction": "motion",
    "Object Existence": "video",
    "Counterfactual Inference": "text",
    "Moving Count": "unknown",
}
"""What each subtask needs, in the words of a report of probes."""
FIRST, STRIPED, WORD = "Which colour comes first?", "Which colour is the stripe?", "Which option says {}?"
UNTOLD = "Which colour comes next week?"


def write(folder: Path, videos: int = 60) -> None:
    """Write the videos, and the questions about them as upstream's rows."""
    rows: list[Row] = []
    for number in range(videos):
        rng = random.Random(f"probed-{number}")
        first, second, stripe = rng.sample(list(COLOURS), 3)
        vid = f"clevrer/video_validation/P{number:04d}.mp4"
        write_video(folder / "MVBench" / "video" / vid, _drawn(first, second, stripe))
        for subtask, question, answer, wrong in _asked(rng, first, second, stripe):
            others = [colour for colour in COLOURS if colour not in (answer, wrong)]
            options = [answer, wrong, *rng.sample(others, 2)]
            rng.shuffle(options)
            asked = f"Question: {question}\n{prompts.lettered(options)}"
            letter = "ABCD"[options.index(answer)]
            prompt = f"USER: <video>\n{asked}ASSISTANT: Answer: ("
            rows.append(tarsier_row(f"MVBench/{subtask}", len(rows), prompt, letter, vid, asked))
    write_rows(folder, "MVBench.jsonl", rows)


def _drawn(first: str, second: str, stripe: str) -> Frames:
    frames = np.empty((N_FRAMES, SIDE, SIDE, 3), np.uint8)
    frames[: N_FRAMES // 2], frames[N_FRAMES // 2 :] = COLOURS[first], COLOURS[second]
    frames[:, STRIPE:] = COLOURS[stripe]
    return frames


def _asked(rng: random.Random, first: str, second: str, stripe: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield subtask, question, answer, and an option that is wrong."""
    one, other = rng.sample(list(COLOURS), 2)
    yield "Moving Direction", FIRST, first, second
    yield "Object Existence", STRIPED, stripe, first
    yield "Counterfactual Inference", WORD.format(one), one, other
    yield "Moving Count", UNTOLD, other, one


def main() -> None:
    """Write the world into a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--videos", type=int, default=60)
    given = parser.parse_args()
    write(given.folder, given.videos)


if __name__ == "__main__":
    main()
