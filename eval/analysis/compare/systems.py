"""Compares two systems on the same samples: every metric of the benchmark, every subset, and the samples that turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eval.analysis.compare.change import Change, Columns, Measure, change_of_mean, change_of_sums
from eval.analysis.compare.comparable import Continued, accepted_differences, continued, unknown_fields
from eval.analysis.differences import Difference, differences_of
from eval.core import OVERALL, Accounting, Score
from eval.errors import ConfigError
from eval.runs.scored import ScoredRun
from eval.scorers.accounting import ACCOUNTINGS, Average, video_of
from eval.scorers.caption import bleu_counts, corpus_bleu_of
from eval.scorers.event_table import RENAMED, f1_of
from eval.scorers.matching import MATCHES
from eval.stats.paired import holm

_MEANS: Mapping[str, Mapping[str, float]] = {
    "multiple_choice": {"accuracy": 1.0},
    "open_qa": {"accuracy": 1.0, "score": 5.0, **dict.fromkeys(MATCHES, 1.0)},
    "autodq": {"recall": 1.0, "precision": 1.0},
    "captioning": {"cider": 10.0, "rouge_l": 1.0},
}
"""By scorer, the metrics that are means over samples, with a sample's maximum.

`cider_corpus` is left out: its document frequencies depend on which samples were scored.
"""

_MOVES = {"f1": ("recall", "precision")}
"""Metrics that replace a primary metric without values for single samples, to list the samples that turn."""

Pair = tuple[Score, Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A sample on which one system is better than the other."""

    id: str
    target: str
    first: float
    """The first system's value; for f1, recall plus precision. 0 without a value."""
    second: float
    """The second system's value."""
    first_output: str | None
    """The first system's output, or the parsed answer where the output is not available; None: failed."""
    second_output: str | None
    """The second system's output, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two systems on the same samples."""

    benchmark: str
    primary: str
    """The benchmark's primary metric."""
    first: str
    """The first model."""
    second: str
    """The second model."""
    first_folder: str
    second_folder: str
    accepted: tuple[Difference, ...]
    """Accepted differences besides the models; they may explain the changes."""
    unknown: tuple[str, ...]
    """Fields that should agree but are missing in one folder."""
    differences: tuple[Difference, ...]
    """Differences in the models' settings: the subject of the comparison."""
    continued: tuple[Continued, ...]
    """Runs whose predictions were made with more than one setting, so that they are no single system."""
    incomplete: tuple[str, ...]
    """Folders whose results are not complete."""
    n_common: int
    """Number of samples of both; everything below is about them."""
    n_first_only: int
    """Number of samples that only the first has."""
    n_second_only: int
    """Number of samples that only the second has."""
    changes: tuple[Change, ...]
    """Overall ones first, by accounting; then the primary metric of each subset."""
    turned: tuple[Turned, ...]
    """Every sample that turns in the primary metric, largest change first."""


def compare_systems(first: ScoredRun, second: ScoredRun, accept: Sequence[str] = ()) -> Comparison:
    """Return the differences between two systems on the samples that both have.

    `strict` compares all of them, where a missing value earns nothing; `upstream` those with a value from both.

    Raises ConfigError, which names the field, where they can't be compared, see `accepted_differences`, or where
    nothing was scored.
    """
    accepted = accepted_differences(first, second, accept)
    pairs = [(one, second.scores[key]) for key, one in first.scores.items() if key in second.scores]
    if not any(score.values for pair in pairs for score in pair):
        raise ConfigError(f"values: neither {first.folder} nor {second.folder} has scores; solutions may be withheld.")
    changes = [
        *(change for accounting in ACCOUNTINGS for change in _overall(pairs, accounting, first.scorer)),
        *(change for accounting in ACCOUNTINGS for change in _subsets(pairs, accounting, first)),
    ]
    return Comparison(
        benchmark=first.benchmark,
        primary=first.result.primary,
        first=first.result.model,
        second=second.result.model,
        first_folder=str(first.folder),
        second_folder=str(second.folder),
        accepted=accepted,
        unknown=unknown_fields(first, second),
        differences=tuple(differences_of(_model(first), _model(second), "model.")),
        continued=tuple(each for each in map(continued, (first, second)) if each is not None),
        incomplete=tuple(str(each.folder) for each in (first, second) if not each.result.complete),
        n_common=len(pairs),
        n_first_only=len(first.scores) - len(pairs),
        n_second_only=len(second.scores) - len(pairs),
        changes=tuple(changes),
        turned=tuple(_turned(pairs, first, second)),
    )


def _model(system: ScoredRun) -> Mapping[str, Any]:
    known = system.provenance.get("model")
    return known if isinstance(known, Mapping) else {"name": system.result.model}


