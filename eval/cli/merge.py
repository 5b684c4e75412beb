"""`tarsier-eval merge`: join the shards of a run."""

from __future__ import annotations

import argparse

HELP = "join the shards of a run (eval --shard 1/4) into one run, and score it"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--runs", nargs="+", metavar="DIR", required=True, help="the run folders of all shards")
    parser.add_argument("--out", metavar="DIR", help="run folder to be made (default: results/runs/<time>-merged)")


def run(given: argparse.Namespace) -> bool:
    """Join shards; return whether no sample failed."""
    from eval.running.merging import merge
    from eval.running.outcome import is_whole

    return all(is_whole(result) for result in merge(given.runs, given.out))
