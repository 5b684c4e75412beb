"""Finds runs: run folders at any depth, and bundles; anything else is skipped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eval.analysis.leaderboard.reading import refuse_untabular, rows_of
from eval.analysis.leaderboard.rows import TableRow
from eval.errors import ConfigError, TarsierEvalError
from eval.files import absolute, open_regular
from eval.runs.bundle import SUFFIX
from eval.runs.folder import PREDICTIONS, RESULT, RUN
from eval.runs.scored import ScoredRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The rows and problems found among the runs."""

    rows: tuple[TableRow, ...]
    """A row for each metric of each result."""
    n_results: int
    """Number of results read."""
    unfinished: tuple[str, ...]
    """Runs that have no result yet, shards of runs, and results without metrics; a line each."""
    probes: tuple[str, ...]
    """Probed runs, a line each."""
    skipped: tuple[str, ...]
    """Damaged runs and paths that are no run; one line each, with the reason."""


def find_rows(places: Sequence[Path], table: Path) -> Found:
    """Return the rows of all runs in these places.

    Args:
        places: Run folders, folders that hold some at any depth, and bundles.
        table: The table's file; run paths are stored relative to its folder.

    Raises:
        ConfigError: one of the places does not exist.
    """
    rows: list[TableRow] = []
    unfinished: list[str] = []
    probes: list[str] = []
    skipped: list[str] = []
    n_results = 0
    for path in _found(places):
        try:
            if path.is_dir() and not (path / RESULT).exists():
                if (path / RUN).is_file():
                    unfinished.append(f"{path}: not through yet; there is no {RESULT}.")
                else:
                    skipped.append(f"{path}: not a run; there is neither {RESULT} nor {RUN} in it.")
                continue
            with opened(path) as scored:
                if shard := scored.result.provenance.get("shard"):
                    unfinished.append(f"{path}: shard {shard} of a run; merge joins them.")
                    continue
                if scored.probe:
                    probes.append(f"{path}: a probe ({scored.probe}), whose numbers are none of the benchmark.")
                    continue
                found_here = rows_of(
                    scored, _relative_to(path, table.parent), sha256_of(path) if path.is_file() else ""
                )
        except TarsierEvalError as error:
            skipped.append(str(error))
            continue
        except OSError as error:
            skipped.append(f"{error.filename or path}: {error.strerror or error}.")
            continue
        n_results += 1
        rows += found_here
        if not found_here:
            unfinished.append(f"{path}: has no metrics; the solutions of its split are withheld.")
    return Found(
        rows=tuple(rows),
        n_results=n_results,
        unfinished=tuple(unfinished),
        probes=tuple(probes),
        skipped=tuple(skipped),
    )


def finished(places: Sequence[Path]) -> list[Path]:
    """Return the folders and bundles in these places that should have a result; see find_rows."""
    return [path for path in _found(places) if path.is_file() or (path / RESULT).exists()]


def _found(places: Sequence[Path]) -> list[Path]:
    for place in places:
        if not place.exists():
            raise ConfigError(f"{str(place)!r} does not exist: give run folders, a folder of them, or bundles.")
    return list(dict.fromkeys(absolute(path) for place in places for path in _candidates(place)))


@contextmanager
def opened(path: Path) -> Iterator[ScoredRun]:
    """Open a run folder, or a bundle, which stays unpacked, verified, until the block ends.

    Raises:
        DataError, RunError: it is damaged, or not a run.
    """
    with ScoredRun.open(path) as run:
        refuse_untabular(run)
        yield run


def sha256_of(path: Path) -> str:
    """Return the hash of a file's content."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _relative_to(path: Path, folder: Path) -> str:
    """Return a file's path relative to a folder, with `/` between names; its own name from another drive."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return path.name


def _candidates(place: Path) -> Iterator[Path]:
    """Yield runs and bundles in a place in order, and each topmost folder with files but no run in or below it."""
    if not place.is_dir():
        yield place
        return
    if _is_run(place):
        yield place
        return
    try:
        below = sorted(entry for entry in place.iterdir() if not entry.name.startswith("."))
    except OSError:
        yield place  # reported by the caller
        return
    bundles = [entry for entry in below if entry.is_file() and entry.name.endswith(SUFFIX)]
    folders = [entry for entry in below if entry.is_dir() and not entry.is_symlink()]
    inner = [found for folder in folders for found in _candidates(folder)]
    if not bundles and not any(_is_run(path) or path.is_file() for path in inner):
        # No run in here: one line for the whole folder, not one for each folder of a foreign tree.
        if inner or any(entry.is_file() for entry in below):
            yield place
        return
    yield from bundles
    yield from inner


def _is_run(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for name in (RESULT, RUN, PREDICTIONS))
