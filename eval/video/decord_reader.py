"""Read videos with decord as published: the decoder behind Tarsier's numbers.

decord picks wrong frames from some files (open groups, AVI with B-frames, MPEG-TS), takes the palette of raw video for
black or for another one, and has been seen to hang and to crash in native code, where no exception is raised. It is
here for reproduction, not for reliability, and runs of the harness use it in the processes of `eval.video.workers`,
which can be killed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.archives import local_name
from eval.core import SHOWN_AT
from eval.errors import ConfigError, MediaError
from eval.installed import install
from eval.video.choosing import Choice

if TYPE_CHECKING:
    from PIL.Image import Image


def version() -> str:
    """Return decord's version. Raises ConfigError where it is not installed."""
    if importlib.util.find_spec("decord") is None:
        raise ConfigError(f"decoder 'decord' is not installed: {install('decord')} (x86-64, no ARM)")
    return importlib.metadata.version("decord")


def read_video(path: Path, choose: Choice) -> list[Image]:
    """Return the chosen frames, as `eval.video.pyav.read_video` does.

    Raises:
        MediaError: Where decord fails, or no frame can be chosen.
        ConfigError: Where decord is not installed.
    """
    version()
    from PIL import Image as pil  # noqa: N813 (imported only when a video is read)

    try:
        with local_name(path) as name:
            indices, frames, times = decode(name, choose)
    except (MemoryError, MediaError):
        raise
    except Exception as error:  # noqa: BLE001 (any error of decord is this clip's failure)
        line = (str(error).splitlines() or [type(error).__name__])[0]
        said = line.rpartition("ERROR ")[2].strip() or line
        raise MediaError(path, "corrupt", f"decord cannot read it: {said}") from None
    pictures = {index: pil.fromarray(frame) for index, frame in zip(indices, frames, strict=True)}
    for index, time in zip(indices, times, strict=True):
        pictures[index].info[SHOWN_AT] = time
    return [pictures[index] for index in indices]


def decode(path: str, choose: Choice) -> tuple[Sequence[int], Any, list[float]]:
    """Return the frames' numbers, the frames as an (n, height, width, 3) uint8 array, and their times in seconds."""
    import decord

    reader = decord.VideoReader(path, num_threads=1, ctx=decord.cpu(0))
    indices = choose(len(reader), reader.get_avg_fps())
    frames = reader.get_batch(list(indices)).asnumpy()
    first, *times = (float(begin) for begin, _ in reader.get_frame_timestamp([0, *indices]))
    return indices, frames, [time - first for time in times]


def loses_palette(path: Path) -> bool:
    """Whether the colours of a video that decord can read are a palette's, and its first frame has others in decord."""
    import av
    import numpy as np

    with local_name(path) as name:
        with av.open(name) as container:
            (stream, *_) = container.streams.video
            if stream.codec_context.pix_fmt != "pal8":
                return False
            first = next(container.decode(stream)).to_ndarray(format="rgb24")
        _, (shown,), _ = decode(name, lambda _total, _fps: [0])
    return not np.array_equal(first, shown)
