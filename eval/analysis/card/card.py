"""The card of a judge: its figures on each labelled set and kind, and what a score's correction needs of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.analysis.card.asking import Verdict, unfit
from eval.analysis.card.figures import Figures, Pair, Rate, error_counts, figures, mean_difference, share_called
from eval.analysis.card.floors import Row, as_entailment, crowd_shares, floors, kinds_of, people, published
from eval.analysis.card.items import KINDS, NOT_ENTAILED, Item, ItemSet, Kind
from eval.errors import ConfigError, DataError
from eval.files import absolute
from eval.judges.protocol import JudgeProtocol
from eval.readers.parsing import NotJSONError, parsed, whole
from eval.runs.fields import checked

VERSION = 1
"""Version of card.json: counted up where a field changes its meaning."""
REASONS = 5
"""Most reasons for missing verdicts that a card lists of a set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Items without a verdict, by how the call ended, which are in no figure."""

    n: int = 0
    by_outcome: Mapping[str, int] = field(default_factory=dict)
    """failed, unreadable, refused, filtered: number of items."""
    reasons: tuple[str, ...] = ()
    """The first reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnItem:
    """A verdict on a sample of a benchmark, for a correction of scores of that very benchmark."""

    id: str
    """The sample's id."""
    output: str
    """The output that was labelled."""
    human: bool
    judge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSet:
    """A judge on the items of one kind of a set that people labelled."""

    set: str
    kind: Kind
    n_items: int
    """Number of labelled items."""
    skipped: int
    """Number of malformed rows of the set that were left out."""
    unfit: str | None
    """The reason why the judge was not asked; None where it was."""
    missing: Missing
    judge: Figures | None
    """None where the judge was not asked."""
    entailment: Row | None
    """Of relations: the same as entailment or not, which is all that a score counts."""
    recall: Rate | None
    """Of units: the share that the verdicts find in a text less the share that people do, as a mean over texts."""
    crowd: Rate | None
    """The share of a crowd that gave the label of the verdict, as a mean over items."""
    floors: tuple[Row, ...]
    """Comparisons of words."""
    people: tuple[Row, ...]
    """People among themselves."""
    published: tuple[Row, ...]
    """Judges whose verdicts were published."""
    errors: tuple[tuple[int, int, int, int, int], ...]
    """Clusters of items: yes called yes, yes in all, no called no, no in all, and how many clusters have these counts.
    A correction resamples them."""
    benchmark: str | None = None
    """The benchmark whose samples these are."""
    items: tuple[OnItem, ...] = ()
    """The verdicts one by one, where these are samples of a benchmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnKind:
    """A judge on all labelled sets of one kind, each item counting alike."""

    kind: Kind
    sets: tuple[str, ...]
    missing: Missing
    judge: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseEntailments:
    """Relations that are known to be no entailment."""

    set: str
    n_items: int
    unfit: str | None
    missing: Missing
    rate: Rate | None
    """Share that the judge calls entailment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuity:
    """A judge against the published verdicts of an earlier one, on items without a human label."""

    set: str
    kind: Kind
    earlier: str
    """The earlier judge. Its verdicts stand where others have human labels: they are not right, only earlier."""
    n_items: int
    unfit: str | None
    missing: Missing
    figures: Figures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What card.json holds."""

    version: int
    date: str
    judge: Mapping[str, Any]
    """The judge's description of itself after the calls, as in a score's identity."""
    protocol: Mapping[str, Any]
    """The protocol's, likewise."""
    sets: tuple[OnSet, ...]
    kinds: tuple[OnKind, ...]
    false_entailments: tuple[FalseEntailments, ...]
    continuity: tuple[Continuity, ...]

    @property
    def n_missing(self) -> int:
        """Number of items without a verdict."""
        parts: tuple[OnSet | FalseEntailments | Continuity, ...] = (
            *self.sets,
            *self.false_entailments,
            *self.continuity,
        )
        return sum(part.missing.n for part in parts)


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


def read_card(place: str | Path) -> tuple[Card, Path]:
    """Return the card in a file, or in the folder that holds card.json, and its file.

    Raises ConfigError where there is none, and DataError where it is damaged or of another version.
    """
    path = absolute(place)
    path = path / "card.json" if path.is_dir() else path
    if not path.is_file():
        raise ConfigError(f"card={place}: there is no such file; make judge-card writes card.json.")
    again = "Write it again: make judge-card."
    try:
        value = parsed(whole(path))
    except NotJSONError as error:
        raise DataError(f"{path} cannot be read as JSON: {error}. {again}") from None
    if not isinstance(value, Mapping) or value.get("version") != VERSION:
        raise DataError(f"{path} is no card of this version. {again}")
    try:
        return checked(value, Card), path
    except DataError as error:
        raise DataError(f"{path} is no sound card: {error}. {again}") from None


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
