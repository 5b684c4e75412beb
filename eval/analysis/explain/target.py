"""The number to compare with: a published one, or one given by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from eval import config as configuration
from eval.analysis.leaderboard.rows import TableRow
from eval.core import OVERALL, Card
from eval.errors import ConfigError, did_you_mean
from eval.readers.numbers import decimal, row_number
from eval.scorers.traits import is_known, metric_named

UNSTATED = "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The number to compare with."""

    value: float
    """Its value, unscaled."""
    rounding: float
    """Largest rounding error of its digits."""
    metric: str
    """Its metric."""
    subset: str
    """Its subset: `overall`, or the subset's own name."""
    number: int | None = None
    """Its row among the published numbers, counted from 1; None where it was given by hand."""
    model: str = ""
    """Its model; "" where it is not known, as for all fields below."""
    split: str = ""
    """The split."""
    judge: str = ""
    """The judge's name in the source."""
    source: str = ""
    """The publication."""
    frames: str = ""
    """The number of frames shown of a clip."""
    unstated: str = ""
    """What the source leaves open that a comparison needs."""
    others: tuple[str, ...] = ()
    """Values of the same number of the same model in other sources."""


def published(rows: Sequence[TableRow], which: str, benchmark: str, primary: str) -> Target:
    """Return the published number that a user selects.

    Args:
        rows: All published numbers, in the order of the file.
        which: Its row, counted from 1; or `benchmark/model`, with `/subset` and `/metric` unless it is the headline;
            the benchmark may be left out.
        benchmark: The benchmark that it must belong to.
        primary: The metric used where none is named.

    Raises:
        ConfigError: there is none, several match, or it is of another benchmark.
    """
    of = [(number, row) for number, row in enumerate(rows, 1) if row.benchmark == benchmark]
    if (at := row_number(which)) is not None:
        if not 1 <= at <= len(rows):
            raise ConfigError(f"--published {which}: there are rows 1 to {len(rows)}.")
        row = rows[at - 1]
        if row.benchmark != benchmark:
            raise ConfigError(
                f"--published {which}: that row is of {row.benchmark}, and the run of {benchmark}. {_listed(of)}"
            )
        return _target(at, row, of)
    parts = [part.strip().casefold() for part in which.split("/")]
    if parts[0] != benchmark.casefold():
        if any(parts[0] == row.benchmark.casefold() for row in rows):
            raise ConfigError(f"--published {which}: the run is of {benchmark}. {_listed(of)}")
        parts.insert(0, benchmark)
    model, subset, metric = (*parts[1:], *("", "", ""))[:3]
    found = [
        (number, row)
        for number, row in of
        if row.model.casefold() == model
        and row.subset.casefold() == (subset or OVERALL)
        and row.metric.casefold() == (metric or primary)
    ]
    if len(found) == 1:
        return _target(*found[0], of)
    if found:
        several = "; ".join(f"{number} ({row.source})" for number, row in found)
        raise ConfigError(f"--published {which}: several sources have it; give the row's number: {several}.")
    if any(row.model.casefold() == model for _, row in of):
        raise ConfigError(
            f"--published {which}: of this model there are other numbers; name subset and metric as in "
            f"{next(_key(row) for _, row in of if row.model.casefold() == model)}/{OVERALL}/{primary}, or the row."
        )
    known = {_key(row) for _, row in of}
    raise ConfigError(f"--published {which}: no such row. {did_you_mean(which, known) if known else _listed(of)}")


