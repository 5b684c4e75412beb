"""`tarsier-eval import`: the protocol pack, out of a clone of upstream's repository."""

from __future__ import annotations

import argparse

HELP = "take rows and judge wording out of a clone of upstream's repository"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument(
        "--upstream", metavar="DIR", required=True, help="clone of bytedance/tarsier; read as data, never run"
    )
    parser.add_argument("--to", metavar="DIR", help="the protocol pack (default: .protocol/upstream in the checkout)")


def run(given: argparse.Namespace) -> bool:
    """Import upstream's annotation rows and judge wording from a clone of its repository."""
    from eval.files import absolute, expanded
    from eval.readers.malformed import printable
    from eval.readers.pack import DEFAULT_PACK
    from eval.readers.upstream_import import import_upstream

    to = absolute(given.to) if given.to else DEFAULT_PACK
    pack = import_upstream(expanded(given.upstream), to)
    for name, entry in pack.files.items():
        rows = ", ".join(f"{dataset} {count}" for dataset, count in entry.rows.items())
        print(printable(f"{name}  {rows}".rstrip()))
    print(
        printable(
            f"Imported to {to}; runs that find no rows below DATA take these (not with benchmark.pack=null), and "
            "judges are asked in upstream's words (not with protocol=native)."
        )
    )
    return True
