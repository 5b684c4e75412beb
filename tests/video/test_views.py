"""Views of a clip: the same frames in another order, or one of them, never loaded twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from eval.core import NUMBER, SECONDS, Clip, FramePolicy, LoadedClip, View
from eval.errors import MediaError
from eval.video.choosing import shares
from eval.video.loading import load
from eval.video.views import seen
from eval.video.worker_protocol import clip_from_json, clip_to_json

CLIP = Clip(source=Path("a.mp4"))


def frames(*numbers, fps=2.0):
    found = []
    for number in numbers:
        frame = Image.new("RGB", (2, 2), (number, 0, 0))
        frame.info |= {NUMBER: number, **({SECONDS: number / fps} if fps else {})}
        found.append(frame)
    return found


def view(order, clip=CLIP, seed=""):
    return Clip(source=clip.source, more=clip.more, view=View(order=order, seed=seed))


def shown(loaded):
    return [frame.info[NUMBER] for frame in loaded.frames]


def test_frames_backwards_keep_the_times_of_their_places():
    given = frames(0, 4, 8)
    found = seen(LoadedClip(clip=CLIP, frames=given), view("reversed"))
    assert shown(found) == [8, 4, 0]
    # A model that is told times would put frames in order by them.
    backwards = found.frames or ()
    assert [frame.info[SECONDS] for frame in backwards] == [0.0, 2.0, 4.0]
    assert [frame.getpixel((0, 0)) for frame in backwards] == [(8, 0, 0), (4, 0, 0), (0, 0, 0)]
    assert [frame.info[SECONDS] for frame in given] == [0.0, 2.0, 4.0]
    assert found.clip.view is not None
    assert found.shown[0].frames == (8, 4, 0)


def test_frames_without_times_are_the_same_objects():
    given = frames(0, 1, 2, fps=None)
    assert seen(LoadedClip(clip=CLIP, frames=given), view("reversed")).frames == given[::-1]


@pytest.mark.parametrize(("n", "middle"), [(1, 0), (2, 1), (7, 3), (8, 4)])
def test_the_middle_frame_stands_alone(n, middle):
    assert shown(seen(LoadedClip(clip=CLIP, frames=frames(*range(n))), view("middle"))) == [middle]


def test_a_shuffled_order_is_another_one_and_the_seed_s():
    given = LoadedClip(clip=CLIP, frames=frames(*range(8)))
    orders = {seed: shown(seen(given, view("shuffled", seed=seed))) for seed in map(str, range(50))}
    assert orders == {seed: shown(seen(given, view("shuffled", seed=seed))) for seed in orders}
    assert all(sorted(order) == list(range(8)) for order in orders.values())
    assert len(set(map(tuple, orders.values()))) > 40
    two = LoadedClip(clip=CLIP, frames=frames(0, 1))
    assert {tuple(shown(seen(two, view("shuffled", seed=str(seed))))) for seed in range(20)} == {(1, 0)}


def test_frames_that_are_all_one_cannot_be_shuffled():
    (one,) = frames(0)
    assert shown(seen(LoadedClip(clip=CLIP, frames=[one] * 4), view("shuffled"))) == [0] * 4
    assert shown(seen(LoadedClip(clip=CLIP, frames=[one]), view("shuffled"))) == [0]


def test_each_medium_is_changed_by_itself():
    clip = Clip(source=Path("a.mp4"), more=(Clip(source=Path("b.mp4")),))
    given = LoadedClip(clip=clip, frames=[*frames(0, 1, 2), *frames(5, 6)], counts=(3, 2))
    assert shown(seen(given, view("reversed", clip))) == [2, 1, 0, 6, 5]
    found = seen(given, view("middle", clip))
    assert (shown(found), found.counts) == ([1, 6], (1, 1))


def test_an_error_is_that_of_every_view():
    error = MediaError("a.mp4", "empty", "is empty")
    found = seen(LoadedClip(clip=CLIP, frames=None, error=error), view("reversed"))
    assert (found.frames, found.error) == (None, error)


def test_a_clip_s_own_number_of_frames_comes_before_the_policy_s():
    clip = Clip(source=Path("a.mp4"), n_frames=3)
    for policy in (FramePolicy(n_frames=8), FramePolicy(n_frames=8, fps=1.0), FramePolicy(n_frames=8, rule="tarsier2")):
        assert shares(clip, policy) == [3]
    assert clip_from_json(json.loads(json.dumps(clip_to_json(clip)))) == clip


def test_that_many_frames_are_loaded(tmp_path):
    files = tuple(tmp_path / f"{n}.png" for n in range(9))
    for n, file in enumerate(files):
        Image.new("RGB", (2, 2), (n, 0, 0)).save(file)
    found = load(Clip(source=files, n_frames=3), FramePolicy(n_frames=8)).frames or ()
    assert [frame.info[NUMBER] for frame in found] == [0, 4, 8]