def by_hand(text: str, metric: str) -> Target:
    """Return a number given by hand, as tables print it: times 100, but a judge's score from 0 to 5 unscaled.

    Raises:
        ConfigError: it is not a number, or out of the metric's range.
    """
    if not is_known(metric):
        raise ConfigError(
            f"--value {text}: no scorer here gives {metric}; install its plugin, or name the folder as --conf."
        )
    traits = metric_named(metric)
    scale, most = traits.scale, traits.scale * traits.best
    try:
        value = decimal(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value) or not 0 <= value <= most:
        raise ConfigError(f"--value {text}: {metric} is a number from 0 to {most:g}; give it as tables print it.")
    if scale > 1 and 0 < value <= 1:
        raise ConfigError(f"--value {text}: give {metric} times 100, as tables print it: {100 * value:g}.")
    mantissa = text.lower().partition("e")[0]
    decimals = len(mantissa.partition(".")[2]) if "e" not in text.lower() else 1
    return Target(value=value / scale, rounding=0.5 * 10.0**-decimals / scale, metric=metric, subset=OVERALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedFrames:
    """The number of frames behind a published number, as far as it is known."""

    text: str
    """In words."""
    counts: tuple[str, ...]
    """The numbers that it may be; none where that is not known."""

    def same(self, here: str) -> bool | None:
        """Whether a run's number of frames is the same; None where that is not known."""
        return None if not self.counts or (here in self.counts and len(self.counts) > 1) else here in self.counts


def family_of(model: str, card: Card) -> str:
    """Return the family on a card that a model's name begins with, the longest; "" where there is none."""
    return max((name for name in card.frames if model.casefold().startswith(name.casefold())), key=len, default="")


def name_of(model: Mapping[str, Any]) -> str:
    """Return the name of a run's model in publications: that of its checkpoint on the hub or server, else its own."""
    if model.get("served_model"):
        return str(model["served_model"])
    checkpoint = str(model.get("checkpoint") or "")
    is_hub_id = checkpoint.count("/") == 1 and not checkpoint.startswith(("/", ".", "~"))
    return checkpoint.partition("/")[2] if is_hub_id else str(model.get("name"))


def stated_frames(target: Target, card: Card | None) -> StatedFrames:
    """Return the frames behind a published number: by its source, else by the benchmark's card.

    Else conf/ may tell how many its model takes, which says what they are likely to be.
    """
    if target.frames:
        return StatedFrames(text=target.frames, counts=(target.frames,))
    if card and (family := family_of(target.model, card)):
        counts = tuple(map(str, card.frames[family]))
        return StatedFrames(text=f"{' or '.join(counts)} ({family}, by the benchmark's card)", counts=counts)
    model = next((name for name in configuration.names("model") if name == target.model.casefold()), None)
    own = configuration.load_settings([f"model={model}"]).model.get("n_frames") if model else None
    return StatedFrames(text=f"{UNSTATED}; the model's own are {own}" if own else UNSTATED, counts=())


def _target(number: int, row: TableRow, of: Sequence[tuple[int, TableRow]]) -> Target:
    assert row.value is not None, "every published number has a value"
    # Trailing zeros may be published digits or padding; the finer rounding claims less.
    scale = metric_named(row.metric).scale
    decimals = max(len(f"{row.value!r}".partition(".")[2]), 3 if scale > 1 else 1)
    same = (row.model, row.subset, row.metric)
    others = [
        f"{scale * other.value:.{1 if scale > 1 else 2}f} (row {n}, {other.source})"
        for n, other in of
        if n != number and (other.model, other.subset, other.metric) == same and other.value is not None
    ]
    return Target(
        value=row.value,
        rounding=0.5 * 10.0**-decimals,
        metric=row.metric,
        subset=row.subset,
        number=number,
        model=row.model,
        split=row.split,
        judge=row.judge,
        source=row.source,
        frames=row.frames.removesuffix(" frames"),
        unstated=row.unstated,
        others=tuple(others),
    )


def _key(row: TableRow) -> str:
    return f"{row.benchmark}/{row.model}"


def _listed(of: Sequence[tuple[int, TableRow]]) -> str:
    if not of:
        return "No published number of this benchmark is known; give one as --value."
    headlines = [f"{number} {_key(row)}" for number, row in of if row.headline]
    return f"Its rows: {', '.join(headlines[:20])}{', ...' if len(headlines) > 20 else ''}."
