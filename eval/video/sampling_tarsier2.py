"""Sample frame indices by the rule of branch `tarsier2` of the public Tarsier repository: index arithmetic only.

It differs from that of branch `tarsier`: the media of a prompt share its frames; a video with fewer frames than wanted
gives each once; a span in seconds counts only with both ends; what lies outside the video is dropped, not moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

from eval.core import Clip, FramePolicy, Selection
from eval.errors import MediaError
from eval.video.sampling import rate_indices, sample_indices

MOST_FRAMES = 256
"""Most frames of a prompt, besides those that its row lists."""
_NOTHING_SAID = Selection()
_BEYOND = 1e12


def frame_shares(media: Sequence[Clip], n_frames: int, most: int = MOST_FRAMES) -> list[int]:
    """Return the number of frames wanted of each medium of a prompt; below 1 where none is left for it.

    A picture takes 1, and listed frames take their number. `min_frames` begins at its number, `fps` at `most`. Then the
    videos without listed frames get one more each, in turn, until there are `n_frames`, or one fewer while there are
    more than `most`.

    Args:
        media: The media of the prompt, in order.
        n_frames: Frames of the whole prompt.
        most: Most frames of the whole prompt; a larger `n_frames` counts instead.
    """
    most = max(most, n_frames)
    found: list[int] = []
    sharing: list[int] = []
    for place, clip in enumerate(media):
        said = clip.selection or _NOTHING_SAID
        listed = said.times if said.indices is None else said.indices
        if said.is_image:
            found.append(1)
        elif listed is not None:
            found.append(len(listed))
        else:
            found.append(said.min_frames if said.min_frames is not None else most if said.fps is not None else 0)
            sharing.append(place)
    counted = sum(found)
    if sharing and counted < n_frames:
        missing = n_frames - counted
        for place in islice(cycle(sharing), missing):
            found[place] += 1
        # Upstream counts the last turn in full, so that with `n_frames` near `most` some lose one again.
        counted += missing + -missing % len(sharing)
    for place in islice(cycle(sharing), max(0, counted - most)):
        found[place] -= 1
    return found


def even_indices(total: int, n_frames: int) -> list[int]:
    """Return up to `n_frames` indices spread evenly over `total` frames, first and last included, each once.

    Halves round to even. One single frame is the first one.
    """
    if n_frames == 1:
        return [0]
    return list(range(total)) if total <= n_frames else sample_indices(total, n_frames) if n_frames > 0 else []


def chosen_indices(clip: Clip, policy: FramePolicy, total: int, fps: float | None) -> list[int]:
    """Return the indices of a medium's frames, in the order in which they are shown.

    Args:
        clip: The medium, with its span and what its row says.
        policy: `n_frames` is the share of this medium, see `frame_shares`. Its `fps` counts where the row has none.
        total: Frames of the whole medium.
        fps: Frames per second of the medium; None where it has no rate, so that times in seconds mean nothing.

    Raises:
        MediaError: Nothing is left, or a time or a rate cannot be applied.
    """
    said = clip.selection or _NOTHING_SAID
    if said.is_image:
        listed: Sequence[int] | None = said.indices if said.indices is not None else (0,)
    else:
        listed = said.indices
        if said.fps is not None:
            listed = _at_rate(clip, said.fps, total, fps, policy.n_frames)
        if said.times is not None:
            listed = [_frame_at(clip, time, fps) for time in said.times]
    if listed is None:
        listed = _in_span(clip, policy, total, fps)
    # Both ends count: the number behind the last frame stands for the last frame.
    listed = [*listed[:-1], total - 1] if listed and listed[-1] == total else listed
    inside = [index for index in listed if 0 <= index < total]
    if not inside:
        raise MediaError(clip.name, "unsupported", f"has {total} frames, and none of those asked for is among them")
    return inside


def _at_rate(clip: Clip, wanted: float, total: int, fps: float | None, n_frames: int) -> range | None:
    """Return the frames at the row's own rate; None where there are too many, and evenly spread ones count."""
    own = _known(clip, fps)
    step = round(own / wanted)
    if step < 1:
        said = f"has {own:.6g} frames a second, too few to take {wanted:g} a second as its row asks"
        raise MediaError(clip.name, "unsupported", said)
    found = range(0, total, step)
    return found if len(found) <= n_frames else None


def _in_span(clip: Clip, policy: FramePolicy, total: int, fps: float | None) -> list[int]:
    said = clip.selection or _NOTHING_SAID
    first, last = said.first_frame, said.last_frame
    if clip.start is not None and clip.end is not None:
        first, last = _frame_at(clip, clip.start, fps), _frame_at(clip, clip.end, fps)
    first, last = first or 0, total - 1 if last is None else last
    last -= last == total
    if last < first and policy.n_frames > 1:
        said_so = f"its span ends at frame {last}, before its beginning at frame {first}"
        raise MediaError(clip.name, "unsupported", said_so)
    if policy.fps is not None and said.fps is None and fps:
        found = rate_indices(first, last, fps, policy.fps)
        if len(found) <= policy.n_frames:
            return list(found)
    return [first + index for index in even_indices(last - first + 1, policy.n_frames)]


def _frame_at(clip: Clip, time: float, fps: float | None) -> int:
    # No video is longer; a time far beyond its end may have no whole number.
    return round(max(-_BEYOND, min(_known(clip, fps) * time, _BEYOND)))


def _known(clip: Clip, fps: float | None) -> float:
    if not fps:
        said = "has no frame rate, so times in seconds and frames a second cannot be found in it"
        raise MediaError(clip.name, "unsupported", said)
    return fps
