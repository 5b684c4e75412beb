"""A row of the leaderboard: one number, its metric and samples, and its origin.

Two numbers can be compared if they have the same `ColumnKey`: the same metric over the same samples, under the same
accounting, scored in the same way. Of the rows with one `RowKey` a complete one counts, and of these the newest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from functools import lru_cache
from typing import Literal, NamedTuple

from eval.core import OVERALL
from eval.provenance import digest

Origin = Literal["run", "published"]
"""`run`: measured here, and reproducible from its provenance. `published`: quoted from the named source."""


class ColumnKey(NamedTuple):
    """The properties that comparable numbers share."""

    origin: str
    benchmark: str
    split: str
    data: str
    subset: str
    metric: str
    accounting: str
    judge: str
    protocol: str
    score_id: str


class RowKey(NamedTuple):
    """The properties that identify a row: of several with the same key one counts."""

    column: ColumnKey
    model: str
    fingerprint: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One number. Unknown texts are "" and unknown numbers None."""

    origin: Origin
    """The origin: measured by a run, or quoted from a publication."""
    benchmark: str
    """Name of the benchmark, as in conf/benchmark/."""
    split: str
    """The requested split, or "" where the predictions came without one."""
    subset: str
    """`overall`, or the subset's own name."""
    model: str
    """The model's name."""
    metric: str
    """`accuracy`, `f1`, ..."""
    accounting: str
    """Accounting of samples without a value: `upstream` or `strict`; "" for published numbers, which state none."""
    judge: str
    """The judge's name as served, or in the publication; "" without a judge."""
    protocol: str
    """The judge protocol's name."""
    value: float | None
    """Its value, unscaled: an accuracy of 0 to 1."""
    stderr: float | None = None
    """Standard error of the value."""
    low: float | None = None
    """Lower end of the 95% interval."""
    high: float | None = None
    """Upper end of the 95% interval."""
    n: int | None = None
    """Number of samples in the denominator."""
    n_clusters: int | None = None
    """Number of source videos of these samples."""
    coverage: float | None = None
    """Share of the subset's samples whose media were available."""
    complete: bool | None = None
    """Whether enough of the run's samples ended with an output and a verdict."""
    headline: bool = False
    """Whether this is the benchmark's primary number."""
    date: str = ""
    """Time of scoring, ISO 8601."""
    score_id: str = ""
    """Hash of everything that defines how the score is computed; different hashes are different scores."""
    data: str = ""
    """Hash of the samples, 12 digits."""
    builtin: bool = False
    """Whether the samples are known to be the built-in world's, whose numbers mean nothing elsewhere."""
    fingerprint: str = ""
    """Hash of everything that predictions and score depend on, 16 digits."""
    predictions_sha256: str = ""
    """Hash of the predictions, as named in the result, or of predictions.jsonl."""
    scores_sha256: str = ""
    """Hash of scores.jsonl."""
    provenance: str = ""
    """The run folder or bundle, relative to the table."""
    bundle_sha256: str = ""
    """Hash of the bundle; "" where the row comes from a run folder."""
    source: str = ""
    """The publication of a published number."""
    frames: str = ""
    """Which frames the model saw, such as `uniform-8` or `uniform-8-tarsier2`; of a published number how many. "" where
    that is not known."""
    chance: float | None = None
    """The expected value of blind guessing on the same samples."""
    unstated: str = ""
    """What the source of a published number leaves open that a comparison needs: `split`, `judge`, or both."""

    @property
    def key(self) -> RowKey:
        """The row's key."""
        return RowKey(self.column, self.model, self.fingerprint, self.source)

    @property
    def column(self) -> ColumnKey:
        """The row's column."""
        return ColumnKey(*(getattr(self, name) for name in ColumnKey._fields))

    @property
    def name(self) -> str:
        """A stable short name for the row: 12 digits of its key's hash."""
        column, *rest = self.key
        return digest([*column, *rest], 12)


COLUMNS = tuple(field.name for field in fields(TableRow))
"""The fields of a row, in the order of the file."""

ADDED = ("frames", "chance", "unstated")
"""Columns that tables of earlier versions lack."""


def merged(old: Iterable[TableRow], new: Iterable[TableRow]) -> list[TableRow]:
    """Return one row a key, in an order that depends only on the rows.

    Of several rows with a key a complete one counts before an incomplete one, and then the newest, in whatever order
    they are given. If the dates are equal too, as when a run is given as a folder and as a bundle, the row whose text
    sorts last counts: an arbitrary but stable choice.
    """
    kept: dict[RowKey, TableRow] = {}
    for row in (*old, *new):
        known = kept.get(row.key)
        if known is None or (row != known and _counts_before(row, known)):
            kept[row.key] = row
    return sorted(kept.values(), key=_place)


def superseded(given: Iterable[TableRow], kept: Iterable[TableRow]) -> dict[str, bool]:
    """Return the runs of which no row was kept, each with whether it is an incomplete one beside a complete one.

    A copy of a kept run, such as its bundle, is not among them; a run whose outputs were scored again later is.

    Args:
        given: Rows of runs.
        kept: The rows that were kept of these, and others.
    """
    of = {row.key: row for row in kept}
    stays = {row.provenance for row in of.values()}
    return {
        row.provenance: not row.complete and bool(other.complete)
        for row in given
        if _scoring(other := of[row.key]) != _scoring(row) and row.provenance not in stays
    }


def _scoring(row: TableRow) -> tuple[str, str]:
    """Return what the copies of a scored run share."""
    return row.scores_sha256, row.date


@lru_cache(maxsize=10_000)
def instant(date: str) -> float:
    """Return seconds since 1970 of an ISO date, UTC where it has no time zone; "" is older than any date.

    Raises:
        ValueError: it is not a date.
    """
    if not date:
        return float("-inf")
    found = datetime.fromisoformat(date)
    try:
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
    except (OverflowError, OSError) as error:  # the years 1 and 9999, east or west of Greenwich
        raise ValueError(f"{date} is out of range") from error


def _counts_before(row: TableRow, other: TableRow) -> bool:
    def rank(one: TableRow) -> tuple[bool, float, str]:
        return bool(one.complete), instant(one.date), repr(one)

    return rank(row) > rank(other)


def _place(row: TableRow) -> tuple[object, ...]:
    return (
        row.benchmark, row.split, row.subset != OVERALL, row.subset, not row.headline, row.metric, row.accounting,
        row.origin != "run", row.judge, row.protocol, row.score_id, row.data, row.model, row.fingerprint, row.source,
    )  # fmt: skip
