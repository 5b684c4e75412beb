"""Whether a run was shown the files that are there now: it must not go on with others under the same names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.core import Prediction, Sample
from eval.errors import RunError
from eval.fingerprint import MEDIA, Accepted, Difference
from eval.pipeline import group_by_clip
from eval.provenance import sha256_text
from eval.video.identity import media_id


def changed_media(
    folder: Path,
    samples: Sequence[Sample],
    done: Mapping[str, Prediction],
    accept: Sequence[str],
    accepted: Sequence[Accepted],
) -> Difference | None:
    """Return how the files of samples that are done differ from those of today, None where they do not.

    Files that are gone, and predictions that do not say what they were made from, are taken on trust.

    Args:
        folder: The run folder, for messages.
        samples: What the run is about.
        done: Its predictions so far by sample.
        accept: Fields whose difference the user accepts.
        accepted: Differences that were accepted at earlier starts; what is done keeps them.

    Raises:
        RunError: they differ, which nobody accepted; the message says of how many samples, and of which clip.
    """
    changed: list[tuple[Sample, str, str]] = []
    known = [sample for sample in samples if sample.id in done and done[sample.id].media is not None]
    for clip, group in group_by_clip(known).items():
        now = media_id(clip)
        for sample in group if now is not None else ():
            was = done[sample.id].media
            if was is not None and now is not None and was != now:
                changed.append((sample, was, now))
    if not changed:
        return None
    sample = changed[0][0]
    was, now = (
        f"{sha256_text([f'{each[0].id} {each[which]}' for each in changed])[:16]} of {len(changed)} samples such as "
        f"{sample.id}"
        for which in (1, 2)
    )
    if MEDIA not in accept and not any((each.field, each.now) == (MEDIA, now) for each in accepted):
        raise RunError(
            f"{folder}: {len(changed)} of its predictions were made from other files than are there now, such as "
            f"{sample.id}: {sample.clip.name}. Put the files back, choose another OUT, or accept it by name: "
            f"accept=[{MEDIA}]."
        )
    return MEDIA, was, now
