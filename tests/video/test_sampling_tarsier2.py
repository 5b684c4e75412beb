"""Frames by the rule of branch `tarsier2`, and by frames per second: numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.core import Clip, FramePolicy, FrameRule, Selection
from eval.errors import MediaError
from eval.video.choosing import of_pictures, of_video, shares
from eval.video.frames import load_frames
from eval.video.sampling_tarsier2 import chosen_indices, even_indices, frame_shares
from eval.video.workers import FrameLoader, in_process
from tests.video.clips import encode

X = Path("x")


def chosen(n_frames: int, said: Selection | None = None, fps: float | None = 25.0, **span: float) -> list[int]:
    """Return the frames of a video of 100, at 25 a second where nothing else is said."""
    clip = Clip(source=X, selection=said, **span)  # type: ignore[arg-type]
    return chosen_indices(clip, FramePolicy(n_frames=n_frames, rule="tarsier2"), 100, fps)


def test_each_frame_comes_once() -> None:
    assert even_indices(10, 4) == [0, 3, 6, 9]
    assert even_indices(6, 3) == [0, 2, 5]  # 2.5 to even
    assert even_indices(3, 8) == [0, 1, 2]
    assert even_indices(5, 1) == [0]


def test_a_span_counts_with_both_ends_only() -> None:
    assert chosen(3, start=1.0, end=2.0) == [25, 37, 50]  # 25 + 12.5 to even
    assert chosen(3, start=1.0) == chosen(3, end=2.0) == chosen(3) == [0, 50, 99]
    assert chosen(1, start=1.0, end=2.0) == [25]
    assert chosen(3, start=0.0, end=1.0) == [0, 12, 25]
    assert chosen(2, start=0.5, end=1.02) == [12, 26]  # 12.5 to even, 25.5 to even
    assert chosen(3, Selection(first_frame=10, last_frame=20)) == [10, 15, 20]
    assert chosen(3, Selection(first_frame=90)) == [90, 94, 99]


def test_what_is_outside_is_dropped() -> None:
    # Frames 75, 87, 100 (100 is the length, and stands for 99) and 75, 94, 112, 131, 150.
    assert chosen(3, start=3.0, end=4.0) == [75, 87, 99]
    assert chosen(5, start=3.0, end=6.0) == [75, 94]
    assert chosen(9, Selection(indices=(-1, 4, 4, 99, 100, 2, 100))) == [4, 4, 99, 2, 99]
    assert chosen(9, Selection(times=(3.98, 0.26, 0.0, 4.1))) == [6, 0]  # 99.5 to even is 100, and not the last
    assert chosen(9, Selection(indices=(7,), is_image=True)) == [7]
    assert chosen(9, Selection(is_image=True)) == [0]


def test_a_rate_of_the_row_gives_way_to_its_share() -> None:
    assert chosen(20, Selection(fps=1.3)) == [0, 19, 38, 57, 76, 95]  # every round(19.2)th
    assert chosen(6, Selection(fps=1.3)) == [0, 19, 38, 57, 76, 95]
    assert chosen(5, Selection(fps=1.3)) == [0, 25, 50, 74, 99]  # 24.75, 49.5, 74.25
    assert chosen(3, Selection(fps=5.0), start=1.0, end=2.0) == [25, 37, 50]
    assert len(chosen(100, Selection(fps=49.0))) == 100  # every round(0.51)th


@pytest.mark.parametrize(
    ("said", "span", "fps", "reason"),
    [
        (None, {"start": 2.0, "end": 1.0}, 25.0, "its span ends at frame 25, before its beginning at frame 50"),
        (None, {"start": 9.0, "end": 11.0}, 25.0, "has 100 frames, and none of those asked for is among them"),
        (Selection(indices=(101, -3)), {}, 25.0, "none of those asked for"),
        (Selection(fps=50.1), {}, 25.0, "has 25 frames a second, too few to take 50.1 a second"),
        (Selection(fps=1.0), {}, None, "has no frame rate"),
        (Selection(times=(1.0,)), {}, None, "has no frame rate"),
        (None, {"start": 0.0, "end": 1.0}, None, "has no frame rate"),
        (None, {"start": 1e300, "end": 1e305}, 1e9, "none of those asked for"),
    ],
)
def test_what_cannot_be_shown_says_why(said: Selection | None, span: dict[str, float], fps: float, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        chosen(4, said, fps, **span)


def test_media_share_the_frames_of_a_prompt() -> None:
    plain, listed, picture = (
        Clip(source=X, selection=said) for said in (None, Selection(indices=(1, 2, 3)), Selection(is_image=True))
    )
    at_rate, least = Clip(source=X, selection=Selection(fps=1.0)), Clip(source=X, selection=Selection(min_frames=5))
    assert frame_shares([plain, plain], 7) == [4, 3]
    assert frame_shares([picture, plain, listed, plain], 9) == [1, 3, 3, 2]
    assert frame_shares([least, plain], 8) == [7, 1]
    assert frame_shares([least, picture], 4) == [5, 1]
    assert frame_shares([at_rate, listed], 16) == [253, 3]
    assert frame_shares([at_rate], 300) == [300]
    assert frame_shares([listed, plain], 3) == [3, 0]
    # Upstream counts the third turn in full: 9 of 8 frames, and the first gives its second one back.
    assert frame_shares([plain, plain, plain, listed], 8, 8) == [1, 2, 1, 3]


@pytest.mark.parametrize("rule", ["tarsier", "tarsier2"])
def test_frames_a_second(rule: FrameRule) -> None:
    def at(rate: float, most: int, own: float | None = 25.0, **span: float) -> list[int]:
        clip = Clip(source=X, **span)  # type: ignore[arg-type]
        return list(of_video(clip, FramePolicy(n_frames=most, rule=rule, fps=rate))(100, own))

    assert at(1.0, 8) == [0, 25, 50, 75]
    assert at(1.0, 4) == [0, 25, 50, 75]
    assert at(1.0, 3) == [0, 50, 99]
    assert at(2.0, 8, start=1.0, end=2.0) == [25, 37, 49]  # every round(12.5)th
    assert at(30.0, 100) == at(1000.0, 100) == list(range(100))
    assert at(1.0, 3, None) == [0, 50, 99]


@pytest.mark.parametrize("rule", ["tarsier", "tarsier2"])
def test_only_folders_have_a_rate_among_pictures(rule: FrameRule) -> None:
    policy = FramePolicy(n_frames=5, rule=rule, fps=1.0)
    assert list(of_pictures(Clip(source=X), policy)(20, 10.0)) == [0, 5, 10, 14, 19]  # 4.75, 9.5, 14.25
    assert list(of_pictures(Clip(source=X, fps=5.0), policy)(20, 5.0)) == [0, 5, 10, 15]


def test_gifs_lists_and_folders(tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.full((8, 8, 3), 20 * number, np.uint8)) for number in range(10)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=100)
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(pictures):
        picture.save(folder / f"{number}.png")
    files = tuple(folder / f"{number}.png" for number in range(10))

    def shown(clip: Clip, n_frames: int = 3) -> list[int]:
        frames = load_frames(clip, FramePolicy(n_frames=n_frames, rule="tarsier2"))
        return [round(frame.convert("RGB").getpixel((0, 0))[0] / 20) for frame in frames]  # type: ignore[index]

    gif = tmp_path / "a.gif"
    assert shown(Clip(source=gif)) == [0, 4, 9]
    assert shown(Clip(source=gif, start=0.2, end=0.6)) == [2, 4, 6]
    assert shown(Clip(source=gif, selection=Selection(indices=(5, 2, 5)))) == [2, 5]
    assert shown(Clip(source=gif, selection=Selection(fps=3.0)), 4) == [0, 3, 6, 9]
    assert shown(Clip(source=gif, selection=Selection(is_image=True))) == [0]
    assert shown(Clip(source=files, selection=Selection(indices=(5, 2, 5)))) == [5, 2, 5]
    assert shown(Clip(source=files, selection=Selection(first_frame=4, last_frame=8))) == [4, 6, 8]
    assert shown(Clip(source=folder, fps=5.0, start=0.2, end=1.0)) == [1, 3, 5]
    with pytest.raises(MediaError, match="has no frame rate"):
        shown(Clip(source=files, start=0.0, end=1.0))


@pytest.mark.slow
def test_several_media_come_together_from_workers_as_from_this_process(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp4", "libx264")
    encode(tmp_path / "b.mp4", "libx264")
    Image.new("RGB", (30, 20), "red").save(tmp_path / "p.png")
    picture = Clip(source=tmp_path / "p.png", selection=Selection(is_image=True))
    second = Clip(source=tmp_path / "b.mp4", selection=Selection(indices=(2, 1, 2)))
    several = Clip(source=tmp_path / "a.mp4", more=(picture, second))
    lost = Clip(source=tmp_path / "a.mp4", more=(Clip(source=tmp_path / "gone.mp4"),))
    policy = FramePolicy(n_frames=7, rule="tarsier2")
    assert shares(several, policy) == [3, 1, 3]
    expected = list(in_process([several, lost], policy))
    with FrameLoader(workers=1, store=tmp_path / "store") as loader:
        for _ in range(2):  # the second time from the store
            found = list(loader.load([several, lost], policy))
            assert [one.counts for one in found] == [one.counts for one in expected] == [(3, 1, 3), ()]
            first, other = found[0].frames, expected[0].frames
            assert first is not None
            assert other is not None
            assert [frame.tobytes() for frame in first] == [frame.tobytes() for frame in other]
            assert first[4] is first[6]
            assert found[1].error is not None
            assert "gone.mp4" in str(found[1].error)
            assert found[0].media == expected[0].media is not None


def test_a_medium_for_which_no_frame_is_left_is_an_error(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "p.png")
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    picture = Clip(source=tmp_path / "p.png", selection=Selection(is_image=True))
    clip = Clip(source=tmp_path / "p.png", selection=picture.selection, more=(picture, Clip(source=tmp_path / "a.gif")))
    (loaded,) = in_process([clip], FramePolicy(n_frames=2, rule="tarsier2"))
    assert loaded.error is not None
    assert "a.gif: gets none of the 2 frames" in str(loaded.error)