def _overall(pairs: Sequence[Pair], accounting: Accounting, scorer: Mapping[str, Any]) -> Iterator[Change]:
    kind = str(scorer["name"])
    has_subsets = any(_subset(one) for one, _ in pairs)
    averages: list[tuple[str, Average]] = [("", "micro")]
    if has_subsets and kind == "autodq":
        averages = [("", "macro")]
    elif has_subsets and kind != "captioning":
        averages = [("_macro", "macro"), ("_micro", "micro")]
        averages.sort(key=lambda each: each[1] != scorer.get("headline", "micro"))
    if kind == "autodq":
        yield from _f1(pairs, accounting, OVERALL, averages[0][1])
    for name, full in _MEANS[kind].items():
        for suffix, average in averages:
            yield from _mean(pairs, accounting, OVERALL, average, name, full, scorer, f"{name}{suffix}")
    if kind == "captioning":
        yield from _bleu(pairs, accounting)


def _subsets(pairs: Sequence[Pair], accounting: Accounting, first: ScoredRun) -> list[Change]:
    """Return the changes of the primary metric in each subset, with p adjusted for multiple subsets."""
    kind, primary = str(first.scorer["name"]), first.result.primary
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(_subset(pair[0]), []).append(pair)
    if set(groups) <= {""} or kind == "captioning":
        return []
    changes: list[Change] = []
    for subset, part in groups.items():
        if kind == "autodq":
            changes += _f1(part, accounting, subset, "micro")
        else:
            full = _MEANS[kind][primary]
            changes += _mean(part, accounting, subset, "micro", primary, full, first.scorer, primary)
    adjusted = holm([change.p for change in changes])
    return [replace(change, p_adjusted=p) for change, p in zip(changes, adjusted, strict=True)]


def _mean(
    pairs: Sequence[Pair],
    accounting: Accounting,
    subset: str,
    average: Average,
    name: str,
    full: float,
    scorer: Mapping[str, Any],
    called: str,
) -> Iterator[Change]:
    counted = _counted(pairs, accounting, (name,), scorer)
    if counted:
        measure = Measure(name=called, accounting=accounting, subset=subset, average=average)
        yield change_of_mean(measure, _columns(counted, accounting, (name,), average), full)


def _f1(pairs: Sequence[Pair], accounting: Accounting, subset: str, average: Average) -> Iterator[Change]:
    names = _MOVES["f1"]
    counted = _counted(pairs, accounting, names, {})
    if counted:
        measure = Measure(name="f1", accounting=accounting, subset=subset, average=average)
        yield change_of_sums(measure, _columns(counted, accounting, names, average), f1_of, of_means=True)


def _bleu(pairs: Sequence[Pair], accounting: Accounting) -> Iterator[Change]:
    columns = Columns(
        first=bleu_counts([one for one, _ in pairs], accounting),
        second=bleu_counts([two for _, two in pairs], accounting),
        clusters=[video_of(one) for one, _ in pairs],
        strata=[""] * len(pairs),
    )
    measure = Measure(name="bleu_4", accounting=accounting, subset=OVERALL, average="micro")
    yield change_of_sums(measure, columns, corpus_bleu_of, of_means=False)


def _counted(
    pairs: Sequence[Pair], accounting: Accounting, names: Sequence[str], scorer: Mapping[str, Any]
) -> list[Pair]:
    if accounting == "strict":
        return list(pairs)
    counted = [pair for pair in pairs if all(name in score.values for score in pair for name in names)]
    if not scorer.get("whole_videos"):
        return counted
    # As in the scorer: a missing answer excludes its video's other questions too.
    broken = {video_of(pair[0]) for pair in pairs if any(score.status != "scored" for score in pair)}
    return [pair for pair in counted if video_of(pair[0]) not in broken]


def _columns(pairs: Sequence[Pair], accounting: Accounting, names: Sequence[str], average: Average) -> Columns:
    sides = ([[_value(pair[side], accounting, name) for name in names] for pair in pairs] for side in (0, 1))
    first, second = (np.array(rows) for rows in sides)
    return Columns(
        first=first,
        second=second,
        clusters=[video_of(one) for one, _ in pairs],
        strata=[_subset(one) if average == "macro" else "" for one, _ in pairs],
    )


def _value(score: Score, accounting: Accounting, name: str) -> float:
    # A caption has values even where the model failed: those of upstream's placeholder for a failure.
    return 0.0 if accounting == "strict" and score.status == "model_failed" else score.values.get(name, 0.0)


def _subset(score: Score) -> str:
    return RENAMED.get(score.subset, score.subset)


def _turned(pairs: Sequence[Pair], first: ScoredRun, second: ScoredRun) -> list[Turned]:
    names = _MOVES.get(first.result.primary, (first.result.primary,))
    found = []
    for one, two in pairs:
        values = [sum(_value(score, "strict", name) for name in names) for score in (one, two)]
        if values[0] != values[1]:
            turned = Turned(
                id=one.id,
                target=one.target,
                first=values[0],
                second=values[1],
                first_output=first.outputs.get(one.id, one.answer),
                second_output=second.outputs.get(two.id, two.answer),
            )
            found.append(turned)
    return sorted(found, key=lambda each: -abs(each.second - each.first))
