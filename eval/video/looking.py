"""A quick look at media before a run: what their first bytes and their containers' headers show to be wrong.

A few kilobytes of each file are read, and nothing is decoded: whoever passes may still hold broken pictures. Only what
is sure is said: of a form whose headers are not known here, FFmpeg is asked to open the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from eval.core import IMAGE_EXTENSIONS, Clip
from eval.errors import MediaError
from eval.video.containers import stated_extent
from eval.video.extent import check_whole
from eval.video.files import check_regular, is_folder
from eval.video.frames import is_image
from eval.video.tracks import stated_fault

_HEAD = 512
"""Bytes in which a page, a pointer or a text shows."""
_AT_ONCE = 16
"""Files looked at at the same time, since a network drive takes milliseconds for each."""
_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml")
_POINTER = b"version https://git-lfs.github.com/spec/"
_ARCHIVES = ((b"PK\3\4", "a zip archive"), (b"\x1f\x8b", "a gzip archive"), (b"Rar!", "a rar archive"))


def look_at_all(media: Iterable[Clip]) -> list[MediaError | None]:
    """Return what is wrong with each clip's files, in order; None where a quick look finds nothing."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(look, media, chunksize=64))


def look(clip: Clip) -> MediaError | None:
    """Return what a quick look finds wrong with the files of a clip and of its further media; None for nothing."""
    try:
        for medium in (clip, *clip.more):
            _look_at(medium)
    except MediaError as error:
        return error
    except OSError as error:
        return MediaError(clip.name, "unreadable", f"cannot be read: {error.strerror}")
    except ValueError as error:
        return MediaError(clip.name, "unreadable", f"is not a file name: {error}")
    return None


def _look_at(medium: Clip) -> None:
    source = medium.source
    if getattr(source, "streams", False):  # on a hub, of which only the listing is asked: a file costs a request
        if not medium.exists():
            raise MediaError(medium.name, "missing", "no such file or folder")
        return
    if not isinstance(source, Path):
        if not source:
            raise MediaError(medium.name, "missing", "lists no frames")
        for path in source:
            is_folder(path)  # whether it is there
        _look_into(source[0])
    elif not is_folder(source):
        _look_into(source)
    else:
        pictures = (path for path in source.iterdir() if path.suffix.lower()[1:] in IMAGE_EXTENSIONS)
        first = next(pictures, None)
        if first is None:
            raise MediaError(source, "missing", "is a folder without pictures")
        _look_into(first)


def _look_into(path: Path) -> None:
    check_regular(path)
    with path.open("rb", buffering=0) as file:
        head = file.read(_HEAD)
    if said := _no_medium(head):
        raise MediaError(path, "not_a_video", said)
    if is_image(head):
        return
    size, extent = path.stat().st_size, stated_extent(path)
    if extent.torn or (extent.end is not None and extent.end > size):
        check_whole(path)  # other statements of the file may outvote its size
    if (fault := stated_fault(path)) is None:
        _open(path)
    elif fault:
        raise MediaError(path, "no_video_stream" if "stream" in fault else "truncated", fault)


def no_medium(path: Path) -> str:
    """Return the reason why a file is no medium by its first bytes; "" where it may be one, or cannot be read."""
    try:
        if not path.is_file():  # a pipe would wait, a device go on for ever
            return ""
        with path.open("rb", buffering=0) as file:
            return _no_medium(file.read(_HEAD) or b"")
    except OSError:
        return ""


def _no_medium(head: bytes) -> str:
    """Return the reason why a file that begins so is no medium; "" where it may be one."""
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if begin.startswith(_PAGES):
        return "is a web page, not a video: the site refused the download, or wanted a login; fetch it again"
    if head.startswith(_POINTER):
        return "is a git-lfs pointer, not the video that it stands for; run `git lfs pull` in its folder"
    for magic, name in _ARCHIVES:
        if head.startswith(magic):
            return f"is {name}, not a video"
    if not head.strip(b"\0"):
        return f"begins with {len(head)} zero bytes: its download was reserved and not finished; fetch it again"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return "is text, not a video"
    return ""


def _open(path: Path) -> None:
    """Let FFmpeg open a file of another form. Raises MediaError where it holds no video."""
    import av

    from eval.video.demux import open_container

    try:
        with open_container(path) as container:
            if container.streams.best("video") is None:
                raise MediaError(path, "no_video_stream", "has no video stream")
    except av.error.FFmpegError as error:
        raise MediaError(path, "not_a_video", f"is of no form that can be read: {error.strerror}") from None
