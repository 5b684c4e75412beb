"""Whatever stands in for a video ends with a reason, in bounded time, and harms no other clip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eval.core import Clip, FramePolicy, LoadedClip, Square
from eval.video.workers import FrameLoader, in_process
from tests.video.bad_media import FRAMES, KINDS, Bad
from tests.video.clips import encode

TRIED = [kind for kind in KINDS if not kind.heavy and not (kind.needs_user and os.geteuid() == 0)]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedClip]:
    """What became of each kind, all of them loaded in one go."""
    clips = {}
    for kind in TRIED:
        clips[kind.name] = kind.make(tmp_path_factory.mktemp("bad"))
    with FrameLoader(workers=2, timeout_s=20, memory_gb=2) as loader:
        loaded = {one.clip: one for one in loader.load(clips.values(), FramePolicy(n_frames=8, size=Square(side=56)))}
    return {name: loaded[clip] for name, clip in clips.items()}


def test_there_are_many_kinds() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 100


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRIED, ids=lambda kind: kind.name)
def test_it_ends_with_a_reason(kind: Bad, ended: dict[str, LoadedClip]) -> None:
    one = ended[kind.name]
    if one.error is None:
        assert FRAMES in kind.ends_as
        assert one.frames
        assert {frame.size for frame in one.frames} == {(56, 56)}
    else:
        assert one.error.reason in kind.ends_as, one.error
        text = str(one.error)
        assert text.isprintable()
        assert text.encode("utf-8")
        assert one.error.detail


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\ninner.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile inner.ts\n",
        "ffconcat version 1.0\nfile 'file:{}'\n",
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.m3u8", "a.ffconcat"])
def test_no_other_file_is_opened(tmp_path: Path, content: str, name: str) -> None:
    """The playlists are right, and what they name can be read: the frames would be there if it were opened."""
    encode(tmp_path / "inner.ts", "libx264", numbers=range(10))
    (tmp_path / name).write_text(content.format(tmp_path / "inner.ts"), encoding="utf-8")
    (one,) = in_process([Clip(source=tmp_path / name)], FramePolicy(n_frames=2))
    assert one.error is not None
    assert one.error.reason == "not_a_video"
