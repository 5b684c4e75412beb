"""From verdicts on labelled sets to the card of their judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eval.analysis.card.asking import Verdict, unfit
from eval.analysis.card.card import (
    VERSION,
    Card,
    Continuity,
    FalseEntailments,
    Missing,
    OnItem,
    OnKind,
    OnSet,
)
from eval.analysis.card.figures import Pair, Rate, error_counts, figures, mean_difference, share_called
from eval.analysis.card.floors import as_entailment, crowd_shares, floors, kinds_of, people, published
from eval.analysis.card.items import KINDS, NOT_ENTAILED, Item, ItemSet, Kind
from eval.judges.protocol import JudgeProtocol

REASONS = 5
"""Most reasons for missing verdicts that a card lists of a set."""

Verdicts = Mapping[str, Mapping[str, Verdict]]
"""Verdicts by set and id."""


def card_of(
    sets: Sequence[ItemSet], found: Verdicts, *, judge: Mapping[str, Any], protocol: JudgeProtocol, date: str
) -> Card:
    """Return the card of a judge from its verdicts on sets."""
    on_sets, kept = [], []
    false_entailments: list[FalseEntailments] = []
    continuity: list[Continuity] = []
    for one in sets:
        for kind in kinds_of(one.items):
            items = [item for item in one.items if item.kind == kind]
            why, said = unfit(kind, protocol), found.get(one.name, {})
            if never := [item for item in items if item.label == NOT_ENTAILED]:
                false_entailments.append(_never(one.name, never, said, why))
            if labelled := [item for item in items if item.label not in (None, NOT_ENTAILED)]:
                on_sets.append(_on_set(one, kind, labelled, said, why))
                kept.append((kind, one.name, labelled, said, why))
            for earlier in dict.fromkeys(name for item in items if item.label is None for name in item.judges):
                others = [item for item in items if item.label is None and earlier in item.judges]
                continuity.append(_against(one.name, kind, earlier, others, said, why))
    return Card(
        version=VERSION,
        date=date,
        judge=dict(judge),
        protocol=protocol.describe(),
        sets=tuple(on_sets),
        kinds=tuple(_on_kinds(kept)),
        false_entailments=tuple(false_entailments),
        continuity=tuple(continuity),
    )


def _pairs(items: Iterable[Item], said: Mapping[str, Verdict], stratum: str = "") -> list[Pair]:
    """Return label and verdict of the items that have both."""
    return [
        Pair(cluster=item.cluster, human=item.label, said=verdict.label, stratum=stratum)
        for item in items
        if (verdict := said.get(item.id)) is not None and verdict.label is not None and item.label is not None
    ]


def _missing(items: Iterable[Item], said: Mapping[str, Verdict]) -> Missing:
    gone = [verdict for item in items if (verdict := said.get(item.id)) is not None and verdict.label is None]
    reasons = dict.fromkeys(verdict.reason for verdict in gone if verdict.reason)
    return Missing(
        n=len(gone),
        by_outcome=dict(Counter(verdict.missing or "failed" for verdict in gone)),
        reasons=tuple(list(reasons)[:REASONS]),
    )


def _on_set(one: ItemSet, kind: Kind, items: Sequence[Item], said: Mapping[str, Verdict], why: str | None) -> OnSet:
    pairs = _pairs(items, said)
    yes = items[0].yes
    shares = crowd_shares(items, lambda item: said[item.id].label if item.id in said else None)
    benchmarks = {item.benchmark for item in items}
    benchmark = benchmarks.pop() if len(benchmarks) == 1 else None
    return OnSet(
        set=one.name,
        kind=kind,
        n_items=len(items),
        skipped=one.skipped,
        unfit=why,
        missing=_missing(items, said),
        judge=figures(pairs, kind) if why is None else None,
        entailment=as_entailment(_pairs(items, said)) if kind == "relation" and pairs else None,
        recall=_recall_offset(items, said) if kind == "unit" and why is None else None,
        crowd=mean_difference([share for share, _ in shares], [cluster for _, cluster in shares]),
        floors=floors(items),
        people=people(items),
        published=published(items),
        errors=tuple((a, b, c, d, n) for a, b, c, d, n in error_counts(pairs, yes)),
        benchmark=benchmark,
        items=tuple(
            OnItem(id=item.id, output=item.prediction, human=item.label == yes, judge=said[item.id].label == yes)
            for item in items
            if benchmark is not None and item.id in said and said[item.id].label is not None
        ),
    )


def _on_kinds(kept: Sequence[tuple[Kind, str, Sequence[Item], Mapping[str, Verdict], str | None]]) -> list[OnKind]:
    found = []
    for kind in KINDS:
        parts = [(name, items, said) for other, name, items, said, why in kept if other == kind and why is None]
        pairs = [pair for name, items, said in parts for pair in _pairs(items, said, name)]
        gone = [_missing(items, said) for _, items, said in parts]
        if pairs:
            missing = Missing(
                n=sum(each.n for each in gone),
                by_outcome=dict(sum((Counter(each.by_outcome) for each in gone), Counter())),
            )
            sets = tuple(name for name, _, _ in parts)
            found.append(OnKind(kind=kind, sets=sets, missing=missing, judge=figures(pairs, kind)))
    return found


def _recall_offset(items: Sequence[Item], said: Mapping[str, Verdict]) -> Rate | None:
    """Return the offset of the recall of a text, that of the score, over texts whose units all have a verdict."""
    texts: dict[str, list[Item]] = {}
    for item in items:
        texts.setdefault(item.group, []).append(item)
    moved, clusters = [], []
    for units in texts.values():
        labels = [said[unit.id].label if unit.id in said else None for unit in units]
        if None not in labels:
            n_human = sum(unit.label == unit.yes for unit in units)
            moved.append((sum(label == units[0].yes for label in labels) - n_human) / len(units))
            clusters.append(units[0].cluster)
    return mean_difference(moved, clusters)


def _never(name: str, items: Sequence[Item], said: Mapping[str, Verdict], why: str | None) -> FalseEntailments:
    return FalseEntailments(
        set=name,
        n_items=len(items),
        unfit=why,
        missing=_missing(items, said),
        rate=share_called("entailment", _pairs(items, said)),
    )


def _against(
    name: str, kind: Kind, earlier: str, items: Sequence[Item], said: Mapping[str, Verdict], why: str | None
) -> Continuity:
    pairs = [
        Pair(cluster=item.cluster, human=item.judges[earlier], said=label)
        for item in items
        if item.id in said and (label := said[item.id].label) is not None
    ]
    return Continuity(
        set=name,
        kind=kind,
        earlier=earlier,
        n_items=len(items),
        unfit=why,
        missing=_missing(items, said),
        figures=figures(pairs, kind) if why is None else None,
    )
