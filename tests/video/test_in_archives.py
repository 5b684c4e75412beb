"""A clip in an archive gives the frames, the hash and the key of the file that it was, in every kind of container."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.archives import Member
from eval.core import Clip, DecoderName, FramePolicy, LoadedClip
from eval.video.frame_store import FrameStore
from eval.video.identity import media_id
from eval.video.loading import load
from eval.video.worker_protocol import clip_from_json, clip_to_json
from eval.video.workers import FrameLoader
from tests.archives.packing import WAYS, pack
from tests.video.clips import KINDS, picture
from tests.video.conftest import BuildFile

KINDS_HERE = [
    kind for kind in KINDS if kind.file in {
        "closed.mp4", "open.mkv", "h264.ts", "h264.avi", "h264.flv", "wmv2.wmv", "mpeg2.mpg", "mpeg4.m4v", "vp9.webm",
        "fragmented.mp4", "cut.avi", "trimmed.mp4",
    }
]  # fmt: skip
POLICY = FramePolicy(n_frames=6)


def same(one: LoadedClip, other: LoadedClip) -> bool:
    assert one.frames is not None
    assert other.frames is not None
    pairs = zip(one.frames, other.frames, strict=True)
    return (one.media, one.notes) == (other.media, other.notes) and all(
        np.array_equal(np.asarray(a), np.asarray(b)) and a.info == b.info for a, b in pairs
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS_HERE, ids=lambda kind: kind.file)
def test_frames_and_hash_are_those_of_the_file(kind, way: str, build: BuildFile, tmp_path: Path) -> None:
    file = build(kind)
    pack(tmp_path / way, {"before": b"x" * 1000, f"in/{file.name}": file, "behind": b"y" * 100_000}, way)
    packed = Member(f"{tmp_path / way}!/in/{file.name}")
    for clip in (Clip(source=file), Clip(source=file, start=0.4, end=1.3)):
        assert same(load(clip, POLICY), load(replace(clip, source=packed), POLICY))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["closed.mp4", "mpeg4_plain.avi"])
def test_decord_reads_them_too(name: str, way: str, build: BuildFile, tmp_path: Path) -> None:
    pytest.importorskip("decord")
    file = build(next(kind for kind in KINDS if kind.file == name))
    packed = Member(f"{pack(tmp_path / way, {name: file}, way)}!/{name}")
    decoder: DecoderName = "decord"
    assert same(load(Clip(source=file), POLICY, decoder=decoder), load(Clip(source=packed), POLICY, decoder=decoder))


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A folder of twelve frames."""
    folder = tmp_path / "frames" / "clip"
    folder.mkdir(parents=True)
    for number in range(1, 13):
        Image.fromarray(picture(number)).save(folder / f"{number:05}.png")
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_folders_and_lists_of_frames(way: str, frames: Path, tmp_path: Path) -> None:
    archive = pack(tmp_path / way, {f"f/clip/{file.name}": file for file in frames.iterdir()}, way)
    packed = Member(f"{archive}!/f/clip")
    for clip in (Clip(source=frames), Clip(source=frames, fps=3.0), Clip(source=frames, fps=3.0, start=1.0, end=2.5)):
        assert same(load(clip, POLICY), load(replace(clip, source=packed), POLICY))
    names = ["00003.png", "00001.png", "00007.png"]
    listed, inside = (Clip(source=tuple(folder / name for name in names)) for folder in (frames, packed))
    assert same(load(listed, POLICY), load(inside, POLICY))
    assert [Clip(source=packed).exists(), inside.exists()] == [True, True]
    assert not Clip(source=Member(f"{archive}!/f/gone")).exists()


@pytest.mark.parametrize("way", WAYS)
def test_animations(way: str, tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture(number)) for number in range(5)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=100)
    packed = Member(f"{pack(tmp_path / way, {'a.gif': tmp_path / 'a.gif'}, way)}!/a.gif")
    assert same(load(Clip(source=tmp_path / "a.gif"), POLICY), load(Clip(source=packed), POLICY))


def test_kept_frames_serve_both(build: BuildFile, tmp_path: Path) -> None:
    file = build(KINDS[0])
    packed = Clip(source=Member(f"{pack(tmp_path / 'a.zip', {'b.mp4': file})}!/b.mp4"))
    store = FrameStore(tmp_path / "store")
    keys = [store.key(clip, POLICY, "pyav") for clip in (packed, Clip(source=file))]
    assert None not in keys
    assert len({key.name for key in keys if key}) == 1
    first = load(packed, POLICY, store=store)
    again = load(Clip(source=file), POLICY, store=store)
    assert same(first, again)
    assert len(list((tmp_path / "store").rglob("*.frames"))) == 1


def _flip(data: bytearray) -> None:
    data[len(data) // 2 : len(data) // 2 + 50] = bytes(50)


@pytest.mark.parametrize(
    ("way", "change", "reason", "said"),
    [
        ("deflated.zip", _flip, "corrupt", "damaged|cannot be unpacked"),
        ("plain.tar", lambda data: data.__delitem__(slice(5000, None)), "truncated", "cut off, as its archive is"),
        (
            "stored.zip",
            lambda data: data.__delitem__(slice(5000, None)),
            "corrupt",
            "is no zip file, or one that is cut",
        ),
    ],
)
def test_what_is_wrong_with_an_archive_is_the_clips_error(
    way: str, change: Callable[[bytearray], None], reason: str, said: str, build: BuildFile, tmp_path: Path
) -> None:
    archive = pack(tmp_path / way, {"b.mp4": build(KINDS[0])}, way)
    data = bytearray(archive.read_bytes())
    change(data)
    archive.write_bytes(data)
    clip = Clip(source=Member(f"{archive}!/b.mp4"))
    loaded = load(clip, POLICY)
    assert loaded.frames is None
    assert loaded.error is not None
    assert loaded.error.reason == reason
    assert "\n" not in str(loaded.error)
    assert any(part in str(loaded.error) for part in said.split("|"))
    assert media_id(clip) is None


def test_a_missing_member_is_missing(tmp_path: Path) -> None:
    loaded = load(Clip(source=Member(f"{pack(tmp_path / 'a.zip', {'b': b''})}!/c.mp4")), POLICY)
    assert loaded.error is not None
    assert loaded.error.reason == "missing"
    empty = load(Clip(source=Member(f"{tmp_path}/a.zip!/b")), POLICY)
    assert empty.error is not None
    assert empty.error.reason == "empty"


def test_the_workers_message_names_them(tmp_path: Path) -> None:
    packed = Member(f"{tmp_path}/a.zip!/x/b.mp4")
    for clip in (Clip(source=packed), Clip(source=(packed, packed.parent / "c.jpg")), Clip(source=Path("a!/b.mp4"))):
        sent = replace(clip, more=(clip,))
        read = clip_from_json(json.loads(json.dumps(clip_to_json(sent))))
        assert read == sent
        before, after = (
            [type(path) for path in (one.source if isinstance(one.source, tuple) else (one.source,))]
            for one in (sent, read.more[0])
        )
        assert before == after


@pytest.mark.slow
def test_workers_read_them(build: BuildFile, tmp_path: Path) -> None:
    file = build(KINDS[0])
    packed = [Clip(source=Member(f"{pack(tmp_path / way, {'b.mp4': file}, way)}!/b.mp4")) for way in WAYS]
    expected = load(Clip(source=file), POLICY)
    with FrameLoader(workers=1) as loader:
        assert all(same(expected, loaded) for loaded in loader.load(packed, POLICY))
