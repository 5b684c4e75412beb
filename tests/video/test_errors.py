"""A clip that cannot be read says why in one line; what FFmpeg thinks of it stays off the screen."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from eval.core import Clip, FramePolicy
from eval.errors import ConfigError, MediaError
from eval.video import decord_reader
from eval.video.choosing import of_video
from eval.video.frames import decoder_version, load_frames
from eval.video.limits import check_size
from tests.video.clips import KINDS, encode, picture, read_number, sound_only
from tests.video.conftest import BuildFile
from tests.video.test_kinds import decode_all

KIND = {kind.file: kind for kind in KINDS}


def fails(source: Path | tuple[Path, ...]) -> MediaError:
    with pytest.raises(MediaError) as caught:
        load_frames(Clip(source=source), FramePolicy(n_frames=8))
    assert "\n" not in str(caught.value)
    named = source if isinstance(source, Path) else source[0]
    assert str(named.name) in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", ["gone.mp4", "gone", "gone.gif", "gone.png"])
def test_missing(tmp_path: Path, name: str) -> None:
    assert fails(tmp_path / name).reason == "missing"


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.png", "a"])
def test_empty(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert fails(tmp_path / name).reason == "empty"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mp4", b"<html><body>404 Not Found</body></html>" * 20),
        ("a.avi", b"just words, many of them\n" * 50),
        ("a.txt", b"just words, many of them\n" * 50),
        ("a.webm", bytes(5000)),
        ("a.mkv", random.Random(1).randbytes(5000)),
        ("a.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nother.ts\n#EXT-X-ENDLIST\n"),
        ("a.mp4", b"ffconcat version 1.0\nfile other.mp4\n"),
        ("a.jpg", b"\xff\xd8\xff" + bytes(500)),
    ],
)
def test_not_a_video(tmp_path: Path, name: str, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(content)
    assert fails(tmp_path / name).reason in {"not_a_video", "no_video_stream", "truncated"}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.m4a", "a.wav", "a.mp4"])
def test_sound_only(tmp_path: Path, name: str) -> None:
    sound_only(tmp_path / name)
    error = fails(tmp_path / name)
    assert error.reason == "no_video_stream"
    assert "audio" in error.detail


def test_folder_and_list_without_images(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    assert fails(tmp_path / "folder.mp4").reason == "empty"
    assert fails((tmp_path / "1.png",)).reason == "missing"
    with pytest.raises(MediaError, match="list of frame files is empty"):
        load_frames(Clip(source=()), FramePolicy(n_frames=8))


def test_broken_frame_files(tmp_path: Path) -> None:
    Image.fromarray(picture(1)).save(tmp_path / "1.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:2000])
    assert fails((tmp_path / "1.png",)).reason == "truncated"
    (tmp_path / "2.png").write_text("words", encoding="utf-8")
    assert fails((tmp_path / "2.png",)).reason == "not_a_video"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_permission_denied(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp4", "libx264")
    (tmp_path / "a.mp4").chmod(0)
    assert fails(tmp_path / "a.mp4").reason == "unreadable"


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_what_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")

    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(Path, "open", refuse)
    found = fails(tmp_path / "a.mp4")
    assert found.reason == "unreadable"
    assert str(error.strerror) in found.detail


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    assert fails(tmp_path / "a.mp4").reason == "unreadable"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("file", ["h264.mov", "sound.mp4", "faststart.mp4", "trimmed.mp4"])
def test_a_cut_mp4_is_an_error(tmp_path: Path, build: BuildFile, file: str, share: float) -> None:
    data = build(KIND[file]).read_bytes()
    (tmp_path / file).write_bytes(data[: int(len(data) * share)])
    error = fails(tmp_path / file)
    assert error.reason == "truncated"
    assert "index" in error.detail or "cut off" in error.detail


@pytest.mark.parametrize("file", ["h264.mkv", "h264.ts", "closed.mp4", "open.mp4", "hevc.mkv", "h264.avi", "mpeg2.ts"])
def test_a_torn_hole_is_an_error_or_does_not_touch_the_frames(
    tmp_path: Path, build: BuildFile, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Zeros over a tenth of the file: frames that come out are intact, even where the container loses count."""
    path = build(KIND[file])
    intact = {read_number(pixels): pixels for pixels in decode_all(path)[0]}
    data = path.read_bytes()
    refused = 0
    for place in (0.3, 0.5, 0.7):
        begin, end = int(len(data) * place), int(len(data) * (place + 0.1))
        (tmp_path / file).write_bytes(data[:begin] + bytes(end - begin) + data[end:])
        try:
            frames = load_frames(Clip(source=tmp_path / file), FramePolicy(n_frames=16))
        except MediaError as error:
            refused += error.reason in {"corrupt", "truncated"}
        else:
            for pixels in map(np.asarray, frames):
                assert np.array_equal(pixels, intact[read_number(pixels)])
    assert refused == 3 or file.endswith((".ts", ".avi", ".mkv"))
    assert capfd.readouterr() == ("", "")


