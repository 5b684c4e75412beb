"""Videos in archives are found as if each archive had been unpacked where it lies, or into a folder of its name."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from eval.archives import Member
from eval.core import Clip
from eval.readers.layout import DataLayout
from eval.readers.videos import VideoIndex
from tests.archives.packing import pack

HINTS = ("video/star/Charades", "star/Charades", "video")


def tree(root: Path, *names: str) -> None:
    """Write files, and archives of what stands behind the exclamation mark; several are told apart by commas."""
    for name in names:
        archive, mark, inner = name.partition("!/")
        if mark:
            pack(root / archive, {each: each.encode() for each in inner.split(",")})
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()


@pytest.mark.parametrize(
    ("files", "name", "found"),
    [
        (["video/star.zip!/Charades/a.mp4"], "a.mp4", "video/star.zip!/Charades/a.mp4"),
        (["video/star.zip!/star/Charades/a.mp4"], "a.mp4", "video/star.zip!/star/Charades/a.mp4"),
        (["video.zip!/video/star/Charades/a.mp4"], "a.mp4", "video.zip!/video/star/Charades/a.mp4"),
        (["video.zip!/star/Charades/a.mp4"], "a.mp4", "video.zip!/star/Charades/a.mp4"),
        (["video/star/Charades.tar!/a.mp4"], "a.mp4", "video/star/Charades.tar!/a.mp4"),
        (["video/star/Charades/more.zip!/a.mp4"], "a.mp4", "video/star/Charades/more.zip!/a.mp4"),
        (["x.ZIP!/home/me/Charades/a.mp4"], "a.mp4", "x.ZIP!/home/me/Charades/a.mp4"),
        (["video/star.zip!/Charades/a.webm"], "a.mp4", "video/star.zip!/Charades/a.webm"),
        (["video/star.zip!/Charades/a.AVI,Charades/a.mkv"], "a", "video/star.zip!/Charades/a.mkv"),
        (["video/star.zip!/Charades/cafe\u0301.mp4"], "caf\u00e9", "video/star.zip!/Charades/cafe\u0301.mp4"),
        (["video/star.zip!/Charades/a/1.jpg,Charades/a/2.jpg"], "a", "video/star.zip!/Charades/a"),
        (["x.zip!/y/a/1.jpg,y/a/2.jpg"], "a", "x.zip!/y/a"),
        (["video/star.zip!/Charades/a/a.mp4,Charades/a/a.jpg"], "a", "video/star.zip!/Charades/a/a.mp4"),
        (["1.zip!/x/a.mp4", "2.zip!/Charades/a.mp4"], "a", "2.zip!/Charades/a.mp4"),
        # The file before its copy in an archive, but the right place before a file of the same name elsewhere.
        (["video/star/Charades/a.mp4", "video/star.zip!/Charades/a.mp4"], "a", "video/star/Charades/a.mp4"),
        (["deep/a.mp4", "deep.zip!/a.mp4"], "a", "deep/a.mp4"),
        (["deep/a.mp4", "video/star.zip!/Charades/a.mp4"], "a", "video/star.zip!/Charades/a.mp4"),
        # The same archive twice.
        (["x (1).zip!/y/a.mp4", "x.zip!/y/a.mp4"], "a", "x (1).zip!/y/a.mp4"),
    ],
)
def test_layouts(tmp_path: Path, files: list[str], name: str, found: str) -> None:
    tree(tmp_path, *files)
    path = VideoIndex(tmp_path).find(name, HINTS)
    assert path == tmp_path / found
    assert isinstance(path, Member) == ("!" in found)
    assert Clip(source=path).exists()


def test_several_that_fit_equally_well_are_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tree(tmp_path, "1.tar!/x/a.mp4", "2.tar!/y/a.mp4")
    assert VideoIndex(tmp_path).find("a.mp4", HINTS) == tmp_path / HINTS[0] / "a.mp4"
    assert "2 videos fit 'a.mp4' equally well and none is used" in caplog.text


def test_other_videos_of_the_same_name_are_not_taken(tmp_path: Path) -> None:
    tree(tmp_path, "video/clevrer.zip!/video_validation/1.mp4")
    index = VideoIndex(tmp_path)
    here = ("video/perception/videos", "video")
    assert index.find("1.mp4", here, ("clevrer/video_validation",)) == tmp_path / here[0] / "1.mp4"
    videos = DataLayout(data=tmp_path, folders=()).videos(tmp_path / "rows.jsonl")
    for hint, other in (("clevrer/video_validation", "perception/videos"), ("perception/videos", "x/y")):
        found = videos.find_any(("1.mp4",), (f"video/{hint}", "video"), (other,), "f:1")
        assert found == tmp_path / "video/clevrer.zip!/video_validation/1.mp4"


def test_numbered_videos_of_two_archives_are_told_apart_by_their_names(tmp_path: Path) -> None:
    tree(tmp_path, "video/clevrer.zip!/1.mp4", "video/perception.zip!/1.mp4")
    index = VideoIndex(tmp_path)
    for own, other in (("perception/videos", "clevrer/video"), ("clevrer/video", "perception/videos")):
        found = index.find("1.mp4", (f"video/{own}", own, "video"), (other,))
        assert found == tmp_path / f"video/{own.partition('/')[0]}.zip!/1.mp4"


def test_frames_that_a_row_lists(tmp_path: Path) -> None:
    tree(tmp_path, "tvqa.zip!/frames/clip/1.jpg,frames/clip/2.jpg")
    found = VideoIndex(tmp_path).find_frames(["clip/2.jpg", "clip/3.jpg"], ("tvqa/frames",))
    assert found == [tmp_path / "tvqa.zip!/frames/clip/2.jpg", tmp_path / "tvqa.zip!/frames/clip/3.jpg"]
    assert [path.exists() for path in found] == [True, False]


def test_of_a_root_that_others_share_only_archives_in_or_beside_the_expected_folders(tmp_path: Path) -> None:
    tree(tmp_path, "YouTubeClips.tar!/a.avi", "other.zip!/video/b.mp4", "video/x/2.zip!/d.mp4")
    tree(tmp_path, "videos/1.zip!/videos/c.mp4", "video/3.zip!/e.mp4")
    index = VideoIndex(tmp_path, walk=False)
    hints = ("YouTubeClips", "videos", "video")
    assert index.find("a.avi", hints) == tmp_path / "YouTubeClips.tar!/a.avi"
    assert index.find("b.mp4", hints) == tmp_path / "YouTubeClips/b.mp4"
    assert index.find("c.mp4", ("videos/videos", *hints)) == tmp_path / "videos/1.zip!/videos/c.mp4"
    for name in ("d.mp4", "e.mp4"):
        assert index.find(name, hints) == tmp_path / "YouTubeClips" / name


def test_archives_are_left_alone_where_all_videos_are_at_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "video/a.mp4", "video.zip!/a.mp4")
    monkeypatch.setattr("eval.readers.packed.listing_of", lambda _: pytest.fail("looked into"))
    assert VideoIndex(tmp_path).find("a.mp4", ("video",)) == tmp_path / "video/a.mp4"


def test_archives_that_cannot_be_used_are_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tree(tmp_path, "a.tar.gz", "b.rar", "c.zip", "d.zip!/inner.zip,inner.tgz", "e.zip!/x/found.mp4", ".f.zip")
    index = VideoIndex(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert [index.find(name).name for name in ("one", "two", "found")] == ["one", "two", "found.mp4"]
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"{tmp_path}/a.tar.gz is not looked into, since it is compressed as a whole; unpack it",
        f"{tmp_path}/b.rar is not looked into, since it is compressed as a whole; unpack it",
        f"{tmp_path}/c.zip: is no zip file, or one that is cut off (File is not a zip file); download it again",
        f"{tmp_path}/d.zip holds 2 archives, such as inner.zip, which are not looked into; unpack it",
    ]


def test_of_many_that_cannot_be_used_the_first_are_named_and_the_rest_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(10):
        (tmp_path / f"{n}.tar.gz").write_bytes(b"")
        (tmp_path / f"{n}.zip").write_bytes(b"no zip")
    (tmp_path / "loop.zip").symlink_to("loop.zip")
    VideoIndex(tmp_path).find("a.mp4")
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2 * 3 + 2
    assert said[-2:] == [
        f"... and 7 more archives compressed as a whole below {tmp_path}",
        f"... and 8 more archives that cannot be read below {tmp_path}",
    ]
