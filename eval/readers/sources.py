"""Which annotations a benchmark is read from: upstream's rows, or the official files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from eval.errors import DataError

Source = Literal["auto", "upstream", "official"]
"""`auto` takes upstream's rows where they are, since they hold the exact prompts, and official files otherwise."""


def upstream_file(
    file: str, data: Path, annotations: Path | None, source: Source, official: Sequence[Path]
) -> Path | None:
    """Return upstream's annotation file, or None where the official files are to be read.

    Args:
        file: Upstream's name of the file, such as `MVBench.jsonl`.
        data: Searched for `annotations/<file>` and `<file>`.
        annotations: The file itself, or the folder that holds it, in place of that search.
        source: What the user asked for.
        official: Where the official files lie; the first that exists will do.

    Raises:
        DataError: Neither is there; the message names every place that was looked at.
    """
    if annotations is not None and not annotations.exists():
        raise DataError(f"annotations {annotations} does not exist; give the file {file} or the folder that holds it")
    looked: list[Path] = []
    if source != "official":
        if annotations is None:
            looked = [data / "annotations" / file, data / file]
        else:
            looked = [annotations / file if annotations.is_dir() else annotations]
        found = next((place for place in looked if place.is_file()), None)
        if found is not None:
            return found
    if source != "upstream":
        if any(place.exists() for place in official):
            return None
        looked += official[:1]
    places = ", ".join(map(str, looked))
    more = f" (and {len(official) - 1} more like it)" if source != "upstream" and len(official) > 1 else ""
    raise DataError(f"no annotations (source={source}): looked for {places}{more}; set data= or annotations=")
