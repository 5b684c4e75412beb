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
    parser.add_argument("--run", metavar="DIR", required=True, help="run folder, or folder of a score")
    parser.add_argument("--to", metavar="FILE", required=True, help="the archive to write, such as run.tar.gz")
    add_settings(parser)


def run(given: argparse.Namespace) -> bool:
    """Write a run, or a score, as one bundle."""
    from eval.running.bundling import bundle_run

    show_bundle(bundle_run(given.run, given.to, given.overrides))
    return True


def show_bundle(written: WrittenBundle) -> None:
    """Print the content of a bundle that was written."""
    from eval.readers.malformed import printable
    from eval.running.outcome import say

    for name, count in written.naming_places.items():
        say(f"{count} lines of {name} name folders of this machine, as error messages do; they are packed as they are.")
    said = f"{', '.join(written.files)} of {written.folder} written to {written.path}: {written.size} bytes"
    print(printable(f"{said}, sha256 {written.sha256}."))
