"""The runs of a publication, read once: what its data, its card and its records are made from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.analysis.leaderboard.finding import finished, opened
from eval.analysis.leaderboard.reading import rows_of as table_rows
from eval.analysis.leaderboard.rows import TableRow
from eval.analysis.publish.samples import Row, rows_of, value_names, without_annotations
from eval.config import cards
from eval.core import Card, Result
from eval.errors import ConfigError, RunError
from eval.provenance import digest
from eval.runs.places import without_places
from eval.runs.scored import ScoredRun

_OPEN = re.compile(r"\b(MIT|Apache|BSD|CC0|CC[- ]BY(?![- ](NC|ND)))\b")
"""Licences under which annotations may be passed on, as a benchmark's card names them."""
_HUB = re.compile(r"https://huggingface\.co/datasets/([\w.-]+/[\w.-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRun:
    """One benchmark of one model."""

    name: str
    """12 digits of the hash of its settings, predictions and scores."""
    result: Result
    made_by: Mapping[str, Any]
    """Everything that the predictions depend on, without paths."""
    fingerprint: str
    """Hash of everything that predictions and scores depend on."""
    date: str
    """Time of scoring, ISO 8601, or ""."""
    builtin: bool
    """Whether it is of the built-in world."""
    card: Card | None
    """The benchmark's, where it is one of conf/benchmark/."""
    settings: Mapping[str, Any]
    """The run's settings, without paths; {} where there are none."""
    table: Sequence[TableRow]
    """Its rows of the leaderboard."""
    rows: Sequence[Row]
    """Its samples."""
    values: Sequence[str]
    """The names of the samples' values."""
    held_back: bool = False
    """Whether the rows lack the text of the benchmark's owners."""

    @property
    def config(self) -> str:
        """The benchmark as a name of files."""
        return slug(self.result.benchmark)

    @property
    def split(self) -> str:
        """The benchmark's split, as a name that `datasets` takes."""
        return (
            re.sub(r"\W+", "_", str(self.result.provenance.get("split") or "test"), flags=re.ASCII).strip("_") or "test"
        )

    @property
    def stem(self) -> str:
        """The run as a name of files."""
        return f"{slug(self.result.model)}-{self.name[:8]}"

    @property
    def data_file(self) -> str:
        """The place of its samples in the publication."""
        return f"data/{self.config}/{self.split}-{self.stem}.parquet"

    @property
    def title(self) -> str:
        """The benchmark's name in papers."""
        return self.card.title if self.card else self.result.benchmark

    @property
    def hub(self) -> str | None:
        """The benchmark's data set on the Hugging Face Hub, `owner/name`; None where it has none, or is built in."""
        found = _HUB.match(self.card.homepage) if self.card and not self.builtin else None
        return found[1] if found else None

    @property
    def is_restricted(self) -> bool:
        """Whether its annotations may not be passed on, as far as the benchmark's card tells."""
        if self.builtin:
            return False
        own = self.card is None or self.result.provenance.get("annotations") is not None
        # What follows is about the videos.
        return own or _OPEN.search(self.card.licence.partition(";")[0] if self.card else "") is None

    def annotations_held_back(self) -> PublishedRun:
        """Return it without the text of the benchmark's owners."""
        return replace(self, rows=without_annotations(self.rows), held_back=True)


def slug(text: str) -> str:
    """Return a text as a name of files that every system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:80].strip(".-") or "unnamed"


def read_runs(places: Sequence[Path]) -> list[PublishedRun]:
    """Return the runs in these places, each once, in the order of benchmark, split, model and name.

    Args:
        places: Run folders, folders that hold some, and bundles.

    Raises:
        ConfigError: a place does not exist, or none holds a finished run.
        DataError, RunError: a run is damaged, or a shard.
    """
    found: dict[str, PublishedRun] = {}
    for path in finished(places):
        with opened(path) as scored:
            if shard := scored.result.provenance.get("shard"):
                raise RunError(
                    f"{path} is shard {shard} of a run; join them with `tarsier-eval merge`, and publish that."
                )
            if scored.probe:
                raise RunError(f"{path} is a probe ({scored.probe}), and no run of the benchmark; leave it out.")
            run = _of(scored)
            found.setdefault(run.name, run)
    if not found:
        raise ConfigError(f"{', '.join(map(str, places))}: no finished run in it; give a run that has a result.json.")
    return sorted(found.values(), key=lambda run: (run.config, run.split, run.stem, run.name))


def read_run(folder: Path) -> PublishedRun:
    """Return the run, or score, in a folder. Raises as `read_runs` does."""
    return _of(ScoredRun.read(folder))


def _of(scored: ScoredRun) -> PublishedRun:
    identity = [scored.fingerprint, scored.predictions_sha256, scored.scores_sha256]
    name, card = digest(identity, 12), cards().get(scored.benchmark)
    return PublishedRun(
        name=name,
        result=scored.result,
        made_by=scored.made_by,
        fingerprint=scored.fingerprint,
        date=scored.date,
        builtin=scored.is_builtin,
        card=card,
        settings=without_places(scored.settings),
        table=table_rows(scored, scored.folder.name),
        rows=rows_of(scored, name, card.dataset if card else None),
        values=value_names(scored),
    )
