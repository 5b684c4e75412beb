import os
import time

import pytest

from eval.core import Clip
from eval.errors import DataError
from eval.readers.folders import video_stem
from eval.readers.videos import VideoIndex


@pytest.fixture
def tree(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return VideoIndex(tmp_path)

    return make


@pytest.mark.parametrize(
    ("files", "name", "found"),
    [
        (["hint/a.mp4", "a.mp4"], "a.mp4", "hint/a.mp4"),
        (["a.mp4", "hint/a.webm"], "a.mp4", "a.mp4"),
        (["hint/a.WEBM"], "a.mp4", "hint/a.WEBM"),
        (["hint/a.avi", "hint/a.mkv"], "a", "hint/a.mkv"),
        (["hint/a.b.Mp4"], "a.b", "hint/a.b.Mp4"),
        (["hint/a/00001.jpg"], "a", "hint/a"),
        (["hint/a/00001.jpg"], "a.mp4", "hint/a"),
        (["hint/hint/a.mp4"], "a.mp4", "hint/hint/a.mp4"),
        (["deep/down/a.gif"], "a.mp4", "deep/down/a.gif"),
        (["deep/a/1.png"], "a", "deep/a"),
        (["deep/one/a.mp4", "deep/two/a.mp4"], "two/a.avi", "deep/two/a.mp4"),
        (["deep/one/a.mp4", "deep/hint/a.mp4"], "a.mp4", "deep/hint/a.mp4"),
        (["b/hint/a.mp4"], "/elsewhere/hint/a.mp4", "b/hint/a.mp4"),
        (["x/a.mp4", "__MACOSX/._a.mp4", ".cache/a.mp4"], "a.mp4", "x/a.mp4"),
        (["hint/a/a.mp4"], "a", "hint/a/a.mp4"),
        (["hint/a/a.mp4", "hint/a/a.jpg", "hint/a/b.mp4"], "a.mp4", "hint/a/a.mp4"),
        (["hint/a/video.mkv", "hint/a/1.jpg", "hint/a/2.jpg"], "a", "hint/a/video.mkv"),
        (["hint/a/1.mp4", "hint/a/2.mp4", "hint/a/1.jpg"], "a", "hint/a.mp4"),
        (["hint/a/b.mp4", "hint/a/c.mp4"], "a.webm", "hint/a.webm"),
        (["deep/a/a.webm", "deep/a/cover.png"], "a", "deep/a/a.webm"),
        (["hint/a.flv", "hint/a.txt"], "a", "hint/a.flv"),
        (["deep/a.3GP"], "a.mp4", "deep/a.3GP"),
        (["hint/a.mp4.mkv"], "a", "hint/a.mp4.mkv"),
        (["hint/a.mp4.mkv", "hint/a.webm"], "a.mp4", "hint/a.webm"),
        (["hint/a.mp4"], "D:\\videos\\a.mp4", "hint/a.mp4"),
        (["b/hint/a.mp4", "c/a.mp4"], "\\\\server\\share\\hint\\a.mp4", "b/hint/a.mp4"),
        (["deep/two/a.mp4", "deep/one/a.mp4"], "two\\a.mp4", "deep/two/a.mp4"),
        (["hint/cafe\u0301.mp4"], "caf\u00e9", "hint/cafe\u0301.mp4"),
        (["deep/caf\u00e9.mp4"], "cafe\u0301.mp4", "deep/caf\u00e9.mp4"),
        (["hint/cafe\u0301/1.jpg"], "caf\u00e9", "hint/cafe\u0301"),
    ],
)
def test_layouts(tree, tmp_path, files, name, found):
    assert tree(*files).find(name, hints=("hint",)) == tmp_path / found


def test_nothing_found_gives_the_expected_path(tree, tmp_path):
    index = tree("a.mp4", "a.txt", "c.jpg")
    assert index.find("b.mp4", hints=("one/two", "three")) == tmp_path / "one/two/b.mp4"
    assert index.find("c") == tmp_path / "c"
    assert index.find("one/two/b.mp4", hints=("video/one/two",)) == tmp_path / "video/one/two/b.mp4"
    assert index.find("/elsewhere/b.mp4", ("one",)) == tmp_path / "one/b.mp4"  # of another machine
    assert VideoIndex(tmp_path / "gone").find("a.mp4", ("one",)) == tmp_path / "gone/one/a.mp4"


def test_a_tie_is_reported_once_and_nothing_is_guessed(tree, tmp_path, caplog):
    index = tree("one/a.mp4", "two/a.mp4")
    assert [index.find("a.mp4", ("hint",)) for _ in range(2)] == 2 * [tmp_path / "hint/a.mp4"]
    assert len(caplog.records) == 1
    assert f"2 videos fit 'a.mp4' equally well and none is used: {tmp_path / 'one/a.mp4'}" in caplog.text


def test_links_to_one_file_are_no_tie(tree, tmp_path):
    index = tree("one/a.mp4", "two/b.txt")
    (tmp_path / "two/a.mp4").symlink_to(tmp_path / "one/a.mp4")
    assert index.find("a.mp4").resolve() == (tmp_path / "one/a.mp4").resolve()


def test_the_folder_of_other_videos_is_not_searched(tree, tmp_path):
    index = tree("clevrer/video/a.mp4")
    assert index.find("a.mp4", ("perception",), foreign=("clevrer/video",)) == tmp_path / "perception/a.mp4"
    assert index.find("a.mp4", ("perception",), foreign=("video/clevrer",)) == tmp_path / "clevrer/video/a.mp4"


def test_loops_of_links_end(tree, tmp_path):
    index = tree("deep/down/a.mp4")
    (tmp_path / "deep/up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    assert index.find("a.mp4") == tmp_path / "deep/down/a.mp4"


def test_an_absolute_path_stays_and_a_path_that_leaves_is_refused(tree, tmp_path):
    index = tree("a.mp4")
    assert index.find(str(tmp_path / "a.mp4"), ("hint",)) == tmp_path / "a.mp4"
    for name in ("../a.mp4", "x/../../a.mp4", ".."):
        with pytest.raises(DataError, match=r"f:1: video .* leaves"):
            index.find(name, place="f:1")
    for name in ("", "."):
        with pytest.raises(DataError, match="no video is named"):
            index.find(name)


def test_an_absolute_path_outside_the_root_needs_leave(tree, tmp_path):
    tree("data/a.mp4", "other/b.mp4", "other/1.jpg")
    other = str(tmp_path / "other/b.mp4")
    said = rf"^f:1: video '{other}' is there, but outside {tmp_path / 'data'}; .* allow such paths with outside=true"
    for name in (other, f"//{other}", str(tmp_path / "data/../other/b.mp4"), str(tmp_path / "other")):
        with pytest.raises(DataError, match=said.replace(other, name)):
            VideoIndex(tmp_path / "data").find(name, place="f:1")
    with pytest.raises(DataError, match="outside"):
        VideoIndex(tmp_path / "data").find_frames([str(tmp_path / "other/1.jpg")])
    assert str(VideoIndex(tmp_path / "data", outside=True).find(other)) == other
    # One root serves several folders, and links below it are its owner's.
    assert str(VideoIndex(tmp_path / "data", within=tmp_path).find(other)) == other
    (tmp_path / "data/link").symlink_to(tmp_path / "other")
    assert VideoIndex(tmp_path / "data").find("link/b.mp4") == tmp_path / "data/link/b.mp4"
    (tmp_path / "linked").symlink_to(tmp_path / "other")
    assert str(VideoIndex(tmp_path / "linked").find(other)) == other


@pytest.mark.parametrize("name", ["a\0.mp4", "x" * 256, "ü" * 128, "a/" * 2049 + "b", "/", "//", "a/.."])
def test_what_can_be_no_name_is_refused(tmp_path, name):
    for find in (VideoIndex(tmp_path).find, lambda one, place: VideoIndex(tmp_path).find_frames([one], place=place)):
        with pytest.raises(DataError, match=r"^f:1: .*(can be no name of a file|no video is named)") as caught:
            find(name, place="f:1")
        assert str(caught.value).isprintable()


def test_frames_of_one_folder_are_looked_up_together(tree, tmp_path):
    index = tree("x/clip/1.jpg", "x/clip/2.jpg")
    assert index.find_frames(["clip/2.jpg", "clip/3.jpg"]) == [tmp_path / "x/clip/2.jpg", tmp_path / "x/clip/3.jpg"]


def test_stem():
    assert [video_stem(name) for name in ("a.mp4", "a.b", ".mp4", "a.tar.TS")] == ["a", "a.b", ".mp4", "a.tar"]


def test_without_walking_only_expected_places_count(tree, tmp_path):
    tree("hint/a.mp4", "deep/b.mp4")
    index = VideoIndex(tmp_path, walk=False)
    assert index.find("a", ("hint",)) == tmp_path / "hint/a.mp4"
    assert index.find("b", ("hint",)) == tmp_path / "hint/b"


def test_twins_in_two_containers_are_known(tree, tmp_path):
    index = tree("hint/a.avi", "hint/a.mp4", "hint/b.mp4")
    assert [index.find(name, ("hint",)).name for name in ("a", "b", "a.avi")] == ["a.mp4", "b.mp4", "a.avi"]
    assert index.twins() == {tmp_path / "hint/a.mp4": "a.avi"}


def test_many_files_are_walked_once(tmp_path, monkeypatch):
    for folder in range(20):
        (tmp_path / f"deep/{folder}").mkdir(parents=True)
        for number in range(100):
            (tmp_path / f"deep/{folder}/{folder}_{number}.mp4").touch()
    listed = []
    scandir = os.scandir

    def counted(path):
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counted)
    index = VideoIndex(tmp_path)
    began = time.perf_counter()
    for folder in range(20):
        for number in range(100):
            assert index.find(f"{folder}_{number}.mp4", ("hint",)).name == f"{folder}_{number}.mp4"
    assert len(listed) <= 25
    assert time.perf_counter() - began < 2


def test_a_folder_without_images_is_not_present(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "notes.txt").touch()
    assert not Clip(source=folder).exists()
    (folder / "1.JPG").touch()
    assert Clip(source=folder).exists()
