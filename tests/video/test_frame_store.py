"""A kept frame is the frame that would be decoded, or it is decoded."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from eval.core import Area, Clip, FramePolicy, LoadedClip, PictureRules, Selection, Square
from eval.video import frame_store, frames, loading
from eval.video.frame_store import FrameStore
from eval.video.workers import FrameLoader
from tests.video.clips import encode, picture


@pytest.fixture
def store(tmp_path: Path) -> FrameStore:
    return FrameStore(tmp_path / "store")


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    encode(tmp_path / "a.mkv", "mpeg4", numbers=range(10))
    return Clip(source=tmp_path / "a.mkv")


def entries(store: FrameStore) -> list[Path]:
    return sorted(store.folder.glob("??/*.frames"))


def policy(n_frames: int, side: int | None) -> FramePolicy:
    return FramePolicy(n_frames=n_frames, size=Square(side=side) if side else None)


def load(store: FrameStore | None, clip: Clip, *, n_frames: int = 4, side: int | None = 56) -> LoadedClip:
    return loading.load(clip, policy(n_frames, side), store=store)


def pixels(loaded: LoadedClip) -> list[bytes]:
    assert loaded.frames is not None, loaded.error
    return [frame.tobytes() for frame in loaded.frames]


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("decoded although it is kept")


@pytest.mark.parametrize("side", [None, 56])
def test_a_kept_clip_is_not_decoded(
    store: FrameStore, clip: Clip, monkeypatch: pytest.MonkeyPatch, side: int | None
) -> None:
    expected = pixels(load(None, clip, n_frames=16, side=side))
    assert pixels(load(store, clip, n_frames=16, side=side)) == expected
    monkeypatch.setattr(loading, "load_frames", refuse)
    again = load(store, clip, n_frames=16, side=side)
    assert pixels(again) == expected
    assert again.frames is not None
    assert len({id(frame) for frame in again.frames}) == 10  # the repeated ones are the same objects again


def test_another_name_is_the_same_clip_and_other_content_is_not(
    store: FrameStore, clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(clip.source, Path)
    first = pixels(load(store, clip))
    renamed = Clip(source=clip.source.rename(tmp_path / "b.mkv"))
    with monkeypatch.context() as patch:
        patch.setattr(loading, "load_frames", refuse)
        assert pixels(load(store, renamed)) == first
    encode(tmp_path / "b.mkv", "mpeg4", numbers=range(20, 30))
    assert pixels(load(store, renamed)) != first
    assert len(entries(store)) == 2


def test_whatever_was_asked_is_part_of_the_key(store: FrameStore, clip: Clip, tmp_path: Path) -> None:
    assert isinstance(clip.source, Path)
    for number in range(3):
        Image.fromarray(picture(number)).save(tmp_path / f"{number}.png")
    files = tuple(tmp_path / f"{number}.png" for number in range(3))
    asked = [
        (clip, 4, 56),
        (clip, 5, 56),
        (clip, 4, 57),
        (clip, 4, None),
        (Clip(source=clip.source, start=0.1), 4, 56),
        (Clip(source=clip.source, end=0.1), 4, 56),
        (Clip(source=files), 4, 56),
        (Clip(source=files[:2]), 4, 56),
        (Clip(source=files[::-1]), 4, 56),
        (Clip(source=files[0]), 4, 56),
        (Clip(source=files[:1]), 4, 56),
        (Clip(source=tmp_path), 4, 56),
        (Clip(source=tmp_path, fps=1.0, start=2.0), 4, 56),
        (Clip(source=clip.source, selection=Selection(first_frame=1)), 4, 56),
        (Clip(source=clip.source, selection=Selection(last_frame=1)), 4, 56),
        (Clip(source=clip.source, more=(Clip(source=files[0]),)), 4, 56),
        (Clip(source=clip.source, more=(Clip(source=files[1]),)), 4, 56),
        (Clip(source=clip.source, more=(Clip(source=files[1], end=0.1),)), 4, 56),
    ]
    keys = [store.key(clip, policy(n, side), "pyav") for clip, n, side in asked]
    assert None not in keys
    assert len({key.name for key in keys if key}) == len(asked)
    again = [FrameStore(store.folder).key(clip, policy(n, side), "pyav") for clip, n, side in asked]
    assert again == keys


def test_the_whole_policy_is_part_of_the_key(store: FrameStore, clip: Clip) -> None:
    plain, area = policy(4, 56), Area(max_pixels=100)
    others = [
        plain,
        replace(plain, rule="tarsier2"),
        replace(plain, fps=1.0),
        replace(plain, size=area),
        replace(plain, size=replace(area, min_pixels=50)),
        replace(plain, size=replace(area, factor=28)),
    ]
    keys = [store.key(clip, each, "pyav") for each in others]
    assert None not in keys
    assert len({key.name for key in keys if key}) == len(others)


def test_the_rules_for_pictures_are_part_of_the_key(store: FrameStore, clip: Clip) -> None:
    rules = [PictureRules(), PictureRules(deep="scale"), PictureRules(exif_orientation=True)]
    assert len({store.key(clip, policy(4, 56), "pyav", each) for each in rules}) == 3


def test_versions_are_part_of_the_key(store: FrameStore, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    key = store.key(clip, policy(4, 56), "pyav")
    for name, value in (("_FORMAT", 99), ("_pillow", lambda: "99"), ("decoder_version", lambda _: {"av": "99"})):
        with monkeypatch.context() as patch:
            patch.setattr(frame_store, name, value)
            other = FrameStore(store.folder).key(clip, policy(4, 56), "pyav")
        assert key
        assert other
        assert other.name != key.name


def test_damaged_entries_are_made_anew(store: FrameStore, clip: Clip) -> None:
    expected = pixels(load(store, clip))
    (entry,) = entries(store)
    whole = entry.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damage in (b"", whole[:10], whole[:-1], whole[:-40], whole + b"x", bytes(len(whole)), bytes(flipped)):
        entry.write_bytes(damage)
        assert pixels(load(store, clip)) == expected
        assert entry.read_bytes() == whole


def test_an_entry_under_another_ones_name_is_not_taken(store: FrameStore, clip: Clip) -> None:
    first, second = pixels(load(store, clip)), pixels(load(store, clip, side=40))
    one, two = entries(store)
    data = one.read_bytes(), two.read_bytes()
    one.write_bytes(data[1])
    two.write_bytes(data[0])
    assert pixels(load(store, clip)) == first
    assert pixels(load(store, clip, side=40)) == second


def test_failures_are_not_kept(store: FrameStore, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    os.mkfifo(tmp_path / "pipe.png")
    for source in (path, tmp_path / "gone", tmp_path / "pipe.png", (tmp_path / "pipe.png",), (), tmp_path):
        path.write_bytes(b"no video")
        assert load(store, Clip(source=source)).error is not None
    assert entries(store) == []
    encode(path, "mpeg4", numbers=range(10))
    assert load(store, Clip(source=path)).error is None


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    store: FrameStore, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = frames.load_frames

    def change(asked: Clip, *args: int, **settings: str) -> object:
        found = plain(asked, *args, **settings)  # type: ignore[arg-type]
        assert isinstance(clip.source, Path)
        encode(clip.source, "mpeg4", numbers=range(30, 45))
        return found

    monkeypatch.setattr(loading, "load_frames", change)
    assert "was changed while it was read" in str(load(store, clip).error)
    assert entries(store) == []


def test_a_disk_that_refuses_costs_nothing_but_time(clip: Clip, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert pixels(load(FrameStore(tmp_path / "file"), clip)) == pixels(load(None, clip))


def test_what_killed_processes_left_is_removed(store: FrameStore, clip: Clip) -> None:
    load(store, clip)
    unfinished = store.folder / "unfinished"
    assert list(unfinished.iterdir()) == []
    for name in ("old", "new"):
        (unfinished / name).touch()
    os.utime(unfinished / "old", (0, time.time() - 100_000))
    FrameStore(store.folder)
    assert [left.name for left in unfinished.iterdir()] == ["new"]


@pytest.mark.slow
def test_workers_use_it_at_once(clip: Clip, tmp_path: Path) -> None:
    expected = pixels(load(None, clip))
    store = FrameStore(tmp_path / "store")
    for _ in range(2):
        with FrameLoader(workers=2, store=store.folder) as loader:
            found = list(loader.load([clip] * 6, FramePolicy(n_frames=4, size=Square(side=56))))
        assert [pixels(one) for one in found] == [expected] * 6
        assert len(entries(store)) == 1
