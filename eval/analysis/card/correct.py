"""Scores corrected by a judge card: what the metric would be if people had judged, as far as the card tells.

A card fits a score where its judge, its protocol and its wording are those of the score, where it has items of a kind
that the score's verdicts are of, and where the judge is clearly better than chance on them: otherwise a correction
divides by almost nothing. Its error rates are those on other texts, which is an assumption that no interval carries.
Where the items are outputs of the very run that people labelled, no such assumption is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.analysis.card.card import Card, OnSet
from eval.core import (
    OVERALL,
    Accounting,
    CorrectedValue,
    Correction,
    JudgedTraits,
    MetricTraits,
    Result,
    Score,
    ScorerTraits,
)
from eval.errors import ConfigError
from eval.judges.words import words
from eval.report.printing import one_line
from eval.runs.differences import differences_of
from eval.scorers.accounting import estimate_over, has_value, video_of
from eval.stats.corrected import Corrected, Rates, prediction_powered, rates_of, refuted, rogan_gladen

LEAST_GAIN = 0.1
"""Sensitivity + specificity - 1 that a judge must have at the lower end of its interval."""
LEAST_LABELLED = 30
"""Labelled outputs of a run from which its own labels correct it, and not the card's error rates; so many that the
intervals cover what they say (results/bench/corrected.md)."""
_FIELDS = 3
"""Most differing fields that a message names."""
_NOT_COMPARED = ("requested", "note")
"""What a judge says of itself that its verdicts do not depend on, as in a score's id."""
_KNOWN_LATE = ("name", "served", "takes")
"""What a judge behind a server says of itself only after it was asked."""


def usable(card: Card, place: Path, traits: ScorerTraits) -> list[OnSet]:
    """Return the sets of a card that correct a scorer's metrics. Raises ConfigError where there are none."""
    judged = traits.judged
    if judged is None:
        raise ConfigError(f"card={place}: the scores of {traits.name!r} are given by no judge; leave it out.")
    of_kinds = [[one for one in card.sets if one.kind == kind and one.errors] for kind in judged.kinds]
    sets = next((found for found in of_kinds if found), [])
    if not sets:
        has = ", ".join(dict.fromkeys(one.kind for one in card.sets if one.errors)) or "nothing that was judged"
        raise ConfigError(
            f"card={place} has no items of the kind {' or '.join(judged.kinds)}, by which scores of {traits.name!r} "
            f"are corrected; it has {has}. Make a card with such a set."
        )
    rates = _rates(sets)
    if rates is None or rates.least_gain < LEAST_GAIN:
        low = "cannot be computed" if rates is None else f"may be {rates.least_gain:.2f}"
        raise ConfigError(
            f"card={place}: the judge is not clearly better than chance on items of the kind {sets[0].kind} "
            f"(sensitivity + specificity - 1 {low}, and {LEAST_GAIN:g} is needed); nothing can be corrected by it."
        )
    return sets


def _rates(sets: Sequence[OnSet]) -> Rates | None:
    """Return the error rates on all items of some sets."""
    rows = [row for one in sets for row in one.errors]
    return rates_of([row[:4] for row in rows], [row[4] for row in rows])


def mismatch(card: Card, identity: Mapping[str, Any]) -> str | None:
    """Return the fields in which judge or protocol of a card differ from those of a score; None where none does.

    What a judge behind a server only says after it was asked differs from nothing before.
    """
    of_card, of_score = (
        {"judge": {k: v for k, v in judge.items() if k not in _NOT_COMPARED}, "protocol": protocol}
        for judge, protocol in (
            (card.judge, card.protocol),
            (_plain(identity["judge"]), _plain(identity["protocol"])),
        )
    )
    if "served" in of_score["judge"] and of_score["judge"]["served"] is None:
        late = {name: of_card["judge"].get(name) for name in _KNOWN_LATE}
        of_score["judge"] = {**of_score["judge"], **late}
    found = differences_of(of_card, of_score)
    if not found:
        return None
    names = (
        f"judge {one_line(str(card.judge.get('name')), 60)}, protocol {one_line(str(card.protocol.get('name')), 60)}"
    )
    fields = ", ".join(each.field for each in found[:_FIELDS])
    more = f" and {len(found) - _FIELDS} more" if len(found) > _FIELDS else ""
    return f"the card is of {names}, and differs from this score in {fields}{more}"


def check_fits(card: Card, place: Path, traits: ScorerTraits, identity: Mapping[str, Any]) -> None:
    """Raise ConfigError where a card cannot correct the scores of a scorer with this identity."""
    usable(card, place, traits)
    if (why := mismatch(card, identity)) is not None:
        raise ConfigError(f"card={place}: {why}; make a card with this judge and protocol (make judge-card).")


