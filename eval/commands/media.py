"""Whether a run was shown the files that are there now: it must not go on with others under the same names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from eval.core import Sample
from eval.errors import RunError
from eval.fingerprint import MEDIA, Difference, read_record
from eval.pipeline import group_by_clip
from eval.provenance import sha256_text
from eval.store import PREDICTIONS
from eval.video.identity import media_id


def changed_media(folder: Path, samples: Sequence[Sample], accept: Sequence[str]) -> Difference | None:
    """Return how the files of samples that are done differ from those of today, None where they do not.

    Files that are gone, and predictions that do not say what they were made from, are taken on trust. The difference
    is one of all samples together: where it was accepted, and other files change after that, it is another one.

    Args:
        folder: The run folder, in which nothing is touched; it may hold no predictions yet.
        samples: What the run is about.
        accept: Fields whose difference the user accepts.

    Raises:
        RunError: they differ, which nobody accepted, now or before; the message says of how many, and of which clip.
    """
    shown = _shown(folder / PREDICTIONS)
    changed: list[tuple[Sample, str, str]] = []
    for clip, group in group_by_clip([sample for sample in samples if sample.id in shown]).items():
        now = media_id(clip)
        changed += [(each, shown[each.id], now) for each in group if now is not None and shown[each.id] != now]
    if not changed:
        return None
    first = changed[0][0]
    of = f"of {len(changed)} samples such as {first.id}"
    was = f"{sha256_text([f'{each.id} {then}' for each, then, _ in changed])[:16]} {of}"
    now = f"{sha256_text([f'{each.id} {today}' for each, _, today in changed])[:16]} {of}"
    if MEDIA not in accept and not read_record(folder).has_accepted(MEDIA, now):
        raise RunError(
            f"{folder}: {len(changed)} of its predictions were made from other files than are there now, such as "
            f"{first.id}: {first.clip.name}. Put the files back, choose another OUT, or accept it by name: "
            f"accept=[{MEDIA}]."
        )
    return MEDIA, was, now


def _shown(path: Path) -> Mapping[str, str]:
    """Return which files each output was made from, where its line says so; of several, the first counts.

    A line that cannot be read says nothing here: the end of the file is mended when the run begins, and what is
    damaged elsewhere is refused then.
    """
    shown: dict[str, str | None] = {}
    with suppress(OSError), path.open("rb") as file:
        for line in file:
            with suppress(ValueError, RecursionError):
                row = json.loads(line)
                if isinstance(row, dict) and isinstance(row.get("output"), str) and isinstance(row.get("id"), str):
                    media = row.get("media")
                    shown.setdefault(row["id"], media if isinstance(media, str) else None)
    return {name: media for name, media in shown.items() if media is not None}
