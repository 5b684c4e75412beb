"""Load the frames of a clip: the entry point of this package.

A file's type decides how it is read, and its first bytes decide its type: a gif follows the rules for gifs whatever its
name, and a file with an unknown extension is tried as a video.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from eval.core import NUMBER, SECONDS, VIDEO_EXTENSIONS, Clip, ClipNote, DecoderName, FramePolicy, PictureRules
from eval.errors import ConfigError, MediaError, did_you_mean
from eval.video.files import is_folder

if TYPE_CHECKING:
    from PIL.Image import Image

    from eval.video.choosing import Choice, Kept

DECODERS: tuple[DecoderName, ...] = get_args(DecoderName)
"""The decoders for videos; Pillow reads gifs and images under either."""

_RULES = PictureRules()
_GIF_MAGIC = (b"GIF87a", b"GIF89a")
_IMAGE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def load_frames(
    clip: Clip, policy: FramePolicy, *, decoder: DecoderName = "pyav", rules: PictureRules = _RULES
) -> list[Image]:
    """Return the frames of a clip's first medium that are shown to a model.

    By rule `tarsier` a video gives `n_frames` over its span, indices repeated where it is shorter. A gif (or an
    animated WebP, an APNG, a TIFF of several pages), a folder and a list of frame files give each frame at most once,
    so fewer where they hold fewer; the span does not apply to a gif or a list, and to a folder only where the clip
    states its frame rate. An image gives one, and so does each file in a folder or a list. Rule `tarsier2` is the same
    for all of them, see `eval.video.sampling_tarsier2`; times need a frame rate, which lists have not.

    A policy's `fps` is for videos, and for folders with a frame rate. Anything else has no rate that holds for all of
    its frames, and gives `n_frames` spread evenly.

    Everything runs in this process. A decoder may hang or crash on a bad file, decord more than others;
    `eval.video.workers` loads clips in processes that survive this.

    Args:
        clip: What to read.
        policy: Frames wanted; its size is left to `eval.video.preparing`.
        decoder: Which decoder reads videos.
        rules: How image files are read.

    Returns:
        RGB images of the clip's own size, upright, with their numbers (`NUMBER`), and their times where the clip has a
        frame rate (`SECONDS`).

    Raises:
        MediaError: Where the clip cannot be read; it names the file and the reason.
        ConfigError: Where the decoder is unknown or not installed, or no frame is asked for.
    """
    _check_decoder(decoder)
    check_count(policy)
    times = {"start": clip.start, "end": clip.end, "fps": clip.fps}
    for name, value in times.items():
        if value is not None and (math.isnan(value) or (name == "fps" and not 0 < value < math.inf)):
            raise MediaError(clip.name, "unsupported", f"its {name} is {value}, which is not a time that frames are at")
    # Imported here so that `--help` is not slowed down.
    from eval.video import choosing

    video = choosing.Kept(choosing.of_video(clip, policy))
    pictures = choosing.Kept(choosing.of_pictures(clip, policy))
    animation = choosing.Kept(choosing.in_order(choosing.of_pictures(clip, policy)))
    frames = _read(clip, policy, decoder, rules, pictures, animation, video)
    numbers = video.numbers or pictures.numbers or animation.numbers
    # Of pictures only those with a rate of their own: those of a gif may be shown for unequal times.
    seconds = video.seconds or ((pictures.seconds or animation.seconds) if clip.fps is not None else ())
    for name, values in ((NUMBER, numbers), (SECONDS, seconds)):
        if len(values) == len(frames):
            for frame, value in zip(frames, values, strict=True):
                frame.info[name] = value
    return frames


def _read(
    clip: Clip,
    policy: FramePolicy,
    decoder: DecoderName,
    rules: PictureRules,
    of_pictures: Kept,
    of_animation: Choice,
    of_video: Choice,
) -> list[Image]:
    from eval.video import choosing, extent, images

    source = clip.source
    if not isinstance(source, Path):
        return images.read_frame_files(source, of_pictures, rules, clip.fps)
    if is_folder(source):
        span = choosing.folder_span(clip, policy)
        files = images.list_folder(source, **span)
        if span["start"] is not None or span["end"] is not None:
            of_pictures.first = images.list_folder(source, fps=None, start=None, end=None).index(files[0])
        return images.read_frame_files(files, of_pictures, rules, clip.fps)
    head = _first_bytes(source)
    # Motion JPEG begins as a picture does. FFmpeg reports no size beyond its limits, and then finds no picture.
    if is_image(head) and (source.suffix.lower()[1:] not in VIDEO_EXTENSIONS or images.is_animation(source)):
        return images.read_picture(source, of_animation, rules)
    if head.startswith(_GIF_MAGIC):
        return images.read_picture(source, of_animation, rules)
    extent.check_whole(source)
    if decoder == "decord":
        from eval.video import decord_reader

        return decord_reader.read_video(source, of_video)
    from eval.video import pyav

    return pyav.read_video(source, of_video)


def check_count(policy: FramePolicy) -> None:
    """Raise ConfigError where no frame is asked for."""
    if policy.n_frames < 1:
        raise ConfigError(f"n_frames is {policy.n_frames}; at least one frame is needed")


def notes_on(clip: Clip, frames: Sequence[Image], n_frames: int, decoder: DecoderName) -> tuple[ClipNote, ...]:
    """Return what to know of a medium that was read: `n_frames` were asked for, and these are the frames."""
    from eval.video.containers import stated_extent

    notes: list[ClipNote] = []
    if isinstance(clip.source, Path) and not is_folder(clip.source) and not is_image(_first_bytes(clip.source)):
        extent = stated_extent(clip.source)
        if extent.end is None and extent.seconds is None:
            notes.append("length_not_verifiable")
        if decoder == "decord":
            from eval.video import decord_reader

            notes += ["palette_lost"] if decord_reader.loses_palette(clip.source) else []
    if n_frames > 1 and len(set(map(id, frames))) == 1:
        notes.append("one_frame")
    return tuple(notes)


def decoder_version(decoder: DecoderName) -> dict[str, str]:
    """Return the version of a decoder for a run's provenance. Raises ConfigError where it is not available."""
    _check_decoder(decoder)
    if decoder == "decord":
        from eval.video import decord_reader

        return {"decoder": "decord", "decord": decord_reader.version()}
    import av

    libraries = {name: ".".join(map(str, parts)) for name, parts in sorted(av.library_versions.items())}
    return {"decoder": "pyav", "av": av.__version__, **libraries}


def _check_decoder(decoder: str) -> None:
    if decoder not in DECODERS:
        raise ConfigError(f"unknown decoder {decoder!r}. {did_you_mean(decoder, DECODERS)}")


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise MediaError(path, "unreadable", f"cannot be read: {error.strerror}") from None
    if not head:
        raise MediaError(path, "empty", "is an empty file (0 bytes)")
    return head


def is_image(head: bytes) -> bool:
    """Whether a file that begins so is a picture, by its first 16 bytes."""
    return head.startswith(_IMAGE_MAGIC) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
