"""Clips that are pictures: gif, image, folder and list of frames."""

from __future__ import annotations

import contextlib
import io
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from eval.core import Clip, DecoderName, FramePolicy, PictureRules
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
    frames = load_frames(clip, FramePolicy(n_frames=n_frames), decoder=decoder)
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
        load_frames(Clip(source=write_gif(tmp_path / "clip.gif", 6)), FramePolicy(n_frames=8))
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
        load_frames(Clip(source=path), FramePolicy(n_frames=8), decoder=decoder)
    assert caught.value.reason == "too_large"


def test_an_image_of_a_videos_name_is_read_as_before(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "clip.png")
    path = (tmp_path / "clip.png").rename(tmp_path / "clip.mp4")
    assert [frame.size for frame in load_frames(Clip(source=path), FramePolicy(n_frames=3))] == [(32, 32)] * 3


ANIMATED = [("webp", {"lossless": True}), ("png", {}), ("tiff", {})]


def write_animation(path: Path, count: int, kind: str, **options: Any) -> Path:
    first, *rest = [Image.fromarray(picture(i)) for i in range(count)]
    first.save(path, format=kind, save_all=True, append_images=rest, **options)
    return path


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("name", ["clip.{}", "clip.gif", "clip.mp4", "clip"])
@pytest.mark.parametrize(("kind", "options"), ANIMATED)
def test_other_animations_are_read_as_gifs_are(
    tmp_path: Path, kind: str, options: dict[str, Any], name: str, decoder: DecoderName
) -> None:
    path = write_animation(tmp_path / name.format(kind), 20, kind, **options)
    assert read(Clip(source=path, start=0.2, end=0.5), 8, decoder) == sample_indices(20, 8)
    assert read(Clip(source=path), 40, decoder) == list(range(20))
    assert read(Clip(source=path), 1, decoder) == [0]


