"""Media and their frames: clips, what is shown of them, and how it is sized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from eval.errors import MediaError

if TYPE_CHECKING:
    from PIL.Image import Image


DecoderName = Literal["pyav", "decord"]
"""`pyav`: exact on every kind of file that is tested. `decord`: the decoder behind the published numbers."""


SECONDS = "seconds"
"""The key of a frame's time in `info`: seconds from the beginning of its file."""


NUMBER = "number"
"""The key of a frame's number in `info`: its place among the frames of its file, folder or list, from 0."""


SHOWN_AT = "shown_at"
"""The key of a frame's time in `info` as its file states it, in seconds from the first frame. SECONDS, which models are
told, goes by the rate, and differs where frames are shown for unequal times."""


FRAME_INFO = (NUMBER, SECONDS, SHOWN_AT)
"""Keys of everything that frames carry in `info`."""


VIDEO_EXTENSIONS = ("mp4", "mkv", "webm", "avi", "mov", "wmv", "mpg", "mpeg", "m4v", "ts", "flv", "3gp")
"""Extensions of videos, the likeliest first."""


IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "tif", "tiff", "bmp", "webp")
"""Extensions of frame files in a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRules:
    """How image files are read where that is not upstream's way of reading eight-bit pictures."""

    deep: Literal["refuse", "scale"] = "refuse"
    """Grey images of 16 or 32 bits, which a plain conversion makes white or black."""
    exif_orientation: bool = False
    """Whether pictures are turned upright as their EXIF data say; upstream leaves them as they are stored."""

    def describe(self) -> dict[str, Any]:
        """Return what differs from the defaults, for a run's fingerprint."""
        return {
            **({} if self.deep == "refuse" else {"deep_images": self.deep}),
            **({"exif_orientation": True} if self.exif_orientation else {}),
        }


ClipNote = Literal["length_not_verifiable", "one_frame", "palette_lost"]
"""What to know of a clip that was read: its container doesn't say how long it is; it gave only one picture; its colours
are a palette's, which its decoder did not apply."""


