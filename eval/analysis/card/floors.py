"""What a judge is compared with: comparisons of words, which cost nothing, and people among themselves.

A judge that is no better than the words is not worth asking; one that agrees with people as they do with each other
cannot be told from one of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eval.analysis.card.figures import Figures, Interval, Pair, figures
from eval.analysis.card.items import LABELS_OF, Item, Kind
from eval.judges.words import stands_in, words
from eval.stats import kappa_of

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of comparison beside a judge's own."""

    name: str
    agreement: float | None
    kappa: float | None
    kappa_interval: Interval = None
    offset: float | None = None
    n: int = 0
    note: str = ""
    """How it was computed, where its name does not say it all."""


def row_of(name: str, found: Figures, note: str = "") -> Row:
    """Return figures as such a line."""
    return Row(
        name=name,
        agreement=found.agreement,
        kappa=found.kappa,
        kappa_interval=found.kappa_interval,
        offset=None if found.offset is None else found.offset.value,
        n=found.n,
        note=note,
    )


def floors(items: Sequence[Item]) -> tuple[Row, ...]:
    """Return how comparisons of words agree with the labels of items of one kind, as yes or no.

    `contains` calls an answer right where the words of a reference stand in a row in it. `word overlap` calls yes where
    at least a share of the words is found in the other text, by the threshold that is best on these very items: those
    of a reference in an answer, and those of a unit, sentence or event in its reference.
    """
    kind = items[0].kind
    found = [row_of("contains", _binary(items, _contains))] if kind == "answer" else []
    shares = [_overlap(item) for item in items]
    human = [item.label == item.yes for item in items]
    threshold = _best_threshold(shares, human)
    if threshold is None:
        return tuple(found)
    by_id = dict(zip((item.id for item in items), shares, strict=True))
    overlap = _binary(items, lambda item: by_id[item.id] >= threshold)
    return (*found, row_of("word overlap", overlap, f"from {100 * threshold:.0f}% of the words, the best threshold"))


def people(items: Sequence[Item]) -> tuple[Row, ...]:
    """Return how people agree among themselves: the first two on each item, or a crowd; nothing where unknown."""
    two = [item for item in items if len(item.humans) > 1]
    pairs = [Pair(cluster=item.cluster, human=item.humans[0], said=item.humans[1]) for item in two]
    found = [row_of("two people", figures(pairs, items[0].kind))] if pairs else []
    return (*found, *_crowd([item for item in items if sum(item.counts.values()) > 1]))


def published(items: Sequence[Item]) -> tuple[Row, ...]:
    """Return how judges whose verdicts were published agree with the labels, each on the items that it judged."""
    names = dict.fromkeys(name for item in items for name in item.judges)
    return tuple(
        row_of(name, figures([_pair(item, item.judges[name]) for item in items if name in item.judges], items[0].kind))
        for name in names
    )


def as_entailment(pairs: Sequence[Pair]) -> Row:
    """Return how verdicts on relations agree with the labels as entailment or not, as the words do below."""
    yes, no = LABELS_OF["answer"]
    two = [
        replace(pair, human=yes if pair.human == "entailment" else no, said=yes if pair.said == "entailment" else no)
        for pair in pairs
    ]
    return row_of("as entailment or not", figures(two, "answer"))


def _pair(item: Item, said: str) -> Pair:
    assert item.label is not None, "labelled items only"
    return Pair(cluster=item.cluster, human=item.label, said=said)


def _binary(items: Sequence[Item], says_yes: Callable[[Item], bool]) -> Figures:
    """Return the figures of yes and no, whatever the labels of the kind."""
    yes, no = LABELS_OF["answer"]
    pairs = [
        Pair(
            cluster=item.cluster,
            human=yes if item.label == item.yes else no,
            said=yes if says_yes(item) else no,
        )
        for item in items
    ]
    return figures(pairs, "answer")


def _contains(item: Item) -> bool:
    said = words(item.prediction)
    return any(stands_in(said, words(reference)) for reference in item.references)


def _overlap(item: Item) -> float:
    """Return the share of the words of the one text that are in the other."""
    texts = [set(_WORD.findall(text.lower())) for text in item.references]
    said = set(_WORD.findall(item.prediction.lower()))
    if item.kind == "answer":
        return max((len(text & said) / len(text) for text in texts if text), default=0.0)
    return len(said & set().union(*texts)) / len(said) if said else 0.0


def _best_threshold(shares: Sequence[float], human: Sequence[bool]) -> float | None:
    """Return the threshold with the highest kappa; None where none has one."""
    is_yes, share = np.asarray(human), np.asarray(shares)
    best: tuple[float, float] | None = None
    for threshold in np.unique(share):
        said = share >= threshold
        kappa = kappa_of(
            [[(is_yes & said).sum(), (is_yes & ~said).sum()], [(~is_yes & said).sum(), (~is_yes & ~said).sum()]]
        )
        if kappa is not None and (best is None or kappa > best[0]):
            best = kappa, float(threshold)
    return None if best is None else best[1]


def _crowd(items: Sequence[Item]) -> tuple[Row, ...]:
    """Return the agreement of two people of a crowd, and of one of them with the label.

    The first with the kappa of Fleiss, Measuring nominal scale agreement among many raters, Psychological Bulletin 76
    (1971).
    """
    if not items:
        return ()
    sizes = [sum(item.counts.values()) for item in items]
    agreed = [
        sum(count * (count - 1) for count in item.counts.values()) / (size * (size - 1))
        for item, size in zip(items, sizes, strict=True)
    ]
    total: Counter[str] = Counter()
    for item in items:
        total.update(item.counts)
    chance = sum((count / sum(sizes)) ** 2 for count in total.values())
    observed = sum(agreed) / len(items)
    with_label = [item.counts.get(item.label or "", 0) / size for item, size in zip(items, sizes, strict=True)]
    return (
        Row(
            name="two of the crowd",
            agreement=observed,
            kappa=(observed - chance) / (1 - chance) if chance < 1 else None,
            n=len(items),
            note="Fleiss' kappa",
        ),
        Row(name="one of the crowd, with the label", agreement=sum(with_label) / len(items), kappa=None, n=len(items)),
    )


def crowd_shares(items: Sequence[Item], said: Callable[[Item], str | None]) -> list[tuple[float, str]]:
    """Return, for each item that a crowd labelled, the share of it with the verdict's label, and the cluster."""
    found = []
    for item in items:
        label, size = said(item), sum(item.counts.values())
        if label is not None and size:
            found.append((item.counts.get(label, 0) / size, item.cluster))
    return found


def kinds_of(items: Sequence[Item]) -> list[Kind]:
    """Return the kinds of items, by first appearance."""
    return list(dict.fromkeys(item.kind for item in items))
