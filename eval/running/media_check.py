"""The media of a run: how much of them is there, and whether a resumed run's predictions are of these files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from eval.archives import Member
from eval.core import Clip, Coverage, Sample
from eval.engines.groups import group_by_clip
from eval.errors import RunError, TarsierEvalError
from eval.files import open_regular
from eval.readers.predictions import refuse_others
from eval.runs.differences import Difference
from eval.runs.folder import PREDICTIONS, RESULT, RUN
from eval.runs.record import MEDIA, read_record
from eval.runs.result import read_result
from eval.video.identity import media_id


def coverage(samples: Sequence[Sample], unreadable: frozenset[str] = frozenset()) -> list[Coverage]:
    """Return the coverage of each subset: the share of its samples whose media are on disk, in order of appearance.

    Args:
        samples: The samples of all subsets.
        unreadable: Names of media that are there and cannot be shown; they count as absent.
    """
    there: dict[Clip, bool] = {}
    counts: dict[str, list[int]] = {}
    for sample in samples:
        if sample.clip not in there:
            media = (each.name for each in (sample.clip, *sample.clip.more))
            there[sample.clip] = sample.clip.exists() and unreadable.isdisjoint(media)
        count = counts.setdefault(sample.subset, [0, 0])
        count[0] += 1
        count[1] += there[sample.clip]
    return [Coverage(subset=subset, total=total, present=present) for subset, (total, present) in counts.items()]


def coverage_of_run(folder: Path, samples: Sequence[Sample]) -> list[Coverage]:
    """Return the coverage that a run's own result states, if all samples of these subsets are here; else none."""
    found: Sequence[Coverage] = ()
    if (folder / RESULT).is_file():
        with suppress(TarsierEvalError):
            found = read_result(folder)[0].coverage
    n = Counter(sample.subset for sample in samples)
    kept = [each for each in found if n[each.subset] == each.total]
    return kept if sum(each.total for each in kept) == len(samples) else []


def changed_media(folder: Path, samples: Sequence[Sample], accept: Sequence[str]) -> Difference | None:
    """Return the difference between the files of finished samples and those on disk now, None without one.

    Files that are gone, and predictions without a record of their files, are taken on trust. So are differences
    accepted at an earlier start, sample by sample.

    Args:
        folder: The run folder, which is not changed; it may hold no predictions yet.
        samples: The run's samples.
        accept: Fields whose difference the user accepts.

    Raises:
        DataError: there are predictions of samples that are not among these.
        RunError: files differ and this was not accepted; the message gives the number of samples, and a clip.
    """
    if not (folder / RUN).exists():
        return None
    done = _done(folder / PREDICTIONS)
    refuse_others(folder / PREDICTIONS, done, [sample.id for sample in samples])
    accepted = _accepted(folder)
    changed: dict[str, str] = {}
    clips: list[str] = []
    for clip, group in group_by_clip([sample for sample in samples if done.get(sample.id) is not None]).items():
        # What is streamed has a commit, and would have to be fetched once more.
        now = None if _streams(clip) else media_id(clip)
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
    return Difference(field=MEDIA, first={name: done[name] for name in changed}, second=changed)


def _streams(clip: Clip) -> bool:
    files = [
        path
        for each in (clip, *clip.more)
        for path in (each.source if isinstance(each.source, tuple) else [each.source])
    ]
    return any(isinstance(path, Member) and path.streams for path in files)


def _accepted(folder: Path) -> Mapping[str, str]:
    """Return the accepted files by sample: those of the last start that named the sample."""
    found: dict[str, str] = {}
    for each in read_record(folder).accepted:
        if each.field == MEDIA and isinstance(each.now, Mapping):
            found.update(each.now)
    return found


def _done(path: Path) -> Mapping[str, str | None]:
    """Return the files of each sample's output, where its line has them; of several lines, the first counts.

    Unreadable lines are skipped here: when the run begins, a damaged end of the file is repaired, and other damage is
    refused.
    """
    done: dict[str, str | None] = {}
    with suppress(OSError), open_regular(path) as file:
        for line in file:
            with suppress(ValueError, RecursionError):
                row: Any = json.loads(line)
                if isinstance(row, dict) and isinstance(row.get("id"), str):
                    media = row.get("media") if isinstance(row.get("output"), str) else None
                    if done.get(row["id"]) is None:
                        done[row["id"]] = media if isinstance(media, str) else None
    return done
