"""The card of a judge, as card.json holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.analysis.card.figures import Figures, Rate
from eval.analysis.card.floors import Row
from eval.analysis.card.items import LABELS_OF, Kind
from eval.errors import ConfigError, DataError
from eval.files import absolute
from eval.readers.parsing import NotJSONError, parsed, whole
from eval.report.printing import one_line
from eval.runs.fields import checked

VERSION = 1
"""Version of card.json: counted up where a field changes its meaning."""
MOST = 10_000_000
"""Most items of a set: a count beyond it is a mistake, and would fill the memory."""


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
        card = checked(value, Card)
    except DataError as error:
        raise DataError(f"{path} is no sound card: {error}. {again}") from None
    for number, one in enumerate(card.sets):
        if (why := next(_contradictions(one), None)) is not None:
            raise DataError(f"{path} is no sound card: sets.{number} ({one_line(one.set, 60)}): {why}. {again}")
    return card, path


def _contradictions(one: OnSet) -> Iterator[str]:
    """Yield where the counts of a set contradict each other; after the first, what follows from it."""
    for row in one.errors:
        right_yes, yes, right_no, no, times = row
        if not (0 <= right_yes <= yes and 0 <= right_no <= no and yes + no >= 1 and times >= 1):
            yield f"errors has {list(row)}, which counts more right items than items, or nothing"
    if one.judge is None:
        if one.errors:
            yield "errors has counts, and the judge was not asked"
        return
    if one.judge.labels != LABELS_OF[one.kind]:
        yield f"the labels {', '.join(one.judge.labels)} are not those of the kind {one.kind}"
    table, labels = one.judge.table, one.judge.labels
    if len(table) != len(labels) or any(len(row) != len(labels) for row in table):
        yield f"table is not of {len(labels)} rows and columns"
    n = sum(map(sum, table))
    if one.judge.n != n or not n <= one.n_items <= MOST:
        yield f"{one.judge.n} of {one.n_items} items have a verdict, table has {n}, and a card at most {MOST:,}"
    n_yes = sum(table[0])
    by_table = [table[0][0], n_yes, n - n_yes - sum(row[0] for row in table[1:]), n - n_yes]
    by_errors = [sum(row[i] * row[4] for row in one.errors) for i in range(4)]
    if by_table != by_errors or sum(row[4] for row in one.errors) != one.judge.n_clusters:
        yield f"errors add up to {by_errors} in their clusters, and table to {by_table} in {one.judge.n_clusters}"
    pairs = [(item.human, item.judge) for item in one.items]
    by_items = [pairs.count((True, True)), sum(yes for yes, _ in pairs), pairs.count((False, False))]
    if pairs and [*by_items, len(pairs) - by_items[1]] != by_table:
        yield "items have other labels and verdicts than table"
