"""From runs to a publication on disk, with what the user has to know of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.analysis.publish.folder import Publication, publication_of, refuse_other, write
from eval.analysis.publish.runs import PublishedRun, read_runs
from eval.errors import ConfigError
from eval.files import absolute, expanded
from eval.runs.folder import RESULT, runs_in
from eval.scorers.traits import all_traits

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A publication that was written."""

    publication: Publication
    folder: Path
    notes: tuple[str, ...]
    """What the user has to know of it, a line each."""

    @property
    def said(self) -> str:
        """What was written, in one line."""
        runs = self.publication.runs
        n_samples = sum(len(run.rows) for run in runs)
        names = ", ".join(dict.fromkeys(run.config for run in runs))
        size = sum(map(len, self.publication.files.values()))
        of = f"{n_samples} samples of {len(runs)} run{'' if len(runs) == 1 else 's'} ({names})"
        return f"{of} written to {self.folder}: {len(self.publication.files)} files, {size} bytes."


def publish(
    places: Sequence[str | Path],
    to: str | Path,
    repository: str | None = None,
    licence: str | None = None,
    *,
    with_annotations: bool = False,
) -> Published:
    """Write runs as a data set into a folder; nothing is uploaded.

    Args:
        places: Run folders, folders that hold some, and bundles.
        to: The folder.
        repository: `owner/name` on the hub, if it is to be pushed: questions and references are then held back where
            the benchmark's licence does not clearly allow to pass them on.
        licence: The hub's name of a licence for the outputs and scores.
        with_annotations: Whether they are kept all the same.

    Raises:
        ConfigError: an argument is wrong, pyarrow is not installed, or a file would hold a key.
        DataError, RunError: a run is damaged, or the folder cannot be written.
    """
    if repository is not None and not _REPOSITORY.fullmatch(repository):
        raise ConfigError(f"--push {repository!r} is not a repository; give owner/name.")
    if licence is not None and not _LICENCE.fullmatch(licence):
        raise ConfigError(f"--licence {licence!r} is not a licence's name on the hub; give one such as cc-by-4.0.")
    folder, given = absolute(to), [expanded(place) for place in places]
    refuse_other(folder)
    runs = read_runs(given)
    if repository is not None and not with_annotations:
        runs = [run.annotations_held_back() if run.is_restricted else run for run in runs]
    publication = publication_of(runs, repository, licence)
    write(publication, folder)
    return Published(publication=publication, folder=folder, notes=tuple(_notes(publication, given)))


def _notes(publication: Publication, places: Sequence[Path]) -> list[str]:
    left = [str(run) for place in places for run in runs_in(absolute(place)) if not (run / RESULT).exists()]
    notes = [f"Left out {path}: it is not through yet." for path in left]
    notes += [
        f"{count} samples in {name} name folders of this machine, as error messages do; they are written as they are."
        for name, count in publication.naming_places.items()
    ]
    if held := _listed(run for run in publication.runs if run.held_back):
        notes.append(
            f"Held back, since their licences do not clearly allow to pass them on: questions, references and judge "
            f"replies of {held}. --with-annotations publishes them, if you may."
        )
    known = all_traits()
    if foreign := _listed(run for run in publication.runs if run.result.provenance["scorer"]["name"] not in known):
        notes.append(f"Without metrics' names, units and records, since their scorers are not here: {foreign}.")
    if bare := _listed(run for run in publication.runs if all(row["n_frames"] is None for row in run.rows)):
        notes.append(f"Without prompts and outputs, since the predictions are gone or have changed: {bare}.")
    return notes


def _listed(runs: Iterable[PublishedRun]) -> str:
    return ", ".join(dict.fromkeys(run.result.benchmark for run in runs))
