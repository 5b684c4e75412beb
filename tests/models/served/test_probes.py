"""Probes of models that are not of this project's own: what a served model and a foreign checkpoint are shown."""

from __future__ import annotations

import json

import pytest

from eval.__main__ import main
from tests.cli.runs import needs_world
from tests.client.server import JudgeServer
from tests.models import foreign
from tests.models.served.test_served import opened, sent

pytestmark = [pytest.mark.slow, needs_world]


def probe(tmp_path, model, probes, *more):
    given = ["--bench", "mvbench/moving_direction", "--limit", "2", "--model", str(model), "--probes", probes]
    return main(["probe", *given, "--out", str(tmp_path / "probes"), f"replies={tmp_path / 'r.sqlite'}", *more])


def outputs(tmp_path, name):
    lines = (tmp_path / "probes" / name / "predictions.jsonl").read_text().splitlines()
    return {(one := json.loads(line))["id"]: one for line in lines}


def shown(body):
    """The pictures of a request, as bytes, and its text."""
    parts = body["messages"][0]["content"]
    pictures = [opened(part["image_url"]["url"]).tobytes() for part in parts if part["type"] == "image_url"]
    return pictures, "".join(part["text"] for part in parts if part["type"] == "text")


def test_a_served_model_is_sent_what_each_probe_shows(tmp_path):
    with JudgeServer(lambda _: "A", continues=True) as server:
        assert probe(tmp_path, server.url, "no-video,one-frame,reversed,rotated", "model.picture=png") == 0
        bodies = [shown(body) for body in sent(server)]
    asked: dict[str, list[list[bytes]]] = {}
    for pictures, text in bodies:
        asked.setdefault(text, []).append(pictures)
    plain = [prompt["prompt"] for prompt in outputs(tmp_path, "plain").values()]
    assert len(plain) == 2
    n_moved = 0
    for text, each in asked.items():
        whole = [pictures for pictures in each if len(pictures) == 8]
        grey = [pictures for pictures in whole if len(set(pictures)) == 1]
        if not grey:  # options moved: asked about the frames as they are
            n_moved += 1
            continue
        (there, back) = [pictures for pictures in whole if pictures not in grey]
        assert there == back[::-1]
        (one,) = [pictures for pictures in each if len(pictures) == 1]
        assert one[0] in there
        assert len(set(grey[0][0])) == 1, text
    assert len(asked) - n_moved == 2
    # Each of two questions, with its options in every other place.
    rotated = outputs(tmp_path, "rotated")
    assert n_moved == len(rotated) > 2


def test_a_foreign_checkpoint_is_shown_what_each_probe_shows(tmp_path):
    folder = foreign.checkpoint("llava_onevision", tmp_path / "llava_onevision")
    settings = ["model.device=cpu", "model.max_new_tokens=2"]
    assert probe(tmp_path, folder, "no-video,one-frame,reversed", *settings) == 0
    for name, n in (("plain", 16), ("no-video", 16), ("one-frame", 1), ("reversed", 16)):
        found = outputs(tmp_path, name)
        assert len(found) == 2
        assert all(one["error"] is None and one["n_frames"] == n for one in found.values()), name
    forth, back = (outputs(tmp_path, name) for name in ("plain", "reversed"))
    assert all(forth[key]["shown"][0]["frames"] == back[key]["shown"][0]["frames"][::-1] for key in forth)
