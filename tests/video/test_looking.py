"""A quick look at media: nothing that can be decoded is refused, and what surely can't be is told at once."""

from __future__ import annotations

import io
import pathlib

import pytest

from eval.core import Clip
from eval.video.looking import look, look_at_all
from tests.video import clips
from tests.video.bad_media import FRAMES, KINDS
from tests.video.clips import encode, sound_only

TOLD = {
    "missing", "link to nothing", "link to itself", "empty file", "folder without images", "html", "words",
    "json error",
    "git lfs pointer", "zip file", "subtitles", "zeros", "sound", "empty list of frames", "fifo", "empty frame",
}  # fmt: skip
"""Kinds of bad media that the first kilobytes give away."""


@pytest.mark.parametrize("bad", [bad for bad in KINDS if not bad.heavy], ids=lambda bad: bad.name)
def test_only_what_cannot_be_shown_is_refused(bad, tmp_path):
    found = look(bad.make(tmp_path))
    if found is not None:
        assert bad.ends_as - {FRAMES}, f"{bad.name} can be shown, and the look says: {found}"
    assert found is not None or bad.name not in TOLD


@pytest.mark.parametrize("kind", clips.KINDS, ids=lambda kind: kind.file)
def test_what_can_be_decoded_passes(kind, tmp_path):
    path = tmp_path / kind.file
    kind.make(path)
    assert look(Clip(source=path)) is None


def test_a_copy_without_its_index_and_one_that_broke_off(tmp_path):
    whole = tmp_path / "a.mp4"
    encode(whole, "libx264")
    content = whole.read_bytes()
    at = content.index(b"moov") - 4
    (tmp_path / "cut.mp4").write_bytes(content[:at])
    (tmp_path / "short.mp4").write_bytes(content[: at // 2])
    sound_only(tmp_path / "sound.mp4")
    (tmp_path / "page.mp4").write_bytes(b"\n<!DOCTYPE HTML><title>Sign in</title>")
    names = ["a.mp4", "cut.mp4", "short.mp4", "sound.mp4", "page.mp4", "gone.mp4"]
    found = look_at_all([Clip(source=tmp_path / name) for name in names])
    assert [each and each.reason for each in found] == [
        None, "truncated", "truncated", "no_video_stream", "not_a_video", "missing",
    ]  # fmt: skip
    assert "moov" in str(found[1])
    assert "web page" in str(found[4])


def test_what_streams_from_a_hub_is_not_opened(tmp_path):
    class Streamed(type(tmp_path)):  # type: ignore[misc]
        streams = True

        def open(self, *_, **__):
            pytest.fail("it is opened")

    (tmp_path / "page.mp4").write_text("<html>")
    assert look(Clip(source=Streamed(tmp_path / "page.mp4"))) is None
    gone = look(Clip(source=Streamed(tmp_path / "gone.mp4")))
    assert gone is not None
    assert gone.reason == "missing"


def test_a_file_is_read_in_a_few_kilobytes(tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    encode(path, "libx264")
    with path.open("ab") as file:
        file.write((64 << 20).to_bytes(4, "big") + b"free" + bytes((64 << 20) - 8))
    read: list[int] = []
    whole = pathlib.Path.open

    class Counted(io.FileIO):
        def read(self, n=-1):
            got = super().read(n)
            read.append(len(got))
            return got

    monkeypatch.setattr(
        pathlib.Path,
        "open",
        lambda self, mode="r", buffering=-1: Counted(self) if buffering == 0 else whole(self, mode),
    )
    assert look(Clip(source=path)) is None
    assert 0 < sum(read) < 4096
