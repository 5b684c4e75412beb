"""`tarsier-eval watch`: the page of a run that is going on."""

from __future__ import annotations

import argparse

HELP = "follow a running evaluation in the browser: rate, time left, failures, the newest samples"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--run", metavar="DIR", required=True, help="run folder, or folder of several")
    parser.add_argument("--port", metavar="N", type=int, default=0, help="port of 127.0.0.1 (default: any free one)")


def run(given: argparse.Namespace) -> bool:
    """Serve the page until Ctrl-C."""
    from eval.readers.malformed import printable
    from eval.running.watching import watch

    def tell(line: str) -> None:
        print(printable(line), flush=True)

    watch(given.run, given.port, tell)
    return True
