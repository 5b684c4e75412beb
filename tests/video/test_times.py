"""Frames know when they are shown, where their medium has a rate, whichever way they come."""

from __future__ import annotations

import socket
import threading

import pytest
from PIL import Image

from eval.core import NUMBER, SECONDS, Area, Clip, FramePolicy
from eval.video import loading, worker_protocol
from eval.video.frame_store import FrameStore
from tests.video.clips import encode


def times(loaded):
    return [frame.info.get(SECONDS) for frame in loaded.frames]


@pytest.fixture
def video(tmp_path):
    encode(tmp_path / "a.mkv", "mpeg4", numbers=range(10))
    return Clip(source=tmp_path / "a.mkv")


def test_frames_of_a_video(video, tmp_path):
    """Of ten frames the first, fourth, seventh and tenth, also resized and from a store."""
    policy = FramePolicy(n_frames=4, rule="tarsier2", size=Area(max_pixels=400))
    store = FrameStore(tmp_path / "store")
    first, again = (loading.load(video, policy, store=store) for _ in range(2))
    apart = times(first)[1]
    assert apart > 0
    assert times(first) == pytest.approx([0, apart, 2 * apart, 3 * apart])
    assert times(again) == times(first)


def test_they_come_over_the_socket(video):
    loaded = loading.load(video, FramePolicy(n_frames=4), draw=True)
    here, there = socket.socketpair()
    sending = threading.Thread(target=worker_protocol.send_loaded, args=(there, loaded, loaded.prepare[1]))
    sending.start()
    message = worker_protocol.read_message(here)
    reply = worker_protocol.read_reply(message, wanted=[4], max_bytes=1 << 24)
    pixels = bytearray()
    while len(pixels) < reply.n_bytes:
        pixels += here.recv(1 << 16)
    sending.join()
    here.close()
    there.close()
    assert [frame.info[SECONDS] for frame in reply.images(pixels)] == times(loaded)
    assert [frame.info[NUMBER] for frame in reply.images(pixels)] == [0, 3, 6, 9]
    drawn = reply.drawn(pixels)
    assert drawn is not None
    assert loaded.strip is not None
    assert (drawn, drawn.content) == (loaded.strip, loaded.strip.content)
    with pytest.raises(worker_protocol.NonsenseError):
        worker_protocol.read_reply({**message, "about": [[0, 0.0, 0.0]]}, wanted=[4], max_bytes=1 << 24)
    name = f"{0:016}.webp"
    for strip in (["../../a.webp", 4, 8, 8, 10], [name, 4, 8, 8, 1 << 30], [name, 0, 8, 8, 10]):
        with pytest.raises(worker_protocol.NonsenseError):
            worker_protocol.read_reply({**message, "strip": strip}, wanted=[4], max_bytes=1 << 24)


@pytest.mark.parametrize(("fps", "expected"), [(2.0, [0.0, 0.5, 1.0]), (None, [None] * 3)])
def test_frames_of_a_list(tmp_path, fps, expected):
    files = tuple(tmp_path / f"{i}.png" for i in range(3))
    for i, file in enumerate(files):
        Image.new("RGB", (8, 8), (i, i, i)).save(file)
    assert times(loading.load(Clip(source=files, fps=fps), FramePolicy(n_frames=8))) == expected


def shown(clip, n_frames=4, **policy):
    (found,) = loading.load(clip, FramePolicy(n_frames=n_frames, **policy)).shown
    return found


def test_what_was_shown_of_a_video(video):
    """Of ten frames the third to the seventh."""
    apart = times(loading.load(video, FramePolicy(n_frames=10)))[1]
    span = Clip(source=video.source, start=2 * apart, end=6 * apart)
    found = shown(span, n_frames=3)
    assert found.file == str(video.source)
    assert (found.start, found.end) == (span.start, span.end)
    assert found.frames == (2, 4, 6)
    assert found.times == pytest.approx([2 * apart, 4 * apart, 6 * apart])


def test_the_files_of_a_folder_are_counted_from_its_beginning(tmp_path):
    """At 2 a second 1.0 to 2.0 s are files 2 to 4, counted from 1."""
    for i in range(6):
        Image.new("RGB", (8, 8), (i, i, i)).save(tmp_path / f"{i}.png")
    found = shown(Clip(source=tmp_path, start=1.0, end=2.0, fps=2.0), n_frames=8)
    assert found.frames == (1, 2, 3)
    assert found.times == (0.5, 1.0, 1.5)


def test_the_frames_of_a_gif_have_numbers_and_no_times(tmp_path):
    pictures = [Image.new("RGB", (8, 8), (60 * i, 0, 0)) for i in range(4)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 300, 100, 100])
    found = shown(Clip(source=tmp_path / "a.gif"), n_frames=2)
    assert len(found.frames) == 2
    assert found.frames[0] == 0
    assert found.times == ()


def test_each_medium_of_a_prompt_has_its_own(tmp_path, video):
    Image.new("RGB", (8, 8)).save(tmp_path / "b.png")
    both = Clip(source=video.source, more=(Clip(source=tmp_path / "b.png"),))
    found = loading.load(both, FramePolicy(n_frames=4, rule="tarsier2")).shown
    assert [each.file for each in found] == [str(video.source), str(tmp_path / "b.png")]
    assert found[1].frames == (0,)


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
def test_frames_that_are_shown_for_unequal_times(tmp_path, decoder):
    """Pictures at 0, 1, 2, 3, 60 and 61 of 25 a second: the average rate would say otherwise."""
    pytest.importorskip(decoder if decoder == "decord" else "av")
    at = [0, 1, 2, 3, 60, 61]
    encode(tmp_path / "a.mp4", "libx264", numbers=range(6), times=at.__getitem__)
    (found,) = loading.load(Clip(source=tmp_path / "a.mp4"), FramePolicy(n_frames=6), decoder=decoder).shown
    assert found.frames == (0, 1, 2, 3, 4, 5)
    apart = found.times[1]
    assert apart > 0
    assert found.times == pytest.approx([number * apart for number in at], rel=1e-3)
