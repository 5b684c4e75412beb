"""Frames know when they are shown, where their medium has a rate, whichever way they come."""

from __future__ import annotations

import socket
import threading

import pytest
from PIL import Image

from eval.core import SECONDS, Area, Clip, FramePolicy
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
    loaded = loading.load(video, FramePolicy(n_frames=4))
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
    with pytest.raises(worker_protocol.NonsenseError):
        worker_protocol.read_reply({**message, "seconds": [0.0]}, wanted=[4], max_bytes=1 << 24)


@pytest.mark.parametrize(("fps", "expected"), [(2.0, [0.0, 0.5, 1.0]), (None, [None] * 3)])
def test_frames_of_a_list(tmp_path, fps, expected):
    files = tuple(tmp_path / f"{i}.png" for i in range(3))
    for i, file in enumerate(files):
        Image.new("RGB", (8, 8), (i, i, i)).save(file)
    assert times(loading.load(Clip(source=files, fps=fps), FramePolicy(n_frames=8))) == expected