@pytest.mark.parametrize(("kind", "options"), ANIMATED)
def test_an_animation_among_frame_files_is_one_frame(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(3):
        write_animation(tmp_path / "frames" / f"{number}.{kind}", 5, kind, **options)
    assert read(Clip(source=tmp_path / "frames"), 8) == [0, 0, 0]


@pytest.mark.filterwarnings("ignore")  # Pillow's own, about the directory that is missing
@pytest.mark.parametrize(("kind", "options"), ANIMATED)
def test_an_animation_that_is_cut_or_too_long_is_refused(
    tmp_path: Path, kind: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_animation(tmp_path / f"clip.{kind}", 6, kind, **options)
    (tmp_path / f"cut.{kind}").write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(MediaError) as caught:
        load_frames(Clip(source=tmp_path / f"cut.{kind}"), FramePolicy(n_frames=8))
    assert caught.value.reason == "truncated"
    monkeypatch.setattr(images, "MAX_GIF_FRAMES", 5)
    with pytest.raises(MediaError, match="has more than 5 frames") as caught:
        load_frames(Clip(source=path), FramePolicy(n_frames=8))
    assert caught.value.reason == "too_large"


def test_the_picture_for_old_viewers_is_no_part_of_an_apng(tmp_path: Path) -> None:
    path = write_animation(tmp_path / "clip.png", 5, "png", default_image=True)
    assert read(Clip(source=path), 8) == [1, 2, 3, 4]


def test_smaller_copies_in_a_tiff_are_no_frames(tmp_path: Path) -> None:
    small = TiffImagePlugin.ImageFileDirectory_v2()
    small[254] = 1
    with TiffImagePlugin.AppendingTiffWriter(tmp_path / "clip.tiff", new=True) as file:
        for number, tags in ((3, {}), (4, small)):
            Image.fromarray(picture(number)).save(file, format="tiff", tiffinfo=tags)
            file.newFrame()
    assert read(Clip(source=tmp_path / "clip.tiff"), 8) == [3]


def test_the_views_in_a_jpeg_are_one_picture(tmp_path: Path) -> None:
    path = write_animation(tmp_path / "clip.jpg", 3, "mpo")
    assert read(Clip(source=path), 8) == [0]


def deep(kind: str) -> Any:
    """A ramp from black to white over 256 columns."""
    ramp = np.tile(np.arange(256), (8, 1))
    return {
        "16 bits": lambda: (ramp * 257).astype(np.uint16),
        "32 bits": lambda: (ramp * 257).astype(np.int32),
        "float to 1": lambda: (ramp / 255).astype(np.float32),
        "float to 255": lambda: ramp.astype(np.float32),
    }[kind]()


DEEP = [
    ("16 bits", "png"),
    ("16 bits", "tiff"),
    ("32 bits", "tiff"),
    ("float to 1", "tiff"),
    ("float to 255", "tiff"),
]


@pytest.mark.parametrize("where", ["image", "folder", "list"])
@pytest.mark.parametrize(("kind", "suffix"), DEEP)
def test_a_deep_grey_image_is_refused_or_scaled(tmp_path: Path, kind: str, suffix: str, where: str) -> None:
    path = tmp_path / f"1.{suffix}"
    Image.fromarray(deep(kind)).save(path)
    sources: dict[str, Path | tuple[Path, ...]] = {"image": path, "folder": tmp_path, "list": (path,)}
    clip = Clip(source=sources[where])
    with pytest.raises(MediaError, match=r"convert it to 8 bits, or set video\.deep_images=scale") as caught:
        load_frames(clip, FramePolicy(n_frames=8))
    assert caught.value.reason == "unsupported"
    assert str(path) in str(caught.value)
    (frame,) = load_frames(clip, FramePolicy(n_frames=8), rules=PictureRules(deep="scale"))
    assert np.array_equal(np.asarray(frame), np.tile(np.arange(256, dtype=np.uint8)[:, None], (8, 1, 3)))


@pytest.mark.parametrize("values", [[-0.5, 1.0], [0.0, 300.0], [0.0, math.nan]])
def test_grey_values_of_an_unknown_range_are_refused_in_any_case(tmp_path: Path, values: list[float]) -> None:
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "1.tiff")
    with pytest.raises(MediaError, match="white is not known") as caught:
        load_frames(Clip(source=tmp_path / "1.tiff"), FramePolicy(n_frames=8), rules=PictureRules(deep="scale"))
    assert caught.value.reason == "unsupported"


def test_an_eight_bit_image_is_the_same_under_every_rule(tmp_path: Path) -> None:
    for name, mode in (("1.png", "L"), ("2.png", "1"), ("3.png", "P"), ("4.png", "LA"), ("5.png", "RGBA")):
        Image.fromarray(picture(9)).convert(mode).save(tmp_path / name)
        scaled = load_frames(
            Clip(source=tmp_path / name),
            FramePolicy(n_frames=8),
            rules=PictureRules(deep="scale", exif_orientation=True),
        )
        assert [frame.tobytes() for frame in load_frames(Clip(source=tmp_path / name), FramePolicy(n_frames=8))] == [
            frame.tobytes() for frame in scaled
        ]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_orientation_is_followed_only_where_it_is_asked_for(tmp_path: Path, suffix: str) -> None:
    """Orientation 6: the stored picture's left side is the top of the scene."""
    exif = Image.Exif()
    exif[274] = 6
    stored = Image.new("RGB", (40, 20))
    stored.paste((255, 255, 255), (0, 0, 10, 20))
    stored.save(tmp_path / f"1.{suffix}", exif=exif)
    for clip in (Clip(source=tmp_path / f"1.{suffix}"), Clip(source=tmp_path)):
        (plain,) = load_frames(clip, FramePolicy(n_frames=8))
        assert plain.size == (40, 20)
        (upright,) = load_frames(clip, FramePolicy(n_frames=8), rules=PictureRules(exif_orientation=True))
        assert upright.size == (20, 40)
        assert np.asarray(upright)[:8].min() > 200
        assert np.asarray(upright)[12:].max() < 50
