"""Shows what becomes of bad media: of files that are no videos, that are damaged, or that are made to do harm.

    python scripts/bad_media.py [--timeout 20] [--memory 2] [--only words of a name]

Each kind is made on the spot (`tests/video/bad_media.py`) and loaded by a FrameLoader with the others. Prints a
table in Markdown: kind, how it ended, seconds that it took, what was said. Ends with 1 where one ended otherwise than
it must.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eval.core import FramePolicy, Square
from eval.video.workers import FrameLoader
from tests.video.bad_media import FRAMES, KINDS


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds that a clip may take")
    parser.add_argument("--memory", type=float, default=2.0, help="gigabytes that a clip may take")
    parser.add_argument("--only", default="", help="kinds with this in their name")
    asked = parser.parse_args()
    kinds = [kind for kind in KINDS if asked.only in kind.name and not (kind.needs_user and os.geteuid() == 0)]
    wrong = []
    print("| kind | ended as | seconds | said |\n|---|---|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        clips = []
        for number, kind in enumerate(kinds):
            (Path(folder) / str(number)).mkdir()
            clips.append(kind.make(Path(folder) / str(number)))
        by_clip = dict(zip(map(id, clips), kinds, strict=True))
        with FrameLoader(timeout_s=asked.timeout, memory_gb=asked.memory) as loader:
            for loaded in loader.load(clips, FramePolicy(n_frames=8, size=Square(side=336))):
                kind = by_clip[id(loaded.clip)]
                ended = loaded.error.reason if loaded.error else FRAMES
                said = loaded.error.detail.replace("|", "\\|") if loaded.error else f"{len(loaded.frames or ())} frames"
                if ended not in kind.ends_as:
                    wrong.append(kind.name)
                print(f"| {kind.name} | {ended} | {loaded.prepare[1] - loaded.decode[0]:.2f} | {said} |", flush=True)
    print(f"\n{len(kinds)} kinds, {len(wrong)} of which ended otherwise than they must{': ' * bool(wrong)}", end="")
    print(", ".join(wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
