"""Checks that each extra can be installed alone, and gives what it is for: before a release.

    python scripts/check_extras.py [extra ...]

The wheel goes into an empty virtual environment, at the versions of constraints.txt: that is `none`, the package by
itself. Each extra gets an environment that sees that one and no other extra. In each, pip finds nothing missing, the
commands list what there is, and what the extra promises is imported. Needs an index of packages, two gigabytes, and
minutes.

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
    "nltk": "import nltk.translate.meteor_score",
    "decord": "from eval.video.decord_reader import version; version(); import decord",
    "frames": "import pandas, eval.frames",
    "docs": "import sphinx, myst_parser, furo",
    "hf": "import num2words, torchvision",
    "hub": "import pyarrow.parquet, eval.archives.parquet",
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


def check(extra: str, wheel: Path, folder: Path, seen: Path | None) -> str | None:
    """Install the wheel with an extra into a new environment; return what went wrong there, if anything.

    Args:
        extra: name of the extra, or `none`
        wheel: the wheel
        folder: where the environment is made
        seen: another environment, whose packages this one sees
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    if seen:
        (mine,), (others,) = (each.glob("lib/python*/site-packages") for each in (folder, seen))
        (mine / "others.pth").write_text(f"{others}\n", encoding="utf-8")
    package = str(wheel) if extra == NONE else f"{wheel}[{extra}]"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir")
    return (
        run(*pip, "install", "--quiet", "-c", PROJECT / "constraints.txt", package, cwd=folder)
        or run(*pip, "check", cwd=folder)
        or run(python, "-m", "eval", "list", cwd=folder)
        or run(python, "-c", PROMISES[extra], cwd=folder)
    )


def main() -> int:
    """Check the extras named on the command line, or all; return the exit code."""
    parser = argparse.ArgumentParser(description="Check that each extra can be installed alone.")
    parser.add_argument("extras", nargs="*", metavar="extra", help=f"of {', '.join(PROMISES)}; default: all")
    chosen = parser.parse_args().extras or list(PROMISES)
    if unknown := [extra for extra in chosen if extra not in PROMISES]:
        parser.error(f"no extra {unknown[0]!r}; there are {', '.join(PROMISES)}")
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        if problem := run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", room, cwd=PROJECT):
            print(problem)
            return 1
        (wheel,) = room.glob("*.whl")
        failed = []
        for extra in dict.fromkeys([NONE, *chosen]):
            problem = check(extra, wheel, room / extra, None if extra == NONE else room / NONE)
            print(f"{extra}: {problem or 'fine'}", flush=True)
            if problem:
                failed.append(extra)
                if extra == NONE:
                    break
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
