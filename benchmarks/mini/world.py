"""Write the built-in world: `python -m benchmarks.mini.world [FOLDER]`.

    <benchmark>/                        clips and official files, as the data set is distributed
    annotations/<upstream's name>.jsonl the same samples as upstream's rows
    MANIFEST.json                       SHA-256 of every file, seeds, library versions

The same seeds and libraries give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.mini.trees import (
    activitynet_qa,
    dream_1k,
    egoschema,
    favor_bench,
    msrvtt,
    msvd,
    mvbench,
    nextqa,
    tgif_qa,
    tvbench,
    vatex,
    video_mme,
)
from benchmarks.mini.trees.writing import SEEDS_PER_TREE

HERE = Path(__file__).parent
WORLD = HERE / "world"
FIRST_SEED = 0
"""Of MVBench."""
OTHERS_SEED = 20_000
"""Of the first of the other trees."""
OTHERS = (
    tvbench, nextqa, egoschema, video_mme, favor_bench, msvd, msrvtt, activitynet_qa, tgif_qa, vatex, dream_1k,
)  # fmt: skip
"""What is written after MVBench, in the order of their seeds: append only, or clips and answers change."""
LIBRARIES = ("av", "numpy", "pillow")
"""What the bytes of the clips depend on."""


def write_world(folder: Path) -> None:
    """Write everything below `folder`, which is emptied first."""
    if folder.exists() and not (folder / "MANIFEST.json").exists():
        raise SystemExit(f"{folder} is there and is not a built-in world; give another folder")
    shutil.rmtree(folder, ignore_errors=True)
    mvbench.write(folder, FIRST_SEED)
    for number, tree in enumerate(OTHERS):
        tree.write(folder, OTHERS_SEED + number * SEEDS_PER_TREE)
    manifest = {
        "first_seed": FIRST_SEED,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "files": file_hashes(folder),
    }
    (folder / "MANIFEST.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, but of its manifest, by path in order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "MANIFEST.json")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the world into the folder given, by default the committed one."""
    parser = argparse.ArgumentParser(description="Write the clips and rows of the built-in world.")
    parser.add_argument("folder", type=Path, nargs="?", default=WORLD)
    write_world(parser.parse_args(arguments).folder)


if __name__ == "__main__":
    main()
