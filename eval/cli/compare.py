"""`tarsier-eval compare`: two or more models, or settings of one, on the same samples."""

from __future__ import annotations

import argparse

from eval.cli.flags import write_to

HELP = "runs or scores on the same samples: difference, interval, flips"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    parser.add_argument("--first", metavar="DIR", required=True, help="folder of a run, a score, or several runs")
    parser.add_argument(
        "--second",
        nargs="+",
        action="extend",
        metavar="DIR",
        required=True,
        help="folder of another on the same samples; of several, each is compared with the first",
    )
    parser.add_argument("--to", metavar="FILE", help="file to write it to as well: a page (.html), or JSON")
    parser.add_argument(
        "--accept", nargs="+", action="extend", metavar="FIELD", help="differences in what was measured to put up with"
    )


def run(given: argparse.Namespace) -> bool:
    """Show the differences between systems on the same samples of a benchmark, or of each of several."""
    from dataclasses import asdict
    from functools import cache

    from eval.analysis.compare.page import compare_payload
    from eval.analysis.compare.several import Comparisons, compare_several
    from eval.analysis.compare.systems import Comparison, compare_systems
    from eval.analysis.compare.view import show_comparison, show_comparisons
    from eval.api import load
    from eval.files import absolute
    from eval.readers.malformed import printable
    from eval.report.page.page import page_file, write_page
    from eval.runs.folder import runs_in

    is_page = bool(given.to) and given.to.lower().endswith(".html")
    path = page_file(given.to) if is_page else None
    run_of = cache(load)
    first = absolute(given.first)
    found: list[Comparison | Comparisons] = []
    for second in dict.fromkeys(map(absolute, given.second)):
        several = [runs_in(each) for each in (first, second)]
        if all(several) and max(map(len, several)) > 1:
            ours, others = ([run_of(run) for run in runs] for runs in several)
            compared = compare_several(ours, others, given.accept or ())
            show_comparisons(compared)
            found.append(compared)
        else:
            comparison = compare_systems(run_of(first), run_of(second), given.accept or ())
            show_comparison(comparison)
            found.append(comparison)
    if path is not None:
        alone = [one for each in found for one in (each.comparisons if isinstance(each, Comparisons) else [each])]
        runs = [run_of(absolute(name)) for one in alone for name in (one.first_folder, one.second_folder)]
        write_page(path, compare_payload(found, runs, page_folder=path.parent))
    else:
        told = [asdict(each) for each in found]
        write_to(given.to, told[0] if len(told) == 1 else {"comparisons": told})
    if given.to:
        print(printable(f"Written to {absolute(given.to)}"))
    return True