def correction(card: Card, place: Path, result: Result, scores: Sequence[Score], traits: ScorerTraits) -> Correction:
    """Return the overall judged metrics of a result, corrected; raises ConfigError as `check_fits`."""
    sets = usable(card, place, traits)
    assert traits.judged is not None, "usable refuses other scorers"
    rates = _rates(sets)
    assert rates is not None, "usable refuses other cards"
    own = _labelled_here(sets, result, scores, traits.judged)
    about = Correction(
        card=str(place),
        card_date=card.date,
        method="prediction-powered" if own else "rogan-gladen",
        kind=sets[0].kind,
        sets=(own[0],) if own else tuple(one.set for one in sets),
        n_items=len(own[1]) if own else sum((row[1] + row[3]) * row[4] for one in sets for row in one.errors),
        sensitivity=rates.sensitivity.value,
        specificity=rates.specificity.value,
    )
    if (why := mismatch(card, result.provenance["scorer"])) is not None:
        return replace(about, refused=why)
    values = []
    for accounting in ("upstream", "strict"):
        for metric in _correctable(traits):
            found: Corrected | str | None
            if own:
                found = _by_own_labels(scores, accounting, metric.name, own[1])
            else:
                found = _by_error_rates(rates, result, scores, accounting, metric, traits)
            if isinstance(found, str):
                return replace(about, refused=found)
            if found is not None:
                values.append(
                    CorrectedValue(
                        name=metric.name,
                        accounting=accounting,
                        subset=OVERALL,
                        value=found.value,
                        interval=found.interval,
                        clipped=found.is_clipped,
                    )
                )
    return replace(about, values=tuple(values))


def _correctable(traits: ScorerTraits) -> list[MetricTraits]:
    """Return the metrics that are shares of the judge's yes, or computed from such shares."""
    judged = traits.judged
    values = set(judged.values) if judged is not None else set()
    return [metric for metric in traits.metrics if metric.unit == "percent" and set(metric.values) <= values]


def _by_error_rates(
    rates: Rates,
    result: Result,
    scores: Sequence[Score],
    accounting: Accounting,
    metric: MetricTraits,
    traits: ScorerTraits,
) -> Corrected | str | None:
    """Return a metric corrected by sensitivity and specificity; why it cannot be, in words; or None without samples."""
    assert traits.judged is not None, "usable refuses other scorers"
    is_macro = traits.subsets == "macro"
    groups: dict[str, list[Score]] = {}
    for score in scores:
        if accounting == "strict" or all(name in score.values for name in metric.values):
            subset = traits.renamed.get(score.subset, score.subset) if is_macro else ""
            groups.setdefault(subset, []).append(score)
    if not groups:
        return None
    sums = np.zeros((len(metric.values), 3))
    for group in groups.values():
        weight = 1 / len(groups) / len(group)
        for score in group:
            for part, name in enumerate(metric.values):
                if has_value(score, name, accounting):
                    value = weight * score.values[name]
                    sums[part] += (value, weight, 0) if _is_judged(score, name, traits.judged) else (0, 0, value)
    parts = list(groups.values())
    ends = [estimate_over(parts, name, accounting).of_shares() for name in metric.values]
    for name, of_part, interval in zip(metric.values, sums, ends, strict=True):
        if (found := refuted(rates, of_part, interval)) is not None:
            share, is_high = found
            bound = rates.sensitivity.high if is_high else 1 - rates.specificity.high
            word, most = ("more", "at most") if is_high else ("less", "at least")
            return (
                f"the judge says yes {word} often than this card allows ({name}: {100 * share:.1f}%, and by the card's "
                f"items {most} {100 * bound:.1f}%), so the card does not fit these outputs"
            )
    key = (metric.name, accounting, OVERALL)
    own = next((m.interval for m in result.metrics if (m.name, m.accounting, m.subset) == key), None)
    return rogan_gladen(rates, sums, ends, own if metric.statistic is not None else ends[0], metric.statistic)


def _by_own_labels(
    scores: Sequence[Score], accounting: Accounting, name: str, labels: Mapping[str, bool]
) -> Corrected | None:
    """Return a mean of grades corrected by people's labels of some of the same outputs."""
    counted = [score for score in scores if accounting == "strict" or name in score.values]
    values = [score.values[name] if has_value(score, name, accounting) else 0.0 for score in counted]
    at = [i for i, score in enumerate(counted) if score.id in labels]
    if not at:
        return None
    truth = [float(labels[counted[i].id]) for i in at]
    return prediction_powered(values, [video_of(score) for score in counted], at, truth)


def _labelled_here(
    sets: Sequence[OnSet], result: Result, scores: Sequence[Score], judged: JudgedTraits
) -> tuple[str, dict[str, bool]] | None:
    """Return the set of people's labels of outputs of this very run, by sample; None where there are too few."""
    if judged.items is not None:
        return None
    outputs = {score.id: score.answer for score in scores if score.status == "scored"}
    for one in sets:
        if one.benchmark == result.benchmark:
            found = {item.id: item.human for item in one.items if outputs.get(item.id) == item.output}
            if len(found) >= LEAST_LABELLED:
                return one.set, found
    return None


def _is_judged(score: Score, name: str, judged: JudgedTraits) -> bool:
    """Whether a judge gave a value: not where it follows from an empty output, or from an empty list of events."""
    if score.status != "scored" or not words(score.answer or ""):
        return False
    place = judged.labelled.get(name)
    if place is None:
        return True
    found: Any = score.detail
    for key in place.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return bool(found)


def _plain(value: Any) -> dict[str, Any]:
    """Return a description as JSON gives it back."""
    found: dict[str, Any] = json.loads(json.dumps(value))
    return found