def test_names_that_look_like_something_else(tmp_path: Path, build: BuildFile) -> None:
    data = build(KIND["h264.mov"]).read_bytes()
    for name in ("part 1: the end.mp4", "http:x.mp4", "100%d.mp4", "-i.mp4", "clip", "clip.unknown", "ü.MP4"):
        (tmp_path / name).write_bytes(data)
        frames = load_frames(Clip(source=tmp_path / name), FramePolicy(n_frames=8))
        assert [read_number(np.asarray(frame)) for frame in frames] == [0, 7, 14, 21, 28, 35, 42, 49]


@pytest.mark.parametrize(("width", "height"), [(16_385, 1), (1, 16_385), (16_384, 16_384)])
def test_absurd_sizes(width: int, height: int) -> None:
    with pytest.raises(MediaError) as caught:
        check_size(Path("a.mp4"), width, height)
    assert caught.value.reason == "too_large"


def test_a_picture_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(picture(1)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert fails(tmp_path / "a.png").reason == "too_large"


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'pyav'"):
        load_frames(Clip(source=tmp_path), FramePolicy(n_frames=8), decoder="pyva")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Did you mean 'decord'"):
        decoder_version("decrod")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="n_frames is 0"):
        load_frames(Clip(source=tmp_path), FramePolicy(n_frames=0))


def test_decord_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode(tmp_path / "a.mp4", "libx264", numbers=[1])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for ask in (
        lambda: load_frames(Clip(source=tmp_path / "a.mp4"), FramePolicy(n_frames=8), decoder="decord"),
        lambda: decoder_version("decord"),
    ):
        with pytest.raises(ConfigError, match=r"pip install -e '\.\[decord\]'"):
            ask()


def test_decord_failures_say_why(tmp_path: Path, build: BuildFile) -> None:
    pytest.importorskip("decord")
    good = build(KIND["h264.mov"])
    (tmp_path / "a.mp4").write_bytes(good.read_bytes()[:3000])
    choose = of_video(Clip(source=good), FramePolicy(n_frames=8))
    with pytest.raises(MediaError, match="decord cannot read it") as caught:
        decord_reader.read_video(tmp_path / "a.mp4", choose)
    assert "\n" not in str(caught.value)
    assert len(decord_reader.read_video(good, choose)) == 8


def test_decoders_say_what_they_are() -> None:
    found = decoder_version("pyav")
    assert found["decoder"] == "pyav"
    assert found["av"].count(".") == 2
    assert found["libavcodec"].split(".")[0].isdigit()


@pytest.mark.slow
def test_the_room_opens_without_loading_a_decoder() -> None:
    code = "import sys, eval.video.frames; print({'av', 'PIL', 'numpy', 'decord'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_a_title_in_another_encoding_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "titled.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "CafX"
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for shade in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 10 * shade, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"CafX", b"Caf\xe9"))
    assert len(load_frames(Clip(source=path), FramePolicy(n_frames=8))) == 8


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<!DOCTYPE html><html>sign in</html>", "is a web page, not a video"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n", "run `git lfs pull` in its folder"),
        ("PK\3\4" + "x" * 600, "is a zip archive, not a video"),
    ],
)
def test_what_stands_in_for_a_video_is_named_as_by_a_quick_look(tmp_path, content, said):
    (tmp_path / "a.mp4").write_text(content)
    assert said in fails(tmp_path / "a.mp4").detail
