"""Load one clip: return the frames for a model, or the reason why there are none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from eval.core import Clip, ClipNote, DecoderName, FramePolicy, LoadedClip, PictureRules, Strip
from eval.errors import MediaError, MediaReason, TarsierEvalError
from eval.video.choosing import policy_of, shares
from eval.video.frames import check_count, load_frames, notes_on
from eval.video.identity import media_id
from eval.video.preparing import prepare, sizes_of
from eval.video.strip import strip_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from eval.video.frame_store import FrameStore


def load(
    clip: Clip,
    policy: FramePolicy,
    *,
    decoder: DecoderName = "pyav",
    rules: PictureRules = PictureRules(),  # noqa: B008 (it is frozen)
    store: FrameStore | None = None,
    draw: bool = False,
) -> LoadedClip:
    """Return the frames of a clip and of its further media, chosen and resized as the policy says.

    With `draw` a picture of them comes along (`eval.video.strip`).

    Any error that the clip causes in a decoder is the clip's failure: it is returned, and never raised.

    Raises:
        TarsierEvalError: the settings do not fit, whichever clip it is.
    """
    begin = time.perf_counter()
    decoded: float | None = None
    shown: Sequence[Sequence[Image]] | None = None
    error: MediaError | None = None
    notes: tuple[ClipNote, ...] = ()
    frames: Sequence[Image] = ()
    strip: Strip | None = None
    policy = policy_of(clip, policy)
    check_count(policy)
    media, wanted = (clip, *clip.more), shares(clip, policy)
    before = media_id(clip)
    try:
        key = store.key(clip, policy, decoder, rules) if store else None
        shown = store.get(key) if store and key else None
        if shown is None:
            shown = [
                load_frames(medium, _share_of(policy, n, medium), decoder=decoder, rules=rules)
                for medium, n in zip(media, wanted, strict=True)
            ]
            decoded = time.perf_counter()
            sizes = sizes_of(policy.size, clip, [len(frames) for frames in shown])
            shown = [
                prepare(frames, size, medium.name) if size else frames
                for medium, frames, size in zip(media, shown, sizes, strict=True)
            ]
            if store and key:
                store.put(key, shown)
        # At a rate, one frame may be all that there is.
        wanted = wanted if policy.fps is None else [len(frames) for frames in shown]
        found = (notes_on(*each, decoder) for each in zip(media, shown, wanted, strict=True))
        notes = tuple(dict.fromkeys(note for of_medium in found for note in of_medium))
        frames = [frame for of_medium in shown for frame in of_medium]
        strip = strip_of(frames) if draw else None
    except MediaError as found:
        error = clean_error(found.path, found.reason, found.detail)
    except MemoryError:
        error = clean_error(clip.name, "memory", "needs more memory than a clip may take")
    except TarsierEvalError:
        raise
    except Exception as found:  # noqa: BLE001 (the errors of decoders on broken files cannot all be listed)
        error = clean_error(clip.name, "unreadable", f"{type(found).__name__}: {found}")
    files = None if error else media_id(clip)
    if files != before and not error:
        error = clean_error(clip.name, "unreadable", "was changed while it was read")
    end = time.perf_counter()
    decoded = decoded or end
    of_decoding, of_preparing = (begin, decoded), (decoded, end)
    if error or shown is None:
        return LoadedClip(clip=clip, frames=None, error=error, decode=of_decoding, prepare=of_preparing)
    return LoadedClip(
        clip=clip,
        frames=frames,
        counts=tuple(map(len, shown)) if clip.more else (),
        media=files,
        notes=notes,
        strip=strip,
        decode=of_decoding,
        prepare=of_preparing,
    )


def _share_of(policy: FramePolicy, n_frames: int, medium: Clip) -> FramePolicy:
    """Return the policy for one medium of a prompt. Raises MediaError where no frame is left for it."""
    if n_frames < 1:
        said = f"gets none of the {policy.n_frames} frames, which other media of its prompt take up, or lists none"
        raise MediaError(medium.name, "unsupported", said)
    return replace(policy, n_frames=n_frames)


def clean_error(path: Path | str, reason: MediaReason, detail: str) -> MediaError:
    """Return a MediaError of one line that every terminal and file accepts, whatever the clip's name contains."""
    return MediaError(one_line(str(path)), reason, one_line((detail.strip().splitlines() or [""])[0])[:500])


def one_line(text: str) -> str:
    r"""Return a text with what cannot be shown written out: line breaks, control characters, bytes that are not UTF-8.

    Bytes of a file name that are not UTF-8 come as lone surrogates, which cannot be encoded: `\udcff` becomes `\xff`.
    """
    return "".join(
        c if c.isprintable() else f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else repr(c)[1:-1]
        for c in text
    )
