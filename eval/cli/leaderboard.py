"""`tarsier-eval leaderboard`: one table of all runs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

HELP = "gather results, and published ones, into one table"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--runs", nargs="+", metavar="PLACE", help="run folders, folders of them, or bundles")
    parser.add_argument(
        "--to", metavar="FILE", help="the CSV (default: results/leaderboard.csv); .html, .md and .tex beside it"
    )
    parser.add_argument("--plots", metavar="DIR", help="draw figures for papers into it, as SVG and PNG")


def run(given: argparse.Namespace) -> bool:
    """Add the runs to the table; return whether all found runs could be read."""
    from eval.analysis.leaderboard.gathering import gather
    from eval.readers.malformed import printable
    from eval.report.printing import counted, one_line
    from eval.running.outcome import say
    from eval.scorers.traits import is_known

    gathered = gather(given.runs or (), given.to, given.plots)
    found, rows = gathered.found, gathered.rows
    for line in (*found.unfinished, *found.probes, *found.skipped):
        say(f"Skipped {one_line(line)}")
    if line := _superseded(gathered.superseded):
        say(line)
    if unknown := {f"{row.metric} of {row.benchmark}": None for row in rows if not is_known(row.metric)}:
        say(f"Shown as recorded, since no scorer here gives it: {', '.join(unknown)}. Its plugin is not here.")
    n_published = sum(row.origin == "published" for row in rows)
    probes = f"{counted(len(found.probes), 'probe')}, " if found.probes else ""
    said = (
        f"{counted(found.n_results, 'result')} with {counted(len(found.rows), 'row')} read, "
        f"{len(found.unfinished):,} not finished, {probes}{len(found.skipped):,} damaged or foreign. "
        f"{gathered.table} has {counted(len(rows), 'row')}, {n_published:,} of them published; "
        f" beside it {', '.join(path.name for path in gathered.beside)}."
    )
    print(printable(said))
    if given.plots:
        drawn = [path.name for path in gathered.drawn if path.suffix == ".svg"]
        told = f"{counted(len(drawn), 'figure')} in {given.plots}, as SVG and PNG: {', '.join(drawn)}."
        print(printable(told if drawn else "No run is in the table, so that no figure was drawn."))
    return not found.skipped


def _superseded(runs: Mapping[str, bool]) -> str:
    """Return a line that names the runs left out for another with the same settings; "" where there is none."""
    from eval.report.printing import one_line

    kinds = (
        ("incomplete, beside a complete one", [name for name, incomplete in runs.items() if incomplete]),
        ("older than another", [name for name, incomplete in runs.items() if not incomplete]),
    )
    told = "; ".join(f"{len(names)} {kind} ({', '.join(map(one_line, names))})" for kind, names in kinds if names)
    return f"Superseded by a run with the same settings: {told}." if told else ""
