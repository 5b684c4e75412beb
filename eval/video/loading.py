"""Load one clip: return the frames for a model, or the reason why there are none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eval.core import Clip, ClipNote, DecoderName, LoadedClip, PictureRules
from eval.errors import MediaError, MediaReason, TarsierEvalError
from eval.video.frames import load_frames, notes_on
from eval.video.identity import media_id
from eval.video.preparing import prepare

if TYPE_CHECKING:
    from PIL.Image import Image

    from eval.video.frame_store import FrameStore


def load(
    clip: Clip,
    *,
    n_frames: int,
    side: int | None,
    decoder: DecoderName = "pyav",
    rules: PictureRules = PictureRules(),  # noqa: B008 (it is frozen)
    store: FrameStore | None = None,
) -> LoadedClip:
    """Return the frames of a clip, resized to `side` x `side` pixels where a side is given.

    Any error that the clip causes in a decoder is the clip's failure: it is returned, and never raised.

    Raises:
        TarsierEvalError: the settings do not fit, whichever clip it is.
    """
    begin = time.perf_counter()
    decoded: float | None = None
    frames: Sequence[Image] | None = None
    error: MediaError | None = None
    notes: tuple[ClipNote, ...] = ()
    before = media_id(clip)
    try:
        key = store.key(clip, n_frames, side, decoder, rules) if store else None
        frames = store.get(key) if store and key else None
        if frames is None:
            frames = load_frames(clip, n_frames, decoder=decoder, rules=rules)
            decoded = time.perf_counter()
            frames = prepare(frames, side) if side else frames
            if store and key:
                store.put(key, frames)
        notes = notes_on(clip, frames, n_frames)
    except MediaError as found:
        error = clean_error(found.path, found.reason, found.detail)
    except MemoryError:
        error = clean_error(clip.name, "memory", "needs more memory than a clip may take")
    except TarsierEvalError:
        raise
    except Exception as found:  # noqa: BLE001 (the errors of decoders on broken files cannot all be listed)
        error = clean_error(clip.name, "unreadable", f"{type(found).__name__}: {found}")
    media = None if error else media_id(clip)
    if media != before and not error:
        error = clean_error(clip.name, "unreadable", "was changed while it was read")
    end = time.perf_counter()
    decoded = decoded or end
    frames = None if error else frames
    times = {"decode": (begin, decoded), "prepare": (decoded, end)}
    media, notes = (None, ()) if error else (media, notes)
    return LoadedClip(clip=clip, frames=frames, error=error, media=media, notes=notes, **times)


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
