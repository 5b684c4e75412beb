"""Checks that each extra can be installed alone, and gives what it is for: before a release.

    python scripts/check_extras.py [extra ...]

For each extra a virtual environment of its own, with the wheel, that extra and nothing else, at the versions of
constraints.txt; the extra `none` is the package by itself. In it the commands list what there is, and what the extra
promises is imported. Needs the network or another index that pip knows, and some gigabytes and minutes for each extra.
Exit code 0: all are fine; 1: some are not, each with the end of what was said.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

NONE = "none"

PROMISES = {
    NONE: "import tarsier_eval, torch, transformers",
    "captions-java": "import pycocoevalcap.cider.cider",
    "decord": "from eval.video.decord_reader import version; version(); import decord",
    "frames": "from eval.frames import DataFrame; import pandas",
    "hf": "import num2words, torchvision",
    "joblib": "import hydra_plugins.hydra_joblib_launcher.joblib_launcher",
    "multi-gpu": "import accelerate",
    "parquet": "import pyarrow.parquet",
    "plots": "from eval.report.figures import has_matplotlib; assert has_matplotlib()",
    "ray": "import ray, eval.engines.ray",
    "slurm": "import hydra_plugins.hydra_submitit_launcher.submitit_launcher",
}
"""The statement that runs where an extra is installed, for each; `dev` is for a checkout, and `make test` needs it."""


def run(*words: str | Path, cwd: Path) -> str | None:
    """Run a command, and return the end of what it said where it failed."""
    done = subprocess.run(
        list(map(str, words)), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return None if done.returncode == 0 else f"{words[0]} ended with {done.returncode}: {done.stdout[-2000:]}"


def check(extra: str, wheel: Path, folder: Path) -> str | None:
    """Install the wheel with an extra into a new environment in a folder; return what went wrong there, if anything."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    package = str(wheel) if extra == NONE else f"{wheel}[{extra}]"
    install = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-cache-dir")
    return (
        run(python, *install, "-c", PROJECT / "constraints.txt", package, cwd=folder)
        or run(python, "-m", "pip", "check", cwd=folder)
        or run(python.with_name("tarsier-eval"), "list", cwd=folder)
        or run(python, "-c", PROMISES[extra], cwd=folder)
    )


def main() -> int:
    """Check the extras named on the command line, or all; return the exit code."""
    parser = argparse.ArgumentParser(description="Check that each extra can be installed alone.")
    parser.add_argument("extras", nargs="*", metavar="extra", help=f"of {', '.join(PROMISES)}; default: all")
    chosen = parser.parse_args().extras or list(PROMISES)
    if unknown := [extra for extra in chosen if extra not in PROMISES]:
        parser.error(f"no extra {unknown[0]!r}; there are {', '.join(PROMISES)}")
    failed = False
    with tempfile.TemporaryDirectory() as room:
        built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", room, cwd=PROJECT)
        if built:
            print(built)
            return 1
        (wheel,) = Path(room).glob("*.whl")
        for extra in chosen:
            with tempfile.TemporaryDirectory(dir=room) as folder:
                problem = check(extra, wheel, Path(folder))
            print(f"{extra}: {problem or 'fine'}", flush=True)
            failed = failed or problem is not None
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
