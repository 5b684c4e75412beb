"""What a run goes on from, looked at before its folder is touched: is it of these samples, and of these files?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from eval.core import Sample
from eval.errors import RunError
from eval.readers.predictions import refuse_others
from eval.running.predict import group_by_clip
from eval.runs.folder import PREDICTIONS, RUN
from eval.runs.record import MEDIA, Difference, read_record
from eval.video.identity import media_id


def changed_media(folder: Path, samples: Sequence[Sample], accept: Sequence[str]) -> Difference | None:
    """Return how the files of samples that are done differ from those of today, None where they do not.

    Files that are gone, and predictions that do not say what they were made from, are taken on trust. So is what was
    accepted at an earlier start, sample by sample.

    Args:
        folder: The run folder, in which nothing is touched; it may hold no predictions yet.
        samples: What the run is about.
        accept: Fields whose difference the user accepts.

    Raises:
        DataError: predictions are there of samples that are none of these.
        RunError: files differ, which nobody accepted; the message says of how many samples, and of which clip.
    """
    if not (folder / RUN).is_file():
        return None
    done = _done(folder / PREDICTIONS)
    refuse_others(folder / PREDICTIONS, done, [sample.id for sample in samples])
    accepted = _accepted(folder)
    changed: dict[str, str] = {}
    clips: list[str] = []
    for clip, group in group_by_clip([sample for sample in samples if done.get(sample.id) is not None]).items():
        now = media_id(clip)
        for sample in group if now is not None else ():
            if now is not None and now not in (done[sample.id], accepted.get(sample.id)):
                changed[sample.id] = now
                clips.append(clip.name)
    if not changed:
        return None
    first = next(iter(changed))
    if MEDIA not in accept:
        raise RunError(
            f"{folder}: {len(changed)} of its predictions were made from other files than are there now, such as "
            f"{first}: {clips[0]}. Put the files back, choose another OUT, or accept it by name: accept=[{MEDIA}]."
        )
    return MEDIA, {name: done[name] for name in changed}, changed


def _accepted(folder: Path) -> Mapping[str, str]:
    """Return the files that were accepted by sample: those of the last start that named the sample."""
    found: dict[str, str] = {}
    for each in read_record(folder).accepted:
        if each.field == MEDIA and isinstance(each.now, Mapping):
            found.update(each.now)
    return found


def _done(path: Path) -> Mapping[str, str | None]:
    """Return by sample which files its output was made from, where its line says so; of several, the first counts.

    A line that cannot be read says nothing here: the end of the file is mended when the run begins, and what is
    damaged elsewhere is refused then.
    """
    done: dict[str, str | None] = {}
    with suppress(OSError), path.open("rb") as file:
        for line in file:
            with suppress(ValueError, RecursionError):
                row: Any = json.loads(line)
                if isinstance(row, dict) and isinstance(row.get("id"), str):
                    media = row.get("media") if isinstance(row.get("output"), str) else None
                    if done.get(row["id"]) is None:
                        done[row["id"]] = media if isinstance(media, str) else None
    return done
