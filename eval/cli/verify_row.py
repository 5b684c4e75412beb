"""`tarsier-eval verify-row`: a check that computes a row of the leaderboard again."""

from __future__ import annotations

import argparse

from eval.cli.flags import add_data_flag, add_settings

HELP = "compute a row of the leaderboard again from its run or bundle"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument(
        "--row", metavar="ROW", required=True, help="its number, its name, or the beginning of its name"
    )
    parser.add_argument("--run", metavar="PLACE", help="run folder or bundle (default: what the row names)")
    parser.add_argument("--table", metavar="FILE", help="the CSV (default: results/leaderboard.csv)")
    add_data_flag(parser)
    add_settings(parser)


def run(given: argparse.Namespace) -> bool:
    """Compute a row again from its run or bundle; return whether it is equal."""
    from eval.readers.malformed import printable
    from eval.report.printing import one_line
    from eval.running.outcome import say
    from eval.running.verifying import called, verify_row

    found = verify_row(given.row, table=given.table, run=given.run, data=given.data, overrides=given.overrides)
    row = found.row
    name = one_line(f"{row.name}, {called(row)}")
    if found.difference is not None:
        say(f"{name}: {found.difference}")
        return False
    judged = "; the verdicts are the recorded ones" if found.served else ""
    value = "no value" if row.value is None else repr(row.value)
    print(printable(f"{name}: equal, {value} of {row.n} samples, computed from {found.place}{judged}."))
    return True
