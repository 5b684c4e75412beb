"""The page of a comparison: each further run against the first, in the form of `web/src/payload.ts`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from eval.analysis.compare.change import Change
from eval.analysis.compare.several import Comparisons
from eval.analysis.compare.systems import Comparison
from eval.analysis.compare.view import COLUMNS, circumstances, counted, explained, is_blind, left_out, verdict
from eval.analysis.judges.comparison import JudgeFlip, flips_between
from eval.analysis.judges.opinions import judged_in
from eval.analysis.judges.view import told_differences, told_grade
from eval.analysis.page.run import run_payload
from eval.core import JudgedTraits
from eval.provenance import versions
from eval.report.printing import printed, titled
from eval.runs.differences import differences_of
from eval.runs.scored import ScoredRun
from eval.scorers.traits import traits_of

MOST_TITLES = 3
"""Most benchmarks that a title names."""


def compare_payload(
    compared: Sequence[Comparison | Comparisons], runs: Sequence[ScoredRun], *, page_folder: Path
) -> dict[str, Any]:
    """Return the data of a page.

    Args:
        compared: Comparisons of these runs.
        runs: Runs, found by their folders.
        page_folder: The folder that the page will lie in.
    """
    pairs = [pair for each in compared for pair in _pairs(each)]
    comparisons = [each for each, _ in pairs]
    by_folder = {str(run.folder): run for run in runs}
    folders = list(dict.fromkeys(name for each in comparisons for name in (each.first_folder, each.second_folder)))
    shown = [run_payload(by_folder[name], page_folder=page_folder) for name in folders]
    for run, name in zip(shown, _names(folders), strict=True):
        run["name"] = name
    models = list(dict.fromkeys(by_folder[name].result.model for name in folders))
    titles = list(dict.fromkeys(str(run["title"]) for run in shown))
    about = ", ".join(titles) if len(titles) <= MOST_TITLES else f"{len(titles)} benchmarks"
    return {
        "kind": "compare",
        "title": f"{', '.join(models)} on {about}" if len(models) > 1 else f"{models[0]} on {about}, {len(shown)} runs",
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "version": versions()["tarsier-eval"],
        "runs": shown,
        "notes": [line for each in compared if isinstance(each, Comparisons) for line in left_out(each)],
        "comparisons": [
            {
                "first": folders.index(each.first_folder),
                "second": folders.index(each.second_folder),
                "rows": [_row(change) for change in each.changes],
                "p_adjusted": adjusted,
                "gained": [one.id for one in each.turned if one.second > one.first],
                "lost": [one.id for one in each.turned if one.second < one.first],
                **_judges(by_folder[each.first_folder], by_folder[each.second_folder]),
                "caveats": _caveats(each, *(shown[folders.index(n)] for n in (each.first_folder, each.second_folder))),
                "sentence": f"{verdict(each)} {counted(each)}{_by(each)}".strip(),
                "explained": explained(each.changes, COLUMNS),
            }
            for each, adjusted in pairs
        ],
    }


def _by(comparison: Comparison) -> str:
    by = comparison.turned_by
    return f" Samples that are better or worse in the second are so by {by}." if by else ""


def _pairs(compared: Comparison | Comparisons) -> list[tuple[Comparison, float | None]]:
    """Return each comparison with its p adjusted for several benchmarks."""
    if isinstance(compared, Comparison):
        return [(compared, None)]
    return list(zip(compared.comparisons, compared.p_adjusted, strict=True))


def _caveats(comparison: Comparison, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return what differs between two runs, and the caveats of both, once where they are the same."""
    one, two = first["caveats"], second["caveats"]
    both = [text for text in one if text in two]
    sides = (("Each run", both), ("First run", one), ("Second run", two))
    own = [f"{whose}: {text}" for whose, texts in sides for text in texts if texts is both or text not in both]
    # A run's own line says how much is missing too.
    counted_there = [run for run in (first, second) if any("INCOMPLETE" in text for text in run["caveats"])]
    said = [f"INCOMPLETE: {run['folder']}" for run in counted_there]
    return [*(line for line in circumstances(comparison) if line not in said), *own]


def _names(folders: Sequence[str]) -> list[str]:
    """Return a name for each of several folders: its path within the folder that holds them all."""
    try:
        common = os.path.commonpath(folders)
    except ValueError:  # on several drives
        return list(folders)
    paths = [Path(folder) for folder in folders]
    return [path.name if str(path) == common else path.relative_to(common).as_posix() for path in paths]


def _row(change: Change) -> dict[str, Any]:
    return {
        "metric": change.name,
        "accounting": change.accounting,
        "subset": change.subset,
        "n": change.n,
        "n_clusters": change.n_clusters,
        "first": change.first,
        "second": change.second,
        "difference": change.difference,
        "interval": None if change.low is None or change.high is None else [change.low, change.high],
        "p": change.p,
        "p_adjusted": change.p_adjusted,
        "detectable": change.detectable,
        "blind": is_blind(change),
    }


def _judges(first: ScoredRun, second: ScoredRun) -> dict[str, Any]:
    """Return the samples on which two judges, or one at two times, differ about the same output, and who they are."""
    one, two = judged_in(first), judged_in(second)
    judged = traits_of(first.scorer).judged
    if one is None or two is None or judged is None:
        return {"judges": [], "judged_by": None}
    differences = differences_of(one.identity, two.identity)
    return {
        "judges": [
            {"id": flip.id, "first": _told(flip, "first", judged), "second": _told(flip, "second", judged)}
            for flip in flips_between(one, two)
        ],
        "judged_by": {
            "first": one.judge,
            "second": two.judge,
            "differ": f"They differ in {told_differences(differences)}." if differences else "",
        },
    }


def _told(flip: JudgeFlip, side: str, judged: JudgedTraits) -> str:
    values: Mapping[str, float] = getattr(flip, side)
    if not judged.items:
        return told_grade(values, judged)
    labels = (f"{each.event}: {getattr(each, side)}" for each in flip.relabelled)
    return "; ".join([", ".join(f"{titled(name)} {printed(name, values[name])}" for name in judged.values), *labels])
