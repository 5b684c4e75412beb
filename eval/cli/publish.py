"""`tarsier-eval publish`: runs as a data set that others can load, in a folder and, only when asked, on the hub."""

from __future__ import annotations

import argparse

HELP = "runs as a data set: Parquet, a card, records of the results; --push uploads it"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument(
        "--run", nargs="+", metavar="PLACE", required=True, help="run folders, folders of them, or bundles"
    )
    parser.add_argument("--to", metavar="DIR", required=True, help="folder to write, or an earlier publication")
    parser.add_argument("--push", metavar="OWNER/NAME", help="upload it to this data set on the Hugging Face Hub")
    parser.add_argument(
        "--licence", "--license", metavar="ID", help="licence of outputs and scores, as the hub names it: cc-by-4.0"
    )
    parser.add_argument(
        "--with-annotations",
        action="store_true",
        help="push questions and references too of benchmarks whose licence does not clearly allow it",
    )


def run(given: argparse.Namespace) -> bool:
    """Write the publication, and upload it where that is asked for."""
    from eval.analysis.publish.publishing import publish
    from eval.analysis.publish.push import push
    from eval.readers.malformed import printable
    from eval.running.outcome import say

    published = publish(given.run, given.to, given.push, given.licence, with_annotations=given.with_annotations)
    for note in published.notes:
        say(note)
    print(printable(published.said))
    if given.push:
        print(f"Published at {push(published.publication, given.push, published.folder)}")
    return True
