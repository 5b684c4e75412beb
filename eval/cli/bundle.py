"""`tarsier-eval bundle`: a run in one file, which gives the same leaderboard rows on any machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from eval.cli.flags import add_settings

if TYPE_CHECKING:
    from eval.running.bundling import WrittenBundle

HELP = "pack a run, without media, so that others get the same numbers"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--run", metavar="DIR", required=True, help="folder of a run, a score, or several runs")
    parser.add_argument(
        "--to",
        metavar="FILE",
        required=True,
        help="the archive to write, such as run.tar.gz (of several: run-<folder>.tar.gz)",
    )
    add_settings(parser)


def run(given: argparse.Namespace) -> bool:
    """Write a run, or a score, as one bundle; each run in a folder of several as its own."""
    from eval.files import absolute
    from eval.running.bundling import bundle_run
    from eval.runs.bundle import SUFFIX
    from eval.runs.folder import runs_in

    inside = runs_in(absolute(given.run))
    each = {run: f"{given.to.removesuffix(SUFFIX)}-{run.name}{SUFFIX}" for run in inside}
    for run, to in (each if len(inside) > 1 else {given.run: given.to}).items():
        show_bundle(bundle_run(run, to, given.overrides))
    return True


def show_bundle(written: WrittenBundle) -> None:
    """Print the content of a bundle that was written."""
    from eval.readers.malformed import printable
    from eval.running.outcome import say

    for name, count in written.naming_places.items():
        say(f"{count} lines of {name} name folders of this machine, as error messages do; they are packed as they are.")
    said = f"{', '.join(written.files)} of {written.folder} written to {written.path}: {written.size} bytes"
    print(printable(f"{said}, sha256 {written.sha256}."))
