"""Clips that are pictures: gif, image, folder and list of frames."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.core import Clip, DecoderName
from eval.errors import MediaError
from eval.video import images
from eval.video.frames import DECODERS, load_frames
from eval.video.sampling import sample_indices
from tests.video.clips import picture, read_number


def write_gif(path: Path, count: int) -> Path:
    first, *rest = [Image.fromarray(picture(i)) for i in range(count)]
    first.save(path, format="gif", save_all=True, append_images=rest, duration=40, loop=0)
    return path


def write_frames(folder: Path, names: Sequence[str]) -> list[Path]:
    folder.mkdir()
    files = [folder / name for name in names]
    for number, file in enumerate(files):
        Image.fromarray(picture(number)).save(file)
    return files


def read(clip: Clip, n_frames: int, decoder: DecoderName = "pyav") -> list[int]:
    frames = load_frames(clip, n_frames, decoder=decoder)
    assert {frame.mode for frame in frames} == {"RGB"}
    return [read_number(np.asarray(frame)) for frame in frames]


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", ["clip.gif", "clip.GIF", "really_a_gif.mp4"])
def test_a_gif_is_sampled_over_all_of_its_frames(tmp_path: Path, decoder: DecoderName, name: str) -> None:
    path = write_gif(tmp_path / name, 40)
    assert read(Clip(source=path, start=0.2, end=0.5), 16, decoder) == sample_indices(40, 16)


def test_a_short_gif_gives_each_frame_once(tmp_path: Path) -> None:
    path = write_gif(tmp_path / "clip.gif", 3)
    assert read(Clip(source=path), 8) == [0, 1, 2]
    assert read(Clip(source=path), 1) == [0]
    assert read(Clip(source=path), 2) == [0, 2]


def test_a_gif_of_too_many_frames_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_GIF_FRAMES", 5)
    with pytest.raises(MediaError, match="has more than 5 frames") as caught:
        load_frames(Clip(source=write_gif(tmp_path / "clip.gif", 6)), 8)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.9])
def test_a_cut_gif_is_an_error_or_what_remains(tmp_path: Path, share: float) -> None:
    path = write_gif(tmp_path / "clip.gif", 20)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with contextlib.suppress(MediaError):
        found = read(Clip(source=path), 8)
        assert found == sorted(set(found))
        assert -1 not in found


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.webp", "a.bmp", "a.tiff"])
def test_an_image_is_one_frame(tmp_path: Path, name: str) -> None:
    Image.fromarray(picture(9)).save(tmp_path / name)
    assert read(Clip(source=tmp_path / name, start=3.0), 8) == [9]


def test_a_transparent_image_becomes_rgb(tmp_path: Path) -> None:
    Image.fromarray(picture(9)).convert("RGBA").save(tmp_path / "a.png")
    assert read(Clip(source=tmp_path / "a.png"), 8) == [9]


def test_a_list_gives_at_most_its_own_files_in_its_own_order(tmp_path: Path) -> None:
    files = write_frames(tmp_path / "frames", [f"{i}.png" for i in range(20)])
    assert read(Clip(source=tuple(files), start=0.5, end=0.6, fps=3), 16) == sample_indices(20, 16)
    assert read(Clip(source=tuple(reversed(files[:3]))), 8) == [2, 1, 0]
    assert read(Clip(source=tuple(files)), 1) == [0]


@pytest.mark.parametrize("pattern", ["{:05d}.jpg", "{}.jpg", "frame{}.PNG", "img_2_{}.png"])
def test_a_folder_is_sorted_by_number(tmp_path: Path, pattern: str) -> None:
    write_frames(tmp_path / "frames", [pattern.format(i + 1) for i in range(12)])
    (tmp_path / "frames" / "notes.txt").write_text("not a frame", encoding="utf-8")
    assert read(Clip(source=tmp_path / "frames"), 16) == list(range(12))
    assert read(Clip(source=tmp_path / "frames", start=1.0, end=2.0), 16) == list(range(12))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, [*range(1, 13)]),
        (1.0, 2.0, [3, 4, 5, 6]),  # 3 frames a second: files 3 to 6
        (0.0, 1.0, [1, 2, 3]),
        (0.5, 1.5, [2, 3, 4]),  # 1.5 and 4.5, both to even
        (3.0, None, [9, 10, 11, 12]),
        (3.5, 99.0, [10, 11, 12]),  # 10.5 to even
        (50.0, 60.0, [12]),
        (2.0, 1.0, [6]),
    ],
)
def test_a_span_selects_files_of_a_folder(
    tmp_path: Path, start: float | None, end: float | None, expected: list[int]
) -> None:
    write_frames(tmp_path / "frames", [f"{i + 1:05d}.png" for i in range(12)])
    found = read(Clip(source=tmp_path / "frames", start=start, end=end, fps=3), 16)
    assert [number + 1 for number in found] == expected


def claiming(kind: str, width: int, height: int) -> bytes:
    """A small image whose header claims another size."""
    saved = io.BytesIO()
    Image.new("RGB", (8, 8)).save(saved, kind)
    data = bytearray(saved.getvalue())
    if kind == "png":
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif kind == "bmp":
        data[18:26] = struct.pack("<ii", width, height)
    else:
        at = data.index(b"\xff\xc0")
        data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.png", "clip", "folder"])
@pytest.mark.parametrize(("kind", "side"), [("png", 100_000), ("png", 17_000), ("bmp", 100_000), ("jpeg", 65_000)])
def test_an_image_that_claims_too_much_is_too_large_whatever_its_name(
    tmp_path: Path, kind: str, side: int, name: str, decoder: DecoderName
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    (path / f"1.{kind}" if name == "folder" else path).write_bytes(claiming(kind, side, side))
    with pytest.raises(MediaError) as caught:
        load_frames(Clip(source=path), 8, decoder=decoder)
    assert caught.value.reason == "too_large"


def test_an_image_of_a_videos_name_is_read_as_before(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "clip.png")
    path = (tmp_path / "clip.png").rename(tmp_path / "clip.mp4")
    assert [frame.size for frame in load_frames(Clip(source=path), 3)] == [(32, 32)] * 3
