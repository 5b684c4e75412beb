"""Published numbers: results/published.csv, one a line, each with its source.

    benchmark,split,subset,model,metric,value,judge,source,frames,unstated

Benchmarks, subsets and metrics have this project's names. Values are unscaled as everywhere (an accuracy of 0 to 1),
with the published digits. `judge` is the judge's name in the source. `frames` is the number of frames shown of a clip,
where the source states one. `unstated` names what a comparison would need and the source does not state: `split` of a
benchmark with several, `judge` where its model or its date is open, with a space between both.
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from eval.analysis.leaderboard.cells import check_cell
from eval.analysis.leaderboard.rows import TableRow
from eval.core import OVERALL
from eval.errors import DataError, did_you_mean
from eval.files import read_regular_text
from eval.readers.malformed import printable
from eval.scorers.traits import all_traits

FIELDS = ("benchmark", "split", "subset", "model", "metric", "value", "judge", "source", "frames", "unstated")

UNSTATED = ("split", "judge")
"""What a source may leave open that a comparison needs."""


def read_published(path: Path) -> list[TableRow]:
    """Return the published numbers in a file.

    Raises:
        DataError: a line does not fit; the message names it.
    """
    try:
        reader = csv.DictReader(io.StringIO(read_regular_text(path), newline=""), strict=True)
        if tuple(reader.fieldnames or ()) != FIELDS:
            raise DataError(f"{path}:1: the columns must be {','.join(FIELDS)}.")
        return [_row(fields, f"{path}:{reader.line_num}") for fields in reader]
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def _row(fields: dict[str, str], place: str) -> TableRow:
    if None in fields or None in fields.values():
        raise DataError(f"{place}: {len(FIELDS)} cells are needed; quote texts with commas.")
    for name in ("benchmark", "subset", "model", "metric", "source"):
        if not fields[name].strip():
            raise DataError(f"{place}: {name} is empty; a published number needs it.")
    try:
        value = float(fields["value"])
        for text in fields.values():
            check_cell(text)
    except ValueError as error:
        raise DataError(f"{place}: {error}.") from error
    if not math.isfinite(value):
        raise DataError(f"{place}: value {fields['value']!r} is not a number.")
    if fields["frames"] and not (fields["frames"].isascii() and fields["frames"].isdigit()):
        raise DataError(f"{place}: frames {fields['frames']!r} is not a whole number; leave it empty if not stated.")
    if others := set(fields["unstated"].split()) - {*UNSTATED}:
        raise DataError(f"{place}: unstated {min(others)!r}. {did_you_mean(min(others), UNSTATED)}")
    return TableRow(
        origin="published",
        benchmark=printable(fields["benchmark"]),
        split=printable(fields["split"]),
        subset=printable(fields["subset"]),
        model=printable(fields["model"]),
        metric=printable(fields["metric"]),
        accounting="",
        judge=printable(fields["judge"]),
        protocol="",
        value=value,
        headline=fields["subset"] == OVERALL and fields["metric"] in _headlines(),
        source=printable(fields["source"]),
        frames=f"{fields['frames']} frames" if fields["frames"] else "",
        unstated=fields["unstated"],
    )


def _headlines() -> set[str]:
    return {traits.headline.name for traits in all_traits().values()}
