from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from eval.core import Clip, FramePolicy
from eval.video.identity import media_id
from eval.video.loading import load

SIZE = 300_000


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(SIZE))
    return path


def of(source):
    return media_id(Clip(source=source))


@pytest.mark.parametrize("at", [0, 65_535, SIZE - 65_536, SIZE - 1])
def test_a_byte_at_either_end_shows(video, at):
    before = of(video)
    with video.open("r+b") as file:
        file.seek(at)
        file.write(b"x")
    assert of(video) != before


def test_a_byte_more_shows_and_another_folder_does_not(video, tmp_path):
    before = of(video)
    (tmp_path / "other").mkdir()
    assert of(video.rename(tmp_path / "other" / "b.mp4")) == before
    with (tmp_path / "other" / "b.mp4").open("ab") as file:
        file.write(b"\0")
    assert of(tmp_path / "other" / "b.mp4") != before


def test_frames_are_told_by_names_sizes_and_span(tmp_path):
    for i in range(1, 5):
        (tmp_path / f"{i}.jpg").write_bytes(bytes(i))
    files = tuple(tmp_path / f"{i}.jpg" for i in range(1, 5))
    whole = of(tmp_path)
    assert whole == of(files)
    assert of(files[:3]) != whole
    assert media_id(Clip(source=tmp_path, start=0.0, end=2.0, fps=1.0)) == of(files[:2])
    files[0].write_bytes(bytes(2))
    assert of(tmp_path) != whole


def test_frames_that_change_places_show_where_they_are_of_one_size(tmp_path):
    for i in (1, 2):
        (tmp_path / f"{i}.jpg").write_bytes(bytes(5000) + bytes([i]) + bytes(5000))
    before = of(tmp_path)
    (tmp_path / "1.jpg").write_bytes((tmp_path / "2.jpg").read_bytes())
    assert of(tmp_path) != before


def test_a_file_that_is_changed_while_it_is_read_is_none_of_both(video, monkeypatch):
    def read(clip, *_, **__):
        clip.source.write_bytes(bytes(SIZE + 1))
        return [Image.new("RGB", (4, 4))]

    monkeypatch.setattr("eval.video.loading.load_frames", read)
    loaded = load(Clip(source=video), FramePolicy(n_frames=1))
    assert loaded.frames is None
    assert loaded.error is not None
    assert "was changed while it was read" in str(loaded.error)


def test_what_cannot_be_read_has_none(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "no pictures").mkdir()
    for source in (tmp_path / "gone.mp4", tmp_path / "empty.mp4", tmp_path / "no pictures", (Path("gone.jpg"),)):
        assert of(source) is None


def test_a_pipe_is_not_waited_for(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.mp4")
    assert of(tmp_path / "pipe.mp4") is None


def test_further_media_count_in_order(video, tmp_path):
    (tmp_path / "b.mp4").write_bytes(b"b")
    other = Clip(source=tmp_path / "b.mp4")
    both = media_id(Clip(source=video, more=(other,)))
    assert both is not None
    assert len({of(video), of(other.source), both, media_id(replace(other, more=(Clip(source=video),)))}) == 4
    (tmp_path / "b.mp4").unlink()
    assert media_id(Clip(source=video, more=(other,))) is None