FrameRule = Literal["tarsier", "tarsier2"]
"""How frames are chosen, and what a span means: upstream's rule on the branch of this name.

See eval/video/sampling.py and eval/video/sampling_tarsier2.py.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """Frames as squares: first of the longer side, then of `side` pixels, by Pillow's bicubic filter."""

    side: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Frames of limited area, their aspect kept, by Pillow's bicubic filter, width first: Tarsier2's two resizes."""

    max_pixels: int
    """Most pixels of a frame after the first resize."""
    min_pixels: int = 0
    """Fewest pixels of a frame after the first resize."""
    budget: int | None = None
    """Pixels of all frames of a prompt; a video's frame counts twice, an image `image_weight` times."""
    image_weight: int = 2
    """Number of times that an image counts in `budget`."""
    factor: int = 1
    """Both sides become multiples of it in the second resize; 1: there is none."""
    factor_min: int = 0
    """Fewest pixels after the second resize."""
    factor_max: int | None = None
    """Most pixels after the second resize."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramePolicy:
    """Which frames of a clip a model sees, and in which size: part of a run's identity."""

    n_frames: int
    """Number of frames of a prompt; with `fps` the most."""
    rule: FrameRule = "tarsier"
    """How they are chosen."""
    fps: float | None = None
    """Frames per second of the clip; where these are more than `n_frames`, `n_frames` spread evenly. None: the latter
    always."""
    size: Square | Area | None = None
    """The size to which `eval.video.preparing` brings them before they arrive; None: their own."""

    @property
    def name(self) -> str:
        """Its name in tables: that in conf/frames/, such as `uniform-8`, and any rule but Tarsier's behind it."""
        name = f"uniform-{self.n_frames}" if self.fps is None else f"fps-{self.fps:g}-max-{self.n_frames}"
        return name if self.rule == "tarsier" else f"{name}-{self.rule}"

    def describe(self) -> Mapping[str, int | float]:
        """Return the part of a model's description that is about frames; settings that are not used are left out."""
        return {"n_frames": self.n_frames, **({} if self.fps is None else {"fps": self.fps})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How a row of branch `tarsier2` narrows the choice of frames; only that rule knows it."""

    first_frame: int | None = None
    """First frame of the span."""
    last_frame: int | None = None
    """Last frame of the span, included."""
    indices: tuple[int, ...] | None = None
    """The frames themselves, by number."""
    times: tuple[float, ...] | None = None
    """The frames themselves, by second."""
    fps: float | None = None
    """Frames per second."""
    min_frames: int | None = None
    """The number at which its share of the prompt's frames begins."""
    is_image: bool = False
    """Whether it is a picture, a file or one frame of a video, and not a video."""
    max_pixels: int | None = None
    """The row's own limit, in place of the policy's."""
    min_pixels: int | None = None
    """The row's own limit, in place of the policy's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A change of a clip's frames after they were chosen and resized, as probes make it; see `eval.video.views`."""

    order: Literal["reversed", "shuffled", "middle"]
    """`reversed`: last frame first. `shuffled`: in an order drawn by `seed`. `middle`: the middle one alone."""
    seed: str = ""
    """The seed of the order; "" where nothing is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """The media of a sample: a file, a folder of frames, or a list of frame files."""

    source: Path | tuple[Path, ...]
    """A video, gif or image file; a folder of frame images; or the frame files in order."""
    start: float | None = None
    """First second of the span; None starts at the first frame."""
    end: float | None = None
    """Last second of the span, included; None ends at the last frame."""
    fps: float | None = None
    """Frames per second of a folder of frames; with it a span can be applied to the folder."""
    selection: Selection | None = None
    """What else a row of branch `tarsier2` says about its frames."""
    more: tuple[Clip, ...] = ()
    """Further media of the same prompt, in order; they have none of their own."""
    n_frames: int | None = None
    """Number of frames in place of the frame policy's, spread evenly; None: as the policy says."""
    view: View | None = None
    """How its frames are changed once they are loaded; None: not at all."""

    @property
    def loaded(self) -> Clip:
        """The clip whose frames are loaded for it: itself, without the view."""
        return self if self.view is None else replace(self, view=None)

    @property
    def name(self) -> str:
        """The clip as a message shows it: its file or folder, or its first frame file."""
        return str(self.source if isinstance(self.source, Path) else (self.source[0] if self.source else "(no frames)"))

    def exists(self) -> bool:
        """Whether the file, the folder with an image in it, or every listed frame exists; so for further media."""
        if not all(medium.exists() for medium in self.more):
            return False
        if isinstance(self.source, Path):
            if not self.source.is_dir():
                return self.source.exists()
            return any(path.suffix.lower()[1:] in IMAGE_EXTENSIONS for path in self.source.iterdir())
        return bool(self.source) and all(path.exists() for path in self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The part of a medium that a model was shown."""

    file: str
    """Its file or folder; of a list of frame files the first. In predictions.jsonl below the data folder, where it lies
    there."""
    start: float | None = None
    """First second of the span, where there is one."""
    end: float | None = None
    """Last second of the span."""
    frames: tuple[int, ...] = ()
    """Numbers of the frames, as decoded."""
    times: tuple[float, ...] = ()
    """When each is shown, in seconds from the first frame, as the file states it, or else by its frame rate; empty
    where it has neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A picture of the frames that a model was shown, small and in rows, for people to look at."""

    name: str
    """Name of its file in the run folder's `thumbnails`: a hash of its content."""
    columns: int
    """Number of frames in a row."""
    cell: tuple[int, int]
    """Width and height of a frame in it, in pixels."""
    content: bytes = field(default=b"", repr=False, compare=False)
    """The picture as WebP; empty once it is on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedClip:
    """The result of loading a clip: its frames, or an error."""

    clip: Clip
    frames: Sequence[Image] | None
    """RGB images, where the clip could be read."""
    counts: tuple[int, ...] = ()
    """Number of frames of each medium, where the clip has more than one."""
    error: MediaError | None = None
    """Reason for the missing frames."""
    media: str | None = None
    """Hash of their source files, from `eval.video.identity.media_id`."""
    notes: tuple[ClipNote, ...] = ()
    """What to know of the clip."""
    strip: Strip | None = None
    """A picture of the frames, where one was asked for."""
    decode: tuple[float, float] = (0.0, 0.0)
    """Start and end of decoding, by `time.perf_counter`."""
    prepare: tuple[float, float] = (0.0, 0.0)
    """Start and end of resizing the frames for the model."""

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The part of each medium that its frames are; empty where there are none."""
        frames, found = iter(self.frames or ()), []
        for medium, count in zip((self.clip, *self.clip.more), self.counts or (len(self.frames or ()),), strict=False):
            infos = [frame.info for frame in islice(frames, count)]
            found.append(
                Shown(
                    file=medium.name,
                    start=medium.start,
                    end=medium.end,
                    frames=tuple(info[NUMBER] for info in infos if NUMBER in info),
                    times=_times(infos),
                )
            )
        return tuple(found) if self.frames else ()


def _times(infos: Sequence[Mapping[Any, Any]]) -> tuple[float, ...]:
    """Return when frames are shown; empty where that is not known of each."""
    for key in (SHOWN_AT, SECONDS):
        if all(key in info for info in infos):
            return tuple(info[key] for info in infos)
    return ()
