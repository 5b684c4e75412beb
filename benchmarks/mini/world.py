"""Write the built-in world: `python -m benchmarks.mini.world [FOLDER]`.

    <benchmark>/                        clips and official files, as the data set is distributed
    annotations/<upstream's name>.jsonl the same samples as upstream's rows
    MANIFEST.json                       SHA-256 of every file, library versions

The same seeds and libraries give the same bytes on the same kind of processor; elsewhere the encoder may choose others
for a few clips. A new tree is therefore written beside the committed ones: `--only tomato`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from benchmarks.mini import trees

HERE = Path(__file__).parent
WORLD = HERE / "world"
LIBRARIES = ("av", "numpy", "pillow")
"""What the bytes of the clips depend on."""


def all_trees() -> list[ModuleType]:
    """Return the modules of `trees/` that write one, in the order of their seeds."""
    modules = (importlib.import_module(f"{trees.__name__}.{found.name}") for found in iter_modules(trees.__path__))
    return sorted((one for one in modules if hasattr(one, "FIRST_SEED")), key=lambda one: one.FIRST_SEED)


def write_world(folder: Path, only: Sequence[str] = ()) -> None:
    """Write all trees below `folder`, which is emptied first; or only some, beside what is there."""
    if folder.exists() and not (folder / "MANIFEST.json").exists():
        raise SystemExit(f"{folder} is there and is not a built-in world; give another folder")
    if not only:
        shutil.rmtree(folder, ignore_errors=True)
    for tree in all_trees():
        if not only or tree.__name__.rpartition(".")[2] in only:
            tree.write(folder, tree.FIRST_SEED)
    manifest = {
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
    names = [tree.__name__.rpartition(".")[2] for tree in all_trees()]
    parser.add_argument("--only", nargs="+", choices=names, default=(), help="trees to write beside those there")
    given = parser.parse_args(arguments)
    write_world(given.folder, given.only)


if __name__ == "__main__":
    main()
